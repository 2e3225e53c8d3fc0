//! The kinds of load, how each is put to a target, and what it is judged by.

use std::fmt;
use std::time::Duration;

use crate::dialect::Dialect;
use crate::measure::Measure;
use crate::script::Wish;
use crate::target::Target;

/// A load, and what has to be translated for it.
#[derive(Debug, Clone, PartialEq)]
pub struct Job {
    /// The load.
    pub work: Work,
    /// Two dialects, when the client speaks another than the provider.
    pub translation: Option<Translation>,
}

/// What a gateway that translates is asked in, and what it has to ask the provider in. A gateway that does not
/// translate is asked in the provider's own dialect: it forwards what the other has to write anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Translation {
    /// The client's dialect.
    pub client: Dialect,
    /// The provider's dialect.
    pub provider: Dialect,
}

/// One kind of load, as large as a round of it is.
#[derive(Debug, Clone, PartialEq)]
pub enum Work {
    /// Each connection sends its next request when it has the answer to the last.
    Closed {
        /// Connections at a time.
        connections: usize,
        /// Size of request and answer.
        sizes: Sizes,
        /// When a round ends.
        limit: Limit,
    },
    /// Requests start at a fixed rate, however slow the answers are.
    Open {
        /// Requests a second.
        rate: f64,
        /// Connections at most; a request that finds none free waits, and its wait counts.
        connections: usize,
        /// Size of request and answer.
        sizes: Sizes,
        /// When a round ends.
        limit: Limit,
    },
    /// Each connection reads one stream after the other.
    Streams {
        /// Streams at a time.
        streams: usize,
        /// Frames of each.
        chunks: u32,
        /// Pause before each frame but the first.
        pause: Duration,
        /// When a round ends; `requests` counts streams.
        limit: Limit,
    },
    /// Streams that say one word and then are silent: what they cost in memory.
    Idle {
        /// Streams open at a time.
        streams: usize,
    },
}

/// Bytes of the two bodies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sizes {
    /// Bytes of a request body.
    pub request: usize,
    /// Bytes of an answer body.
    pub answer: usize,
}

/// A round ends at whichever comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    /// Requests or streams started.
    pub requests: u64,
    /// Time during which new ones are started.
    pub time: Duration,
}

impl Work {
    /// What the tables of several works show of this one.
    #[must_use]
    pub fn key_measures(&self) -> &'static [Measure] {
        match self {
            Self::Closed { .. } => &[Measure::CpuPerRequest],
            Self::Open { .. } => &[Measure::LatencyP50, Measure::LatencyP99],
            Self::Streams { pause: Duration::ZERO, .. } => &[Measure::CpuPerChunk, Measure::Merged],
            Self::Streams { .. } => &[Measure::CpuPerChunk, Measure::Merged, Measure::FirstP50],
            Self::Idle { .. } => &[Measure::ResidentBefore, Measure::PerStream, Measure::LeftOpen],
        }
    }

    /// The request this work sends, head and body.
    fn request(&self, dialect: Dialect, (authority, path): (&str, &str), model: &str, headers: &[String]) -> Vec<u8> {
        let (wish, bytes) = match *self {
            Self::Closed { sizes, .. } | Self::Open { sizes, .. } => {
                (Wish::Whole { bytes: sizes.answer }, sizes.request)
            }
            Self::Streams { chunks, pause, .. } => (Wish::Stream { chunks, pause }, 1024),
            Self::Idle { .. } => (Wish::Stream { chunks: 2, pause: Duration::from_secs(600) }, 1024),
        };
        let body = dialect.request_body(model, wish, bytes);
        let length = body.len();
        let mut request = format!(
            "POST {path} HTTP/1.1\r\nhost: {authority}\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n"
        );
        for header in headers {
            request.push_str(header);
            request.push_str("\r\n");
        }
        request.push_str("\r\n");
        let mut request = request.into_bytes();
        request.extend_from_slice(&body);
        request
    }
}

impl Job {
    /// The request this job sends to `target`, and the dialect of the answer to it.
    pub(crate) fn request(
        &self,
        target: &Target,
        translates: bool,
        model: &str,
        headers: &[String],
    ) -> (Vec<u8>, Dialect) {
        let (dialect, path, model) = match self.translation {
            None => (Dialect::of_path(&target.path), target.path.as_str(), model.to_owned()),
            Some(Translation { client, provider }) => {
                let dialect = if translates { client } else { provider };
                (dialect, dialect.path(), format!("{model}{}", provider.suffix()))
            }
        };
        (self.work.request(dialect, (&target.authority, path), &model, headers), dialect)
    }
}

impl From<Work> for Job {
    fn from(work: Work) -> Self {
        Self { work, translation: None }
    }
}

impl fmt::Display for Job {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(Translation { client, provider }) = self.translation {
            write!(f, "{client} client, {provider} provider: ")?;
        }
        self.work.fmt(f)
    }
}

impl fmt::Display for Work {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed { connections, sizes, .. } => write!(f, "{sizes}, {connections} connections"),
            Self::Open { rate, sizes, .. } => write!(f, "{sizes}, {rate} requests/s"),
            Self::Streams { streams, pause: Duration::ZERO, .. } => write!(f, "{streams} streams, no pause"),
            Self::Streams { streams, pause, .. } => write!(f, "{streams} streams, chunks {pause:?} apart"),
            Self::Idle { streams } => write!(f, "{streams} idle streams"),
        }
    }
}

impl fmt::Display for Sizes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kib = |bytes: usize| (bytes as f64 / 1024.0 * 10.0).round() / 10.0;
        if self.request == self.answer {
            return write!(f, "{} KiB", kib(self.request));
        }
        write!(f, "{} KiB request, {} KiB answer", kib(self.request), kib(self.answer))
    }
}
