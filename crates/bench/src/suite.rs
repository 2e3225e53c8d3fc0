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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn translations_are_rows_of_their_own() {
        let count = Job::suite(1, true, false).len();
        let all = Job::suite(1, true, true);
        let added: Vec<String> = all[count..].iter().map(Job::to_string).collect();
        assert_eq!(added.len(), 12);
        assert_eq!(added[0], "OpenAI client, Ollama provider: 1 KiB, 32 connections");
    }

    #[test]
    fn who_does_not_translate_is_asked_in_the_dialect_of_the_provider() {
        let translation = Some(Translation { client: Dialect::OpenAi, provider: Dialect::Anthropic });
        let job = Job { translation, ..Job::suite(1, true, false).remove(1) };
        let target = "http://127.0.0.1:1".parse().unwrap();
        for (translates, dialect) in [(true, Dialect::OpenAi), (false, Dialect::Anthropic)] {
            let (request, asked) = job.request(&target, translates, "m", &[]);
            let request = String::from_utf8(request).unwrap();
            assert!(request.starts_with(&format!("POST {} HTTP/1.1\r\n", dialect.path())), "{request}");
            assert!(request.contains(r#""model":"m-anthropic""#), "{request}");
            assert_eq!(asked, dialect);
        }
    }
}
