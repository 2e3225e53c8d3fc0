//! When a second request beats waiting for the first: the spread of times to the first token.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// Four buckets per doubling, from a millisecond to about 18 hours.
const BUCKETS: usize = 104;

/// So many samples are kept in mind; then all counts are halved.
const KEPT: u32 = 4_096;

/// No quantile is told from fewer samples.
const FEWEST: u32 = 100;

/// A histogram that forgets.
#[derive(Debug)]
pub(crate) struct Spread {
    buckets: [AtomicU32; BUCKETS],
    count: AtomicU32,
}

impl Default for Spread {
    fn default() -> Self {
        Self { buckets: std::array::from_fn(|_| AtomicU32::new(0)), count: AtomicU32::new(0) }
    }
}

impl Spread {
    pub(crate) fn record(&self, span: Duration) {
        self.buckets[bucket(span)].fetch_add(1, Ordering::Relaxed);
        if self.count.fetch_add(1, Ordering::Relaxed) == KEPT {
            // Concurrent samples may be lost or halved: it is a statistic.
            for bucket in &self.buckets {
                bucket.store(bucket.load(Ordering::Relaxed) / 2, Ordering::Relaxed);
            }
            self.count.store(KEPT / 2, Ordering::Relaxed);
        }
    }

    /// The time within which `share` of the first tokens came, rounded up by at most a fifth.
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
        at.map(|at| Duration::from_secs_f64(1e-3 * 2.0_f64.powf((at + 1) as f64 / 4.0)))
    }
}

fn bucket(span: Duration) -> usize {
    let quarters = (span.as_secs_f64() * 1e3).max(1.0).log2() * 4.0;
    (quarters as usize).min(BUCKETS - 1)
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
        assert!((0.95..1.2).contains(&p95), "{p95}");
    }

    #[test]
    fn it_forgets() {
        let spread = Spread::default();
        (0..10_000).for_each(|_| spread.record(Duration::from_secs(10)));
        (0..60_000).for_each(|_| spread.record(Duration::from_millis(10)));
        assert!(spread.quantile(0.95).unwrap() < Duration::from_millis(20));
    }
}
