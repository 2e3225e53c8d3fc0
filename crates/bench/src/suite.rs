//! The loads the project is judged by.

use std::time::Duration;

use crate::dialect::Dialect;
use crate::work::{Job, Limit, Sizes, Translation, Work};

const SMALL: Sizes = Sizes { request: 1024, answer: 1024 };
const LARGE: Sizes = Sizes { request: 200 * 1024, answer: 1024 };

/// From the client's dialect to the provider's.
const TRANSLATIONS: [(Dialect, Dialect); 4] = [
    (Dialect::OpenAi, Dialect::Ollama),
    (Dialect::OpenAi, Dialect::Anthropic),
    (Dialect::Ollama, Dialect::OpenAi),
    (Dialect::Anthropic, Dialect::OpenAi),
];

impl Job {
    /// Memory first, while the processes are fresh; then work by size, streams and latency, then what is translated.
    pub(crate) fn suite(idle_streams: usize, short: bool, translated: bool) -> Vec<Self> {
        let limit = |seconds: f64| Limit {
            requests: u64::MAX,
            time: Duration::from_secs_f64(if short { seconds / 4.0 } else { seconds }),
        };
        let closed = |connections, sizes| Work::Closed { connections, sizes, limit: limit(2.0) };
        let streams = |streams, chunks, pause, seconds| Work::Streams {
            streams,
            chunks,
            pause: Duration::from_millis(pause),
            limit: limit(seconds),
        };
        let untouched = [
            Work::Idle { streams: idle_streams },
            closed(32, SMALL),
            closed(256, SMALL),
            closed(32, LARGE),
            streams(32, 1000, 0, 2.0),
            streams(200, 50, 20, 3.0),
            Work::Open { rate: 1000.0, connections: 64, sizes: SMALL, limit: limit(3.0) },
        ];
        let mut jobs: Vec<Self> = untouched.map(Self::from).into();
        for (client, provider) in TRANSLATIONS.into_iter().filter(|_| translated) {
            let works = [closed(32, SMALL), streams(32, 1000, 0, 2.0), streams(200, 50, 20, 3.0)];
            let translation = Some(Translation { client, provider });
            jobs.extend(works.map(|work| Self { work, translation }));
        }
        jobs
    }
}
