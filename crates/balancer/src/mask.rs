//! A set of endpoints by index, without allocation.

/// A set of indices below [`Mask::CAPACITY`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Mask([u64; 4]);

impl Mask {
    /// Indices go from 0 to one less than this.
    pub const CAPACITY: usize = 256;

    /// The empty set.
    pub const EMPTY: Self = Self([0; 4]);

    /// The indices below `count` (at most [`Mask::CAPACITY`]).
    #[must_use]
    pub fn first(count: usize) -> Self {
        let mut words = [0; 4];
        for (at, word) in words.iter_mut().enumerate() {
            *word = match count.saturating_sub(at * 64) {
                0 => 0,
                bits @ 1..=63 => (1 << bits) - 1,
                _ => u64::MAX,
            };
        }
        Self(words)
    }

    /// Whether `index` is in the set.
    #[must_use]
    pub const fn contains(&self, index: usize) -> bool {
        index < Self::CAPACITY && self.0[index / 64] & (1 << (index % 64)) != 0
    }

    /// Adds `index`; ignored at or above the capacity.
    pub const fn insert(&mut self, index: usize) {
        if index < Self::CAPACITY {
            self.0[index / 64] |= 1 << (index % 64);
        }
    }

    /// Removes `index`.
    pub const fn remove(&mut self, index: usize) {
        if index < Self::CAPACITY {
            self.0[index / 64] &= !(1 << (index % 64));
        }
    }

    /// Whether nothing is in the set.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0[0] | self.0[1] | self.0[2] | self.0[3] == 0
    }

    /// How many indices are in the set.
    #[must_use]
    pub const fn len(&self) -> usize {
        (self.0[0].count_ones() + self.0[1].count_ones() + self.0[2].count_ones() + self.0[3].count_ones()) as usize
    }

    /// The indices, ascending.
    pub fn iter(&self) -> impl Iterator<Item = usize> + use<> {
        let words = self.0;
        (0..4).flat_map(move |at| {
            let mut word = words[at];
            std::iter::from_fn(move || {
                if word == 0 {
                    return None;
                }
                let bit = word.trailing_zeros() as usize;
                word &= word - 1;
                Some(at * 64 + bit)
            })
        })
    }

    /// The `n`-th index (from 0), if there are that many.
    #[must_use]
    pub fn nth(&self, n: usize) -> Option<usize> {
        self.iter().nth(n)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_holds_exactly_the_indices_below() {
        for count in [0, 1, 63, 64, 65, 127, 128, 200, 255, 256] {
            let mask = Mask::first(count);
            assert_eq!(mask.len(), count);
            assert_eq!(mask.iter().collect::<Vec<_>>(), (0..count).collect::<Vec<_>>());
        }
    }

    #[test]
    fn what_is_out_of_range_is_never_in_the_set() {
        let mut mask = Mask::first(256);
        mask.insert(256);
        mask.remove(999);
        assert!(!mask.contains(256));
        assert_eq!(mask.len(), 256);
        mask.remove(255);
        assert!(!mask.contains(255));
        assert_eq!(mask.nth(254), Some(254));
        assert_eq!(mask.nth(255), None);
    }
}
