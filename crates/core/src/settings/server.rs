//! Settings of the listening side.

use std::{num::NonZeroUsize, time::Duration};

use super::reader::Reader;

/// The server names of the Python version. There is one server here; the names are accepted for its environment's sake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ServerType {
    /// The default.
    Flask,
    /// Also chosen by `--gunicorn`.
    Gunicorn,
    /// Also chosen by `--waitress`.
    Waitress,
}

/// Where and how the router listens, and what it takes from a client.
#[derive(Debug, Clone)]
pub struct Server {
    /// `server_type`: no effect of its own.
    pub kind: ServerType,
    /// `server_host`: name or address to bind.
    pub host: String,
    /// `server_port`: 0 lets the system choose.
    pub port: u16,
    /// `server_workers_count`: event-loop threads, each with a runtime of its own.
    pub workers: NonZeroUsize,
    /// `ep_prefix`, normalised: empty, or `/` and segments without a trailing slash.
    pub prefix: String,
    /// `cors_origins`: origins allowed to call from a browser; `*` is any; empty switches CORS off.
    pub cors_origins: Vec<String>,
    /// `max_request_body_size`, in bytes.
    pub max_body: NonZeroUsize,
    /// `max_header_size`: request line and headers together, in bytes.
    pub max_header: NonZeroUsize,
    /// `max_connections`: open client connections; more wait in the listen queue.
    pub max_connections: NonZeroUsize,
    /// `header_read_timeout`: from the first byte of a request to the end of its headers.
    pub header_read_timeout: Duration,
    /// `body_read_timeout`: from the end of the headers to the end of the body.
    pub body_read_timeout: Duration,
    /// `keep_alive_timeout`: how long an idle client connection stays open.
    pub keep_alive_timeout: Duration,
    /// `max_requests`: requests of clients under way; more are refused with 503.
    pub max_requests: NonZeroUsize,
    /// `max_buffered_size`: bytes of requests and answers held in memory over all requests; beyond, 503.
    pub max_buffered: NonZeroUsize,
    /// `write_timeout`: how long a client may take nothing of an answer that is waiting for it.
    pub write_timeout: Duration,
    /// `stream_keepalive`: the silence after which a stream of server-sent events gets a comment; zero sends none.
    pub stream_keepalive: Duration,
    /// `drain_timeout`: how long requests under way may finish after the signal to stop.
    pub drain_timeout: Duration,
}

const HOUR: Duration = Duration::from_secs(3600);
const SOON: Duration = Duration::from_millis(10);
const MIB: usize = 1 << 20;

impl Server {
    pub(super) fn read(r: &mut Reader<'_>) -> Self {
        let server = Self {
            kind: kind(r),
            host: r.text("server_host", "0.0.0.0"),
            port: port(r, "server_port", 8080),
            workers: r.count("server_workers_count", 2, 1024),
            prefix: prefix(r),
            cors_origins: cors_origins(r),
            max_body: r.count("max_request_body_size", 10 * MIB, 4096 * MIB),
            max_header: r.count("max_header_size", 64 * 1024, 16 * MIB),
            max_connections: r.count("max_connections", 10_000, 1_000_000),
            header_read_timeout: r.time("header_read_timeout", Duration::from_secs(10), SOON..=HOUR),
            body_read_timeout: r.time("body_read_timeout", Duration::from_secs(60), SOON..=HOUR),
            keep_alive_timeout: r.time("keep_alive_timeout", Duration::from_secs(75), SOON..=HOUR),
            max_requests: r.count("max_requests", 10_000, 1_000_000),
            max_buffered: r.count("max_buffered_size", 512 * MIB, 1 << 40),
            write_timeout: r.time("write_timeout", Duration::from_secs(60), SOON..=HOUR),
            stream_keepalive: r.time("stream_keepalive", Duration::from_secs(15), Duration::ZERO..=HOUR),
            drain_timeout: r.time("drain_timeout", Duration::from_secs(600), Duration::ZERO..=24 * HOUR),
        };
        without_meaning(r);
        server
    }
}

pub(super) fn port(r: &mut Reader<'_>, key: &'static str, default: u16) -> u16 {
    let value = r.whole(key, u64::from(default), 0..=u64::from(u16::MAX));
    u16::try_from(value).unwrap_or(default)
}

fn kind(r: &mut Reader<'_>) -> ServerType {
    let words = [("flask", ServerType::Flask), ("gunicorn", ServerType::Gunicorn), ("waitress", ServerType::Waitress)];
    let name = r.text("server_type", "flask");
    let found = words.iter().find(|(word, _)| word.eq_ignore_ascii_case(&name));
    found.map_or_else(
        || {
            // The Python version took any other word for flask without a sound; refusing would stop its environments.
            let warning = r.about("server_type", "is not known and has no effect; allowed: flask, gunicorn, waitress");
            r.findings.warning(warning.did_you_mean(&name, words.iter().map(|(word, _)| *word)));
            ServerType::Flask
        },
        |(_, kind)| *kind,
    )
}

/// Settings of the Python servers that nothing here corresponds to.
fn without_meaning(r: &mut Reader<'_>) {
    r.whole("server_threads_count", 8, 0..=1_000_000);
    r.optional("server_worker_class", "");
    for (key, why) in [
        (
            "server_threads_count",
            "has no effect: a request does not occupy a thread here; server_workers_count sets the event-loop threads",
        ),
        ("server_worker_class", "has no effect: there is one kind of worker here, an event-loop thread"),
    ] {
        if r.is_set(key) {
            let warning = r.about(key, why);
            r.findings.warning(warning);
        }
    }
}

fn prefix(r: &mut Reader<'_>) -> String {
    const KEY: &str = "ep_prefix";
    let text = r.optional(KEY, "/api").unwrap_or_default();
    let trimmed = text.trim_matches('/');
    if trimmed.is_empty() {
        return String::new();
    }
    let plain = |c: char| c.is_ascii_alphanumeric() || "-._~!$&'()*+,;=:@".contains(c);
    let good = |segment: &str| !segment.is_empty() && segment != "." && segment != ".." && segment.chars().all(plain);
    if !trimmed.split('/').all(good) {
        r.refuse(KEY, "is not a URL prefix; allowed: empty, or segments of letters, digits and -._~!$&'()*+,;=:@ separated by single slashes");
        return String::new();
    }
    format!("/{trimmed}")
}

fn cors_origins(r: &mut Reader<'_>) -> Vec<String> {
    const KEY: &str = "cors_origins";
    let origins = r.list(KEY);
    for origin in &origins {
        let host = origin.strip_prefix("https://").or_else(|| origin.strip_prefix("http://"));
        let good =
            host.is_some_and(|h| !h.is_empty() && h.bytes().all(|b| b.is_ascii_graphic() && !b"/?#@".contains(&b)));
        if origin != "*" && !good {
            r.refuse(
                KEY,
                format!("{origin:?} is not an origin; allowed: *, or scheme and host such as https://app.example.org"),
            );
        }
    }
    origins
}
