//! The loads the project is judged by.

use std::time::Duration;

use crate::work::{Limit, Sizes, Work};

const SMALL: Sizes = Sizes { request: 1024, answer: 1024 };
const LARGE: Sizes = Sizes { request: 200 * 1024, answer: 1024 };

impl Work {
    /// Memory first, while the processes are fresh; then work by size, streams and latency.
    pub(crate) fn suite(idle_streams: usize, short: bool) -> Vec<Self> {
        let limit = |seconds: f64| Limit {
            requests: u64::MAX,
            time: Duration::from_secs_f64(if short { seconds / 4.0 } else { seconds }),
        };
        let closed = |connections, sizes| Self::Closed { connections, sizes, limit: limit(2.0) };
        let streams = |streams, chunks, pause, seconds| Self::Streams {
            streams,
            chunks,
            pause: Duration::from_millis(pause),
            limit: limit(seconds),
        };
        vec![
            Self::Idle { streams: idle_streams },
            closed(32, SMALL),
            closed(256, SMALL),
            closed(32, LARGE),
            streams(32, 1000, 0, 2.0),
            streams(200, 50, 20, 3.0),
            Self::Open { rate: 1000.0, connections: 64, sizes: SMALL, limit: limit(3.0) },
        ]
    }
}
