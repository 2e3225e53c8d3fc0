//! A set of endpoints by index, without allocation.

/// A set of indices below [`Mask::CAPACITY`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Mask(u128);

impl Mask {
    /// Indices go from 0 to one less than this.
    pub const CAPACITY: usize = 128;

    /// The empty set.
    pub const EMPTY: Self = Self(0);

    /// The indices below `count` (at most [`Mask::CAPACITY`]).
    #[must_use]
    pub const fn first(count: usize) -> Self {
        if count >= Self::CAPACITY { Self(u128::MAX) } else { Self((1 << count) - 1) }
    }

    /// Whether `index` is in the set.
    #[must_use]
    pub const fn contains(&self, index: usize) -> bool {
        index < Self::CAPACITY && self.0 & (1 << index) != 0
    }

    /// Adds `index`; ignored at or above the capacity.
    pub const fn insert(&mut self, index: usize) {
        if index < Self::CAPACITY {
            self.0 |= 1 << index;
        }
    }

    /// Removes `index`.
    pub const fn remove(&mut self, index: usize) {
        if index < Self::CAPACITY {
            self.0 &= !(1 << index);
        }
    }

    /// Whether nothing is in the set.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0 == 0
    }

    /// How many indices are in the set.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.0.count_ones() as usize
    }

    /// The indices, ascending.
    #[must_use]
    pub const fn iter(&self) -> Indices {
        Indices { low: self.0 as u64, high: (self.0 >> 64) as u64 }
    }

    /// Which of the sixteen indices from `base` on are in the set.
    pub(crate) const fn bits(&self, base: usize) -> u16 {
        if base < Self::CAPACITY { (self.0 >> base) as u16 } else { 0 }
    }

    /// Adds indices as [`Mask::bits`] has them.
    pub(crate) const fn insert_bits(&mut self, base: usize, bits: u16) {
        if base < Self::CAPACITY {
            self.0 |= (bits as u128) << base;
        }
    }

    /// The `n`-th index (from 0), if there are that many.
    #[must_use]
    pub fn nth(&self, n: usize) -> Option<usize> {
        self.iter().nth(n)
    }
}

/// The indices of a [`Mask`], ascending.
#[derive(Debug, Clone)]
pub struct Indices {
    low: u64,
    high: u64,
}

impl Iterator for Indices {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        if self.low != 0 {
            let index = self.low.trailing_zeros() as usize;
            self.low &= self.low - 1;
            return Some(index);
        }
        if self.high == 0 {
            return None;
        }
        let index = 64 + self.high.trailing_zeros() as usize;
        self.high &= self.high - 1;
        Some(index)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_holds_exactly_the_indices_below() {
        for count in [0, 1, 63, 64, 65, 127, 128] {
            let mask = Mask::first(count);
            assert_eq!(mask.len(), count);
            assert_eq!(mask.iter().collect::<Vec<_>>(), (0..count).collect::<Vec<_>>());
        }
    }

    #[test]
    fn what_is_out_of_range_is_never_in_the_set() {
        let mut mask = Mask::first(128);
        mask.insert(128);
        mask.remove(999);
        assert!(!mask.contains(128));
        assert_eq!(mask.len(), 128);
        mask.remove(127);
        assert!(!mask.contains(127));
        assert_eq!(mask.nth(126), Some(126));
        assert_eq!(mask.nth(127), None);
    }
}
