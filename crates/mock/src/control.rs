//! `/mock/…`: what a test in another process asks of the mock: its counts, its log, a new script.

use std::sync::Arc;

use bytes::Bytes;
use http::{Method, request::Parts};
use serde_json::{Value, json};

use crate::{
    frames::Frames,
    meter::{Seen, Stats},
    script::Script,
    server::Shared,
};

/// Answers `GET /mock/stats`, `GET /mock/log`, `GET /mock/grammar`, `POST /mock/script` (the body is the script),
/// `POST /mock/clear`.
pub(crate) fn answer(parts: &Parts, body: &Bytes, shared: &Arc<Shared>) -> Result<Frames, String> {
    match (&parts.method, parts.uri.path()) {
        (&Method::GET, "/mock/stats") => Ok(Frames::json(&stats(&shared.meter.stats()))),
        (&Method::GET, "/mock/log") => Ok(Frames::json(&shared.meter.log().iter().map(entry).collect())),
        (&Method::GET, "/mock/grammar") => {
            Ok(Frames::whole("text/plain; charset=utf-8", Bytes::from(Script::grammar())))
        }
        (&Method::POST, "/mock/script") => {
            let text = std::str::from_utf8(body).map_err(|_| "a script is UTF-8")?;
            shared.set_script(Script::parse(text).map_err(|error| error.to_string())?);
            Ok(Frames::json(&json!({"ok": true})))
        }
        (&Method::POST, "/mock/clear") => {
            shared.meter.clear();
            Ok(Frames::json(&json!({"ok": true})))
        }
        (method, path) => Err(format!("no {method} {path}; there are GET stats, log, grammar and POST script, clear")),
    }
}

fn stats(stats: &Stats) -> Value {
    json!({
        "connections": stats.connections,
        "connections_total": stats.connections_total,
        "in_flight": stats.in_flight,
        "max_in_flight": stats.max_in_flight,
        "requests": stats.requests,
        "finished": stats.finished,
        "aborted": stats.aborted,
        "faulted": stats.faulted,
        "turned_away": stats.turned_away,
        "by_path": stats.by_path,
    })
}

fn entry(seen: &Seen) -> Value {
    let headers: Vec<Value> = seen
        .headers
        .iter()
        .map(|(name, value)| json!([name.as_str(), String::from_utf8_lossy(value.as_bytes())]))
        .collect();
    json!({
        "number": seen.number,
        "connection": seen.connection,
        "method": seen.method.as_str(),
        "target": seen.target,
        "headers": headers,
        "body": String::from_utf8_lossy(&seen.body),
        "body_len": seen.body_len,
        "system": seen.system,
        "status": seen.status,
        "sent": seen.sent,
        "outcome": format!("{:?}", seen.outcome).to_lowercase(),
        "milliseconds": seen.lasted.map(|lasted| lasted.as_secs_f64() * 1000.0),
    })
}
