//! Exact counts over the last span of time, in ten buckets.
//!
//! An average weighted by arrival can hide a total outage behind a burst; counts cannot.

use std::time::Duration;

use crate::clock::Tick;
use crate::sync::{AtomicU64, Ordering};

const BUCKETS: u64 = 10;

/// Two exact counts, each up to 65 535 per bucket, of what happened in the last ten buckets (the present one included).
#[derive(Debug)]
pub(crate) struct Window {
    /// Buckets per nanosecond, times 2^64: a product is much cheaper than a division.
    rate: u64,
    /// Number of the bucket (32 bits), good (16), bad (16).
    buckets: [AtomicU64; BUCKETS as usize],
}

impl Window {
    pub(crate) fn new(span: Duration) -> Self {
        let rate = (u128::from(BUCKETS) << 64).div_ceil(span.as_nanos().max(1));
        let rate = u64::try_from(rate).unwrap_or(u64::MAX);
        Self { rate, buckets: std::array::from_fn(|_| AtomicU64::new(0)) }
    }

    pub(crate) fn record(&self, now: Tick, good: bool) {
        self.add(now, if good { 1 << 16 } else { 1 });
    }

    /// Good and bad events in the window that ends at `now`.
    pub(crate) fn totals(&self, now: Tick) -> (u32, u32) {
        let number = self.number(now);
        self.buckets.iter().map(|bucket| bucket.load(Ordering::Relaxed)).fold((0, 0), |(good, bad), word| {
            let age = number.wrapping_sub((word >> 32) as u32);
            // A bucket written by a thread with a later `now` is not old.
            if word == 0 || (u64::from(age) >= BUCKETS && age < u32::MAX / 2) {
                return (good, bad);
            }
            (good + (word as u32 >> 16), bad + (word as u32 & 0xffff))
        })
    }

    /// Forgets all events.
    pub(crate) fn clear(&self) {
        self.buckets.iter().for_each(|bucket| bucket.store(0, Ordering::Relaxed));
    }

    fn number(&self, now: Tick) -> u32 {
        // One is added so that an empty word is never the bucket in use.
        ((u128::from(now.as_nanos()) * u128::from(self.rate)) >> 64) as u32 + 1
    }

    fn add(&self, now: Tick, one: u64) {
        let number = self.number(now);
        let bucket = &self.buckets[(u64::from(number) % BUCKETS) as usize];
        let mut word = bucket.load(Ordering::Relaxed);
        loop {
            let counts = if (word >> 32) as u32 == number { word & 0xffff_ffff } else { 0 };
            let full = if one == 1 { counts & 0xffff == 0xffff } else { counts >> 16 == 0xffff };
            let new = (u64::from(number) << 32) | if full { counts } else { counts + one };
            match bucket.compare_exchange_weak(word, new, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => return,
                Err(seen) => word = seen,
            }
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn events_count_until_they_are_a_window_old() {
        let window = Window::new(Duration::from_secs(10));
        let start = Tick::ZERO + Duration::from_secs(1_000);
        window.record(start, true);
        window.record(start + Duration::from_secs(3), false);
        window.record(start + Duration::from_secs(3), false);
        assert_eq!(window.totals(start + Duration::from_secs(5)), (1, 2));
        assert_eq!(window.totals(start + Duration::from_millis(10_100)), (0, 2));
        assert_eq!(window.totals(start + Duration::from_millis(13_100)), (0, 0));
    }

    #[test]
    fn a_burst_and_the_same_spread_out_count_alike() {
        let (burst, spread) = (Window::new(Duration::from_secs(10)), Window::new(Duration::from_secs(10)));
        let end = Tick::ZERO + Duration::from_millis(9_999);
        for n in 0..100_u64 {
            burst.record(end, n % 2 == 0);
            spread.record(Tick::from_nanos(n * 99_000_000), n % 2 == 0);
        }
        assert_eq!(burst.totals(end), spread.totals(end));
    }

    #[test]
    fn a_full_bucket_stays_full() {
        let window = Window::new(Duration::from_secs(10));
        for _ in 0..70_000 {
            window.record(Tick::ZERO, false);
        }
        assert_eq!(window.totals(Tick::ZERO), (0, 65_535));
    }
}

#[cfg(all(test, loom))]
mod checked {
    use loom::sync::Arc;

    use super::*;

    #[test]
    fn two_events_are_two_also_where_a_bucket_is_used_again() {
        loom::model(|| {
            let window = Arc::new(Window::new(Duration::from_secs(10)));
            let now = Tick::ZERO + Duration::from_millis(25_500);
            // The bucket is in use for an earlier time, so that both threads find it old.
            window.record(now + Duration::ZERO, true);
            let later = now + Duration::from_secs(10);
            let other = Arc::clone(&window);
            let thread = loom::thread::spawn(move || other.record(later, false));
            window.record(later, true);
            thread.join().unwrap();
            assert_eq!(window.totals(later), (1, 1));
        });
    }
}
