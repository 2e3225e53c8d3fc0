//! Settings of what an operator sees: logs and metrics.

use std::path::PathBuf;

use super::reader::Reader;
use crate::{catalogue::BaseUrl, secret::Secret};

/// How much is logged, least first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogLevel {
    /// Nothing.
    Off,
    /// Failures of the router itself.
    Error,
    /// Also what an operator should look into.
    Warn,
    /// Also one line a request.
    Info,
    /// Also choices and attempts.
    Debug,
    /// Everything.
    Trace,
}

/// How a log line looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For reading.
    Text,
    /// One JSON object a line.
    Json,
}

/// Logs.
#[derive(Debug, Clone)]
pub struct Log {
    /// `log_level`, or at least debug when `in_debug` is set.
    pub level: LogLevel,
    /// `log_format`.
    pub format: LogFormat,
    /// `log_filename`: written beside standard error; `None` writes no file.
    pub file: Option<PathBuf>,
}

impl Log {
    pub(super) fn read(r: &mut Reader<'_>) -> Self {
        let level = r.choice("log_level", ("INFO", LogLevel::Info), &LEVELS);
        let debug = r.boolean("in_debug", false);
        Self {
            level: if debug { level.max(LogLevel::Debug) } else { level },
            format: r.choice(
                "log_format",
                ("text", LogFormat::Text),
                &[("text", LogFormat::Text), ("json", LogFormat::Json)],
            ),
            file: r.optional("log_filename", "llm-router.log").map(PathBuf::from),
        }
    }
}

/// Python's level names and two of our own. `NOTSET` leaves the default there, and so here.
const LEVELS: [(&str, LogLevel); 10] = [
    ("CRITICAL", LogLevel::Error),
    ("FATAL", LogLevel::Error),
    ("ERROR", LogLevel::Error),
    ("WARNING", LogLevel::Warn),
    ("WARN", LogLevel::Warn),
    ("INFO", LogLevel::Info),
    ("DEBUG", LogLevel::Debug),
    ("NOTSET", LogLevel::Info),
    ("TRACE", LogLevel::Trace),
    ("OFF", LogLevel::Off),
];

/// Metrics.
#[derive(Debug, Clone)]
pub struct Metrics {
    /// `use_prometheus`: whether `GET /metrics` is served.
    pub enabled: bool,
    /// `requests_kept`: how many finished requests are remembered for `GET /admin/requests`, each with the reasons of
    /// its choices; 0 remembers none.
    pub requests_kept: usize,
    /// `response_details`: whether answers tell in `x-llm-router-*` headers who answered.
    pub details: bool,
    /// Where spans are sent; `None` exports none.
    pub traces: Option<Traces>,
}

/// Traces over OTLP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Traces {
    /// `otlp_endpoint`: the collector's URL without the path `/v1/traces`.
    pub endpoint: BaseUrl,
    /// `otlp_headers`: what the collector wants to see, such as a key; never shown.
    pub headers: Vec<(String, Secret)>,
    /// `otlp_share`: of requests that bring no trace along, how many of 100 begin a recorded one.
    pub share: u8,
}

fn traces(r: &mut Reader<'_>) -> Option<Traces> {
    let endpoint = r.optional("otlp_endpoint", "");
    let headers = r.secret("otlp_headers").map(|text| {
        let pairs = text.expose().split(',').filter_map(|pair| pair.split_once('='));
        pairs.map(|(name, value)| (name.trim().to_owned(), Secret::new(value.trim().to_owned()))).collect()
    });
    let share = u8::try_from(r.whole("otlp_share", 100, 0..=100)).unwrap_or(100);
    match BaseUrl::parse(&endpoint?) {
        Ok(endpoint) => Some(Traces { endpoint, headers: headers.unwrap_or_default(), share }),
        Err(why) => {
            r.refuse("otlp_endpoint", why);
            None
        }
    }
}

impl Metrics {
    pub(super) fn read(r: &mut Reader<'_>) -> Self {
        Self {
            enabled: r.boolean("use_prometheus", false),
            requests_kept: usize::try_from(r.whole("requests_kept", 500, 0..=100_000)).unwrap_or(0),
            details: r.boolean("response_details", false),
            traces: traces(r),
        }
    }
}
