//! Settings of the line in which requests wait for a provider.

use std::time::Duration;

use super::reader::Reader;

/// How many requests wait, and how long, when all providers of a model have as much to do as they may.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Queue {
    /// `queue_size`: requests in line for one model; 0 refuses at once.
    pub size: usize,
    /// `queue_timeout`: the longest wait of one request.
    pub timeout: Duration,
}

impl Queue {
    pub(super) fn read(r: &mut Reader<'_>) -> Self {
        let day = Duration::from_secs(24 * 3600);
        Self {
            size: usize::try_from(r.whole("queue_size", 1024, 0..=1_000_000)).unwrap_or(0),
            timeout: r.time("queue_timeout", Duration::from_secs(60), Duration::ZERO..=day),
        }
    }
}
