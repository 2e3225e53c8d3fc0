//! Moving averages in one atomic word: no lock, no torn read.

use crate::clock::Tick;
use crate::sync::{AtomicU64, Ordering};

/// `2^(-span/half_life)`, within 6 %: exact at whole powers, linear between them, 1 at zero and never rising.
pub(crate) fn fade(seconds: f32, half_life: f32) -> f32 {
    let halvings = (seconds / half_life).clamp(0.0, 126.0);
    f32::from_bits(((127.0 - halvings) * 8_388_608.0) as u32)
}

/// An average that jumps up to a higher sample, comes down slowly, and forgets towards a seed when there are none.
///
/// The peak-sensitive average of Finagle's `PeakEwma` with two changes for slow targets: it forgets towards the seed
/// and not to zero, so that an idle target does not look free; and reading never writes. Value (seconds) and stamp
/// (milliseconds, wrapping after 49 days) share a word; zero means no sample yet.
#[derive(Debug, Default)]
pub(crate) struct Peak(AtomicU64);

impl Peak {
    /// The level at `now` in seconds.
    pub(crate) fn read(&self, now: Tick, seed: f32, half_life: f32) -> f32 {
        decayed(self.0.load(Ordering::Relaxed), now, seed, half_life)
    }

    /// Takes in a sample in seconds.
    pub(crate) fn record(&self, now: Tick, sample: f32, half_life: f32) {
        self.update(now, |word| {
            if word == 0 {
                return sample;
            }
            let (value, weight) = (value(word), fade(age(word, now), half_life));
            if sample >= value { sample } else { value * weight + sample * (1.0 - weight) }
        });
    }

    /// Lifts the level to `floor` seconds if it is lower.
    pub(crate) fn raise(&self, now: Tick, floor: f32, seed: f32, half_life: f32) {
        self.update(now, |word| decayed(word, now, seed, half_life).max(floor));
    }

    /// Adds `step` seconds, up to `most`.
    pub(crate) fn add(&self, now: Tick, step: f32, most: f32, seed: f32, half_life: f32) {
        self.update(now, |word| (decayed(word, now, seed, half_life) + step).min(most));
    }

    /// Takes the level down to this share of itself, if there is any.
    pub(crate) fn ease(&self, now: Tick, share: f32, half_life: f32) {
        if value(self.0.load(Ordering::Relaxed)) > 1e-3 {
            self.update(now, |word| decayed(word, now, 0.0, half_life) * share);
        }
    }

    /// Moves the level towards `target`, at which the quantity stood until now.
    pub(crate) fn follow(&self, now: Tick, target: f32, half_life: f32) {
        self.update(now, |word| if word == 0 { target } else { decayed(word, now, target, half_life) });
    }

    fn update(&self, now: Tick, next: impl Fn(u64) -> f32) {
        let mut word = self.0.load(Ordering::Relaxed);
        loop {
            let new = pack(next(word), now);
            match self.0.compare_exchange_weak(word, new, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => return,
                Err(seen) => word = seen,
            }
        }
    }
}

fn millis(now: Tick) -> u32 {
    (now.as_nanos() / 1_000_000) as u32
}

fn value(word: u64) -> f32 {
    f32::from_bits((word >> 32) as u32)
}

fn age(word: u64, now: Tick) -> f32 {
    // A stamp from another thread may be a little ahead of our `now`: that is no age, not 49 days.
    let passed = millis(now).wrapping_sub(word as u32) as i32;
    passed.max(0) as f32 * 1e-3
}

fn pack(value: f32, now: Tick) -> u64 {
    // Never zero: the smallest positive value stands for "nothing".
    (u64::from(value.max(f32::MIN_POSITIVE).to_bits()) << 32) | u64::from(millis(now))
}

#[inline]
fn decayed(word: u64, now: Tick, seed: f32, half_life: f32) -> f32 {
    if word == 0 {
        return seed;
    }
    seed + (value(word) - seed) * fade(age(word, now), half_life)
}

/// The plain average of the first samples, a moving one after that.
///
/// Value and weight so far share a word; zero means no sample yet.
#[derive(Debug, Default)]
pub(crate) struct Mean(AtomicU64);

impl Mean {
    /// The average, or `None` without a sample.
    pub(crate) fn get(&self) -> Option<f32> {
        let word = self.0.load(Ordering::Relaxed);
        (word != 0).then(|| value(word))
    }

    /// Takes in a sample. `gain` in (0, 1] is how much of it counts in the long run, `weight` in (0, 1] scales the
    /// sample against others.
    pub(crate) fn record(&self, sample: f32, gain: f32, weight: f32) {
        let mut word = self.0.load(Ordering::Relaxed);
        loop {
            let (old, seen) = if word == 0 { (0.0, 0.0) } else { (value(word), f32::from_bits(word as u32)) };
            // The weight seen so far is capped so that a sample never counts less than its gain.
            let total = (seen + weight).min(1.0 / gain).max(weight);
            let new = old + (sample - old) * (weight / total);
            let packed = (u64::from(new.to_bits()) << 32) | u64::from(total.to_bits());
            match self.0.compare_exchange_weak(word, packed, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => return,
                Err(now) => word = now,
            }
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use std::time::Duration;

    use super::*;

    const HALF: f32 = 10.0;

    #[test]
    fn fade_is_one_at_zero_and_never_rises() {
        assert_eq!(fade(0.0, HALF), 1.0);
        assert_eq!(fade(10.0, HALF), 0.5);
        assert_eq!(fade(20.0, HALF), 0.25);
        let mut last = 1.0;
        for step in 1..5_000 {
            let now = fade(step as f32 * 0.1, HALF);
            assert!(now <= last && now >= 0.0);
            assert!((now - 0.5_f32.powf(step as f32 * 0.01)).abs() < 0.062, "step {step}");
            last = now;
        }
    }

    #[test]
    fn a_peak_is_taken_at_once_and_forgotten_towards_the_seed() {
        let peak = Peak::default();
        let start = Tick::ZERO + Duration::from_secs(100);
        assert_eq!(peak.read(start, 1.0, HALF), 1.0);
        peak.record(start, 8.0, HALF);
        assert_eq!(peak.read(start, 1.0, HALF), 8.0);
        assert_eq!(peak.read(start + Duration::from_secs(10), 1.0, HALF), 4.5);
        assert!(peak.read(start + Duration::from_secs(10_000), 1.0, HALF) - 1.0 < 1e-3);
        peak.raise(start, 5.0, 1.0, HALF);
        assert_eq!(peak.read(start, 1.0, HALF), 8.0, "a floor below the level changes nothing");
    }

    #[test]
    fn a_stamp_from_the_future_is_no_age() {
        let peak = Peak::default();
        peak.record(Tick::ZERO + Duration::from_secs(10), 3.0, HALF);
        assert_eq!(peak.read(Tick::ZERO + Duration::from_secs(9), 1.0, HALF), 3.0);
    }

    #[test]
    fn the_first_samples_of_a_mean_count_alike() {
        let mean = Mean::default();
        assert_eq!(mean.get(), None);
        for sample in [2.0, 4.0, 6.0, 8.0] {
            mean.record(sample, 0.05, 1.0);
        }
        assert!((mean.get().unwrap() - 5.0).abs() < 1e-6);
        for _ in 0..1_000 {
            mean.record(9.0, 0.05, 1.0);
        }
        assert!((mean.get().unwrap() - 9.0).abs() < 1e-3);
    }

    #[test]
    fn a_zero_sample_is_a_sample() {
        let mean = Mean::default();
        mean.record(0.0, 0.1, 1.0);
        assert_eq!(mean.get(), Some(0.0));
    }
}

#[cfg(all(test, loom))]
mod checked {
    //! Run with `RUSTFLAGS="--cfg loom" cargo test -p llm-router-balancer --release checked`.

    use std::time::Duration;

    use loom::sync::Arc;

    use super::*;

    #[test]
    fn no_sample_is_lost_and_none_is_torn() {
        loom::model(|| {
            let peak = Arc::new(Peak::default());
            let now = Tick::ZERO + Duration::from_secs(1);
            let other = Arc::clone(&peak);
            let thread = loom::thread::spawn(move || other.record(now, 4.0, 10.0));
            peak.record(now, 2.0, 10.0);
            let seen = peak.read(now, 1.0, 10.0);
            assert!(seen == 2.0 || seen == 4.0, "{seen}");
            thread.join().unwrap();
            assert_eq!(peak.read(now, 1.0, 10.0), 4.0, "the peak wins in every order");
        });
    }

    #[test]
    fn a_mean_counts_both_samples_in_every_order() {
        loom::model(|| {
            let mean = Arc::new(Mean::default());
            let other = Arc::clone(&mean);
            let thread = loom::thread::spawn(move || other.record(4.0, 0.1, 1.0));
            mean.record(2.0, 0.1, 1.0);
            thread.join().unwrap();
            assert_eq!(mean.get(), Some(3.0));
        });
    }
}
