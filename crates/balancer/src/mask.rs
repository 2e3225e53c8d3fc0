//! A set of endpoints by index, without allocation as long as they are few.

/// Indices that need no allocation, and words that hold them.
const FEW: usize = 128;
const LOW: usize = FEW / 64;

/// Words that hold the other indices.
const HIGH: usize = Mask::CAPACITY / 64 - LOW;

/// A set of indices below [`Mask::CAPACITY`]. Allocates when it first holds one from 128 up.
#[derive(Debug, Default)]
pub struct Mask {
    low: [u64; LOW],
    high: Option<Box<[u64; HIGH]>>,
}

impl Mask {
    /// Indices go from 0 to one less than this.
    pub const CAPACITY: usize = 4_096;

    /// How many words there may be.
    pub(crate) const WORDS: usize = Self::CAPACITY / 64;

    /// The empty set.
    pub const EMPTY: Self = Self { low: [0; LOW], high: None };

    /// The indices below `count` (at most [`Mask::CAPACITY`]).
    #[must_use]
    pub fn first(count: usize) -> Self {
        let mut mask = Self::EMPTY;
        for at in 0..count.min(Self::CAPACITY).div_ceil(64) {
            let here = count - at * 64;
            *mask.word_mut(at) = if here >= 64 { u64::MAX } else { (1 << here) - 1 };
        }
        mask
    }

    /// Whether `index` is in the set.
    #[must_use]
    pub fn contains(&self, index: usize) -> bool {
        self.word(index / 64) & (1 << (index % 64)) != 0
    }

    /// Adds `index`; ignored at or above the capacity.
    pub fn insert(&mut self, index: usize) {
        if index < Self::CAPACITY {
            *self.word_mut(index / 64) |= 1 << (index % 64);
        }
    }

    /// Removes `index`.
    pub fn remove(&mut self, index: usize) {
        if self.contains(index) {
            *self.word_mut(index / 64) &= !(1 << (index % 64));
        }
    }

    /// Whether nothing is in the set.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.low == [0; LOW] && self.high.as_ref().is_none_or(|high| high.iter().all(|word| *word == 0))
    }

    /// How many indices are in the set.
    #[must_use]
    pub fn len(&self) -> usize {
        (0..self.words()).map(|at| self.word(at).count_ones() as usize).sum()
    }

    /// The indices, ascending.
    #[must_use]
    pub fn iter(&self) -> Indices<'_> {
        Indices { mask: self, at: 0, left: self.low[0] }
    }

    /// The `n`-th index (from 0), if there are that many.
    #[must_use]
    pub fn nth(&self, n: usize) -> Option<usize> {
        self.iter().nth(n)
    }

    /// Removes what is not in `other`.
    pub(crate) fn keep(&mut self, other: &Self) {
        (0..self.words()).for_each(|at| *self.word_mut(at) &= other.word(at));
    }

    /// Removes what is in `other`.
    pub(crate) fn subtract(&mut self, other: &Self) {
        (0..self.words()).for_each(|at| *self.word_mut(at) &= !other.word(at));
    }

    /// Adds what is in `other`.
    pub(crate) fn unite(&mut self, other: &Self) {
        (0..other.words()).filter(|at| other.word(*at) != 0).for_each(|at| *self.word_mut(at) |= other.word(at));
    }

    /// Whether an index is in both.
    pub(crate) fn meets(&self, other: &Self) -> bool {
        (0..self.words()).any(|at| self.word(at) & other.word(at) != 0)
    }

    /// Removes everything; the memory stays.
    pub(crate) fn clear(&mut self) {
        (0..self.words()).for_each(|at| *self.word_mut(at) = 0);
    }

    /// Which of the sixty-four indices from `64 * at` on are in the set.
    #[inline]
    pub(crate) fn word(&self, at: usize) -> u64 {
        match self.low.get(at) {
            Some(word) => *word,
            None => self.high.as_ref().and_then(|high| high.get(at - LOW)).copied().unwrap_or(0),
        }
    }

    /// Which of the sixty-four indices from `first` on are in the set.
    pub(crate) fn from(&self, first: usize) -> u64 {
        let (at, shift) = (first / 64, first % 64);
        // Nothing is left of the upper word where the lower is whole.
        self.word(at) >> shift | self.word(at + 1).checked_shl(64 - shift as u32).unwrap_or(0)
    }

    /// How many words there are now.
    fn words(&self) -> usize {
        if self.high.is_some() { Self::WORDS } else { LOW }
    }

    /// A word below the last.
    fn word_mut(&mut self, at: usize) -> &mut u64 {
        if at < LOW { &mut self.low[at] } else { &mut self.high.get_or_insert_with(|| Box::new([0; HIGH]))[at - LOW] }
    }
}

impl Clone for Mask {
    fn clone(&self) -> Self {
        Self { low: self.low, high: self.high.clone() }
    }

    fn clone_from(&mut self, source: &Self) {
        self.low = source.low;
        match (&mut self.high, &source.high) {
            (Some(ours), Some(theirs)) => **ours = **theirs,
            (Some(ours), None) => **ours = [0; HIGH],
            (none, high) => none.clone_from(high),
        }
    }
}

impl PartialEq for Mask {
    fn eq(&self, other: &Self) -> bool {
        (0..self.words().max(other.words())).all(|at| self.word(at) == other.word(at))
    }
}

impl Eq for Mask {}

/// The indices of a [`Mask`], ascending.
#[derive(Debug, Clone)]
pub struct Indices<'a> {
    mask: &'a Mask,
    at: usize,
    left: u64,
}

impl Iterator for Indices<'_> {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        while self.left == 0 {
            if self.at + 1 >= self.mask.words() {
                return None;
            }
            self.at += 1;
            self.left = self.mask.word(self.at);
        }
        let index = self.at * 64 + self.left.trailing_zeros() as usize;
        self.left &= self.left - 1;
        Some(index)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_holds_exactly_the_indices_below() {
        for count in [0, 1, 63, 64, 65, 127, 128, 129, 191, 192, 1_000, 4_095, 4_096] {
            let mask = Mask::first(count);
            assert_eq!(mask.len(), count);
            assert_eq!(mask.is_empty(), count == 0);
            assert_eq!(mask.iter().collect::<Vec<_>>(), (0..count).collect::<Vec<_>>());
            assert_eq!(mask.nth(count.saturating_sub(1)), count.checked_sub(1));
            assert_eq!(mask.nth(count), None);
        }
    }

    #[test]
    fn what_is_out_of_range_is_never_in_the_set() {
        let mut mask = Mask::first(9_999);
        assert_eq!(mask, Mask::first(Mask::CAPACITY));
        for index in [Mask::CAPACITY, 9_999, usize::MAX] {
            mask.insert(index);
            mask.remove(index);
            assert!(!mask.contains(index));
        }
        assert_eq!(mask.len(), Mask::CAPACITY);
        mask.remove(127);
        mask.remove(4_095);
        assert!(!mask.contains(127) && !mask.contains(4_095));
        assert_eq!(mask.len(), Mask::CAPACITY - 2);
    }

    #[test]
    fn sets_are_joined_and_cut_as_sets_of_numbers_are() {
        let of = |indices: &[usize]| {
            let mut mask = Mask::EMPTY;
            indices.iter().for_each(|index| mask.insert(*index));
            mask
        };
        let few: &[usize] = &[0, 3, 64, 127];
        let many: &[usize] = &[3, 127, 128, 900, 4_095];
        for (a, b) in [(few, many), (many, few), (few, few), (many, many), (few, &[]), (&[], many)] {
            let both: Vec<usize> = a.iter().copied().filter(|index| b.contains(index)).collect();
            let only: Vec<usize> = a.iter().copied().filter(|index| !b.contains(index)).collect();
            let [mut kept, mut cut, mut joined] = [of(a), of(a), of(a)];
            kept.keep(&of(b));
            cut.subtract(&of(b));
            joined.unite(&of(b));
            assert_eq!((&kept, &cut), (&of(&both), &of(&only)));
            assert_eq!(joined, of(&[a, b].concat()));
            assert_eq!(of(a).meets(&of(b)), !both.is_empty());
            for first in [0, 1, 63, 64, 100, 4_090] {
                let bits = (0..64).fold(0, |bits, at| bits | u64::from(a.contains(&(first + at))) << at);
                assert_eq!(of(a).from(first), bits, "{a:?} from {first}");
            }
            let mut copy = of(a);
            copy.clone_from(&of(b));
            assert_eq!(copy, of(b));
            copy.clear();
            assert!(copy.is_empty());
        }
    }

    #[test]
    fn sets_are_equal_that_hold_the_same() {
        let mut mask = Mask::first(3);
        mask.insert(700);
        assert_ne!(mask, Mask::first(3));
        mask.remove(700);
        assert_eq!(mask, Mask::first(3));
        mask.remove(1_000);
        assert_eq!(mask.iter().collect::<Vec<_>>(), [0, 1, 2]);
    }
}
