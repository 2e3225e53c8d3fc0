//! Random numbers that are the same on every run: SplitMix64 and the few distributions that are needed.

use crate::hash;

/// A stream of random numbers.
#[derive(Debug, Clone)]
pub(crate) struct Rng(u64);

impl Rng {
    /// The stream of a seed; different purposes draw from different streams, so that one more number here changes
    /// nothing there.
    pub(crate) const fn new(seed: u64, purpose: u64) -> Self {
        Self(hash::mix(seed.wrapping_add(hash::mix(purpose))))
    }

    pub(crate) const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        hash::mix(self.0)
    }

    /// In [0, 1).
    pub(crate) fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    pub(crate) fn exponential(&mut self, mean: f64) -> f64 {
        -mean * (1.0 - self.unit()).ln()
    }

    /// Lognormal by its median, cut at `most` and not below 1.
    pub(crate) fn lognormal(&mut self, median: f64, sigma: f64, most: f64) -> f64 {
        let (a, b) = (1.0 - self.unit(), self.unit());
        let normal = (-2.0 * a.ln()).sqrt() * (std::f64::consts::TAU * b).cos();
        (median * (sigma * normal).exp()).clamp(1.0, most)
    }

    /// An index with probability in proportion to its weight.
    pub(crate) fn weighted(&mut self, weights: &[f64]) -> usize {
        let mut lot = self.unit() * weights.iter().sum::<f64>();
        for (index, weight) in weights.iter().enumerate() {
            lot -= weight;
            if lot < 0.0 {
                return index;
            }
        }
        weights.len() - 1
    }
}
