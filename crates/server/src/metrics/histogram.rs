//! Counters, and histograms with fixed buckets: integers in atomics, so recording is a search and two additions.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// A number that only grows.
#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    /// One more.
    pub(crate) fn up(&self) {
        self.add(1);
    }

    /// So many more.
    pub(crate) fn add(&self, count: u64) {
        // Looking is far cheaper than adding.
        if count > 0 {
            self.0.fetch_add(count, Relaxed);
        }
    }

    /// How many so far.
    pub(crate) fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

/// What a histogram measures: upper bounds in whole units, and what one unit is worth in the exposition.
#[derive(Debug)]
pub(crate) struct Scale {
    /// Upper bounds, each within its bucket, in ascending order.
    pub bounds: &'static [u64],
    /// 1e-9 for nanoseconds shown as seconds, 1 for bytes.
    pub unit: f64,
}

const US: u64 = 1_000;
const MS: u64 = 1_000_000;
const S: u64 = 1_000_000_000;
const SECOND: f64 = 1e-9;

/// Whole requests and answers: from a list in milliseconds to an agent's answer in many minutes.
pub(crate) const TOOK: Scale = Scale {
    unit: SECOND,
    bounds: &[
        5 * MS,
        10 * MS,
        25 * MS,
        50 * MS,
        100 * MS,
        250 * MS,
        500 * MS,
        S,
        2_500 * MS,
        5 * S,
        10 * S,
        30 * S,
        60 * S,
        120 * S,
        300 * S,
        600 * S,
        1800 * S,
    ],
};

/// From a request to the first token of its answer.
pub(crate) const FIRST_TOKEN: Scale = Scale {
    unit: SECOND,
    bounds: &[
        10 * MS,
        25 * MS,
        50 * MS,
        100 * MS,
        200 * MS,
        350 * MS,
        500 * MS,
        750 * MS,
        S,
        1_500 * MS,
        2_500 * MS,
        5 * S,
        10 * S,
        20 * S,
        40 * S,
        80 * S,
        160 * S,
    ],
};

/// Between two pieces of a stream.
pub(crate) const BETWEEN: Scale = Scale {
    unit: SECOND,
    bounds: &[
        MS,
        2_500 * US,
        5 * MS,
        10 * MS,
        15 * MS,
        20 * MS,
        30 * MS,
        50 * MS,
        75 * MS,
        100 * MS,
        150 * MS,
        250 * MS,
        500 * MS,
        S,
        2_500 * MS,
        10 * S,
        60 * S,
    ],
};

/// In line for a provider.
pub(crate) const WAIT: Scale = Scale {
    unit: SECOND,
    bounds: &[
        MS,
        10 * MS,
        50 * MS,
        100 * MS,
        250 * MS,
        500 * MS,
        S,
        2_500 * MS,
        5 * S,
        10 * S,
        30 * S,
        60 * S,
        120 * S,
    ],
};

/// The router's own time.
pub(crate) const OVERHEAD: Scale = Scale {
    unit: SECOND,
    bounds: &[
        10 * US,
        25 * US,
        50 * US,
        100 * US,
        250 * US,
        500 * US,
        MS,
        2_500 * US,
        5 * MS,
        10 * MS,
        25 * MS,
        100 * MS,
        S,
    ],
};

/// Bodies.
pub(crate) const SIZE: Scale =
    Scale { unit: 1.0, bounds: &[100, 500, 1_000, 5_000, 10_000, 50_000, 100_000, 500_000, 1_000_000, 10_000_000] };

/// How often which sizes came.
#[derive(Debug)]
pub(crate) struct Histogram {
    scale: &'static Scale,
    /// One a bound, and the rest.
    counts: Box<[AtomicU64]>,
    sum: AtomicU64,
}

impl Histogram {
    /// An empty one.
    pub(crate) fn new(scale: &'static Scale) -> Self {
        let counts = scale.bounds.iter().map(|_| AtomicU64::new(0)).chain([AtomicU64::new(0)]).collect();
        Self { scale, counts, sum: AtomicU64::new(0) }
    }

    /// Records a value in whole units.
    pub(crate) fn record(&self, value: u64) {
        let bucket = self.scale.bounds.partition_point(|bound| *bound < value);
        self.counts[bucket].fetch_add(1, Relaxed);
        self.sum.fetch_add(value, Relaxed);
    }

    /// Records a time on a scale of nanoseconds.
    pub(crate) fn time(&self, value: std::time::Duration) {
        self.record(u64::try_from(value.as_nanos()).unwrap_or(u64::MAX / 2));
    }

    /// The values so far: how many up to each bound, the last of them all.
    pub(crate) fn read(&self) -> Reading {
        let mut total = 0;
        let up_to = self.counts.iter().map(|count| {
            total += count.load(Relaxed);
            total
        });
        Reading { scale: self.scale, up_to: up_to.collect(), sum: self.sum.load(Relaxed) as f64 * self.scale.unit }
    }
}

/// A histogram at one moment.
#[derive(Debug, Clone)]
pub(crate) struct Reading {
    scale: &'static Scale,
    up_to: Vec<u64>,
    /// Of all values, in the unit of the exposition.
    pub sum: f64,
}

impl Reading {
    /// How many values there are.
    pub(crate) fn count(&self) -> u64 {
        self.up_to.last().copied().unwrap_or_default()
    }

    /// Upper bounds in the unit of the exposition, each with how many values are within it.
    pub(crate) fn buckets(&self) -> impl Iterator<Item = (f64, u64)> {
        let bounds = self.scale.bounds.iter().map(|bound| (*bound as f64 * self.scale.unit * 1e9).round() / 1e9);
        bounds.zip(self.up_to.iter().copied())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_on_a_bound_is_within_it() {
        let sizes = Histogram::new(&SIZE);
        for value in [0, 100, 101, 20_000_000] {
            sizes.record(value);
        }
        let reading = sizes.read();
        let buckets: Vec<_> = reading.buckets().collect();
        assert_eq!(buckets[..2], [(100.0, 2), (500.0, 3)]);
        assert_eq!((reading.count(), reading.sum), (4, 20_000_201.0));
    }

    #[test]
    fn bounds_are_shown_without_noise_of_the_division() {
        let shown: Vec<String> =
            Histogram::new(&OVERHEAD).read().buckets().map(|(bound, _)| bound.to_string()).collect();
        assert_eq!(shown[..4], ["0.00001", "0.000025", "0.00005", "0.0001"]);
    }
}
