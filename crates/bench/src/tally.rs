//! What the workers of one round saw, and the percentiles of it.

use std::time::Duration;

use crate::fault::Faults;

/// Counts and times of one round; workers keep their own and are merged at the end.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    /// Answers that were right in every respect.
    pub(crate) right: u64,
    /// All others.
    pub(crate) faults: Faults,
    /// Whole answers: from the intended start to the last byte.
    pub(crate) latencies: Times,
    /// Streams: from the start to the first frame.
    pub(crate) firsts: Times,
    /// Streams: by how much the gap between two reads with frames missed the pause.
    pub(crate) jitters: Times,
    /// Open loop: by how much the client itself woke late; not part of `latencies`.
    pub(crate) lateness: Times,
    /// Frames of streams, whether the stream went on to end right or not.
    pub(crate) frames: u64,
    /// Frames that came in one read with the frame before.
    pub(crate) merged: u64,
}

impl Tally {
    pub(crate) fn merge(&mut self, other: Self) {
        self.right += other.right;
        self.faults.merge(&other.faults);
        self.frames += other.frames;
        self.merged += other.merged;
        self.latencies.0.extend(other.latencies.0);
        self.firsts.0.extend(other.firsts.0);
        self.jitters.0.extend(other.jitters.0);
        self.lateness.0.extend(other.lateness.0);
    }
}

/// Every single duration, in nanoseconds: percentiles are exact, and a round is bounded.
#[derive(Debug, Default)]
pub(crate) struct Times(Vec<u64>);

impl Times {
    pub(crate) fn push(&mut self, time: Duration) {
        self.0.push(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX));
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The smallest time that `share` (0 to 1) of all do not exceed, in microseconds.
    pub(crate) fn percentile(&mut self, share: f64) -> f64 {
        if self.0.is_empty() {
            return 0.0;
        }
        let rank = (share * self.0.len() as f64).ceil() as usize;
        let place = rank.clamp(1, self.0.len()) - 1;
        let (_, &mut time, _) = self.0.select_nth_unstable(place);
        time as f64 / 1000.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_exact() {
        let mut times = Times::default();
        assert_eq!(times.percentile(0.5), 0.0);
        for time in (1..=1000).rev() {
            times.push(Duration::from_micros(time));
        }
        let seen = [0.0, 0.5, 0.99, 0.999, 1.0].map(|share| times.percentile(share));
        assert_eq!(seen, [1.0, 500.0, 990.0, 999.0, 1000.0]);
    }
}
