//! The figures a round yields, each with its name and unit.

use std::fmt;
use std::time::Duration;

use serde::Serialize;

use crate::fault::Faults;
use crate::tally::{Tally, Times};
use crate::watch::Used;

/// A kind of figure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Measure {
    /// User and system time of the target's processes for each right answer, in microseconds.
    CpuPerRequest,
    /// The same for each frame of a stream, in microseconds.
    CpuPerChunk,
    /// Right answers a second.
    Rate,
    /// Frames a second.
    ChunkRate,
    /// Median latency from the intended start to the last byte, in microseconds.
    LatencyP50,
    /// Nine tenths of the latencies are no longer, in microseconds.
    LatencyP90,
    /// 99 of 100 latencies are no longer, in microseconds.
    LatencyP99,
    /// 999 of 1000 latencies are no longer, in microseconds.
    LatencyP999,
    /// The longest latency, in microseconds.
    LatencyMax,
    /// Median latency less that of the direct way in the same round, in microseconds.
    AddedP50,
    /// 99th percentile less that of the direct way in the same round, in microseconds.
    AddedP99,
    /// Median time to the first frame, in microseconds.
    FirstP50,
    /// 99th percentile of the time to the first frame, in microseconds.
    FirstP99,
    /// Median of how far the gap between frames was from the pause, in microseconds.
    JitterP50,
    /// 99th percentile of the same, in microseconds.
    JitterP99,
    /// Frames that came together with the one before, of 100.
    Merged,
    /// How late the client itself was, 99th percentile, in microseconds; no latency holds it.
    ClientLate,
    /// Resident memory before the round, in MiB.
    ResidentBefore,
    /// The most seen during the round, in MiB.
    ResidentDuring,
    /// Resident memory after the round, in MiB.
    ResidentAfter,
    /// Resident memory each open stream adds, in KiB.
    PerStream,
    /// Streams still open at the provider three seconds after all clients left.
    LeftOpen,
}

impl Measure {
    /// The name with its unit, as tables show it.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::CpuPerRequest => "µs CPU / request",
            Self::CpuPerChunk => "µs CPU / chunk",
            Self::Rate => "answers / s",
            Self::ChunkRate => "chunks / s",
            Self::LatencyP50 => "latency p50 µs",
            Self::LatencyP90 => "latency p90 µs",
            Self::LatencyP99 => "latency p99 µs",
            Self::LatencyP999 => "latency p99.9 µs",
            Self::LatencyMax => "latency max µs",
            Self::AddedP50 => "added p50 µs",
            Self::AddedP99 => "added p99 µs",
            Self::FirstP50 => "first frame p50 µs",
            Self::FirstP99 => "first frame p99 µs",
            Self::JitterP50 => "gap jitter p50 µs",
            Self::JitterP99 => "gap jitter p99 µs",
            Self::Merged => "merged frames %",
            Self::ClientLate => "client late p99 µs",
            Self::ResidentBefore => "memory before MiB",
            Self::ResidentDuring => "memory during MiB",
            Self::ResidentAfter => "memory after MiB",
            Self::PerStream => "memory / stream KiB",
            Self::LeftOpen => "streams left open",
        }
    }
}

impl fmt::Display for Measure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.title())
    }
}

const LATENCIES: [(Measure, f64); 5] = [
    (Measure::LatencyP50, 0.5),
    (Measure::LatencyP90, 0.9),
    (Measure::LatencyP99, 0.99),
    (Measure::LatencyP999, 0.999),
    (Measure::LatencyMax, 1.0),
];

/// One round of one work on one target.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sample {
    pub(crate) right: u64,
    pub(crate) faults: Faults,
    pub(crate) figures: Vec<(Measure, f64)>,
}

impl Sample {
    pub(crate) fn new(mut tally: Tally, seconds: Duration, used: Option<Used>) -> Self {
        let mut figures = Vec::new();
        let streams = tally.frames > 0;
        let events = if streams { tally.frames } else { tally.right };
        if let Some(used) = used {
            if events > 0 {
                let measure = if streams { Measure::CpuPerChunk } else { Measure::CpuPerRequest };
                figures.push((measure, used.cpu.as_secs_f64() * 1e6 / events as f64));
            }
            figures.push((Measure::ResidentBefore, mebibytes(used.before)));
            figures.push((Measure::ResidentDuring, mebibytes(used.during)));
            figures.push((Measure::ResidentAfter, mebibytes(used.after)));
        }
        let rate = if streams { Measure::ChunkRate } else { Measure::Rate };
        figures.push((rate, events as f64 / seconds.as_secs_f64()));
        if streams {
            figures.push((Measure::Merged, tally.merged as f64 * 100.0 / tally.frames as f64));
        }
        let mut shares = |times: &mut Times, of: &[(Measure, f64)]| {
            if !times.is_empty() {
                figures.extend(of.iter().map(|&(measure, share)| (measure, times.percentile(share))));
            }
        };
        shares(&mut tally.latencies, &LATENCIES);
        shares(&mut tally.firsts, &[(Measure::FirstP50, 0.5), (Measure::FirstP99, 0.99)]);
        shares(&mut tally.jitters, &[(Measure::JitterP50, 0.5), (Measure::JitterP99, 0.99)]);
        shares(&mut tally.lateness, &[(Measure::ClientLate, 0.99)]);
        Self { right: tally.right, faults: tally.faults, figures }
    }
}

impl Sample {
    /// The figure of this kind, if the round had it.
    pub(crate) fn figure(&self, measure: Measure) -> Option<f64> {
        self.figures.iter().find(|&&(kind, _)| kind == measure).map(|&(_, value)| value)
    }

    /// Adds what the way through the gateway cost on top of the `direct` one.
    pub(crate) fn subtract(&mut self, direct: &Self) {
        for (of, added) in [(Measure::LatencyP50, Measure::AddedP50), (Measure::LatencyP99, Measure::AddedP99)] {
            if let (Some(through), Some(direct)) = (self.figure(of), direct.figure(of)) {
                self.figures.push((added, through - direct));
            }
        }
    }
}

fn mebibytes(bytes: u64) -> f64 {
    bytes as f64 / (1024.0 * 1024.0)
}
