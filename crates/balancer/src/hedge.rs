//! When a second request beats waiting for the first: the spread of times to the first token.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// Four buckets per doubling, from a millisecond to about 18 hours.
const BUCKETS: usize = 104;

/// When a bucket holds so many samples, all counts are halved.
const FULL: u32 = 1_024;

/// No quantile is told from fewer samples.
const FEWEST: u32 = 100;

/// A histogram that forgets.
#[derive(Debug)]
pub(crate) struct Spread {
    buckets: [AtomicU32; BUCKETS],
}

impl Default for Spread {
    fn default() -> Self {
        Self { buckets: std::array::from_fn(|_| AtomicU32::new(0)) }
    }
}

impl Spread {
    pub(crate) fn record(&self, span: Duration) {
        if self.buckets[bucket(span)].fetch_add(1, Ordering::Relaxed) == FULL {
            // Concurrent samples may be lost or halved: it is a statistic.
            for bucket in &self.buckets {
                bucket.store(bucket.load(Ordering::Relaxed) / 2, Ordering::Relaxed);
            }
        }
    }

    /// The time within which `share` of the first tokens came, rounded up by at most a quarter.
    pub(crate) fn quantile(&self, share: f32) -> Option<Duration> {
        let counts = self.buckets.each_ref().map(|bucket| bucket.load(Ordering::Relaxed));
        let sum: u32 = counts.iter().sum();
        if sum < FEWEST {
            return None;
        }
        let mut left = (share * sum as f32) as i64;
        let at = counts.iter().position(|count| {
            left -= i64::from(*count);
            left < 0
        });
        at.map(upper)
    }
}

/// Four buckets of equal width between one power of two (of 2^20 ns, about a millisecond) and the next.
fn bucket(span: Duration) -> usize {
    let units = (span.as_nanos() >> 18) as u64;
    if units < 4 {
        return 0;
    }
    let doubling = 61 - units.leading_zeros() as usize;
    (doubling * 4 + (units >> doubling) as usize - 4).min(BUCKETS - 1)
}

/// Where a bucket ends.
fn upper(bucket: usize) -> Duration {
    let (doubling, quarter) = (bucket / 4, bucket % 4);
    Duration::from_nanos(((quarter as u64 + 5) << doubling) << 18)
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_quantile_is_not_below_the_truth_and_not_far_above() {
        let spread = Spread::default();
        assert_eq!(spread.quantile(0.95), None);
        for n in 1..=1_000 {
            spread.record(Duration::from_millis(n));
        }
        let p95 = spread.quantile(0.95).unwrap().as_secs_f64();
        assert!((0.95..1.19).contains(&p95), "{p95}");
    }

    #[test]
    fn it_forgets() {
        let spread = Spread::default();
        (0..10_000).for_each(|_| spread.record(Duration::from_secs(10)));
        (0..60_000).for_each(|_| spread.record(Duration::from_millis(10)));
        assert!(spread.quantile(0.95).unwrap() < Duration::from_millis(20));
    }
}
