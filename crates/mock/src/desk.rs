//! Where a request's answer leaves: the script settled for it, faults that replace it, the head it goes out with.

use std::sync::{Arc, atomic::Ordering};

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};

use crate::{
    connection::{Busy, Connection},
    exchange::Exchange,
    failure,
    frames::Frames,
    meter::Outcome,
    pace::Paced,
    render,
    route::{Dialect, Route},
    script::{Act, Point, Script},
    server::Shared,
    wire::Spoil,
};

/// Counters remembered for `fail-first` and `fail-after`.
const COUNTERS_MOST: usize = 4096;

/// An error answer.
pub(crate) struct Refusal {
    pub(crate) status: Option<u16>,
    /// If not the usual one.
    pub(crate) message: Option<String>,
    pub(crate) kind: Option<&'static str>,
    /// Asked for by the script, which may say body and Retry-After.
    scripted: bool,
}

impl Refusal {
    pub(crate) fn new(status: u16, message: impl Into<String>) -> Self {
        Self { status: Some(status), message: Some(message.into()), kind: None, scripted: false }
    }

    pub(crate) fn named(kind: &'static str, message: Option<String>) -> Self {
        Self { status: None, message, kind: Some(kind), scripted: false }
    }
}

/// One request's place: everything its answer needs besides itself.
pub(crate) struct Desk {
    pub(crate) exchange: Exchange,
    pub(crate) connection: Arc<Connection>,
    pub(crate) busy: Busy,
    pub(crate) shared: Arc<Shared>,
    pub(crate) script: Arc<Script>,
    pub(crate) dialect: Dialect,
}

impl Desk {
    /// Puts a request's own directives over the script.
    pub(crate) fn overlay(&mut self, directives: &str) -> Result<(), Refusal> {
        let script = self.script.overlaid(directives).map_err(|error| Refusal::new(400, format!("x-mock: {error}")))?;
        self.script = Arc::new(script);
        Ok(())
    }

    /// Waits as the script says, then fails if it says so. `counts`: this request moves `fail-first`'s counter.
    pub(crate) async fn obey(&mut self, counts: bool) -> Result<(), Refusal> {
        if self.script.faults.any() && !self.hit(counts) {
            let mut script = Script::clone(&self.script);
            script.faults = Default::default();
            self.script = Arc::new(script);
        }
        if !self.script.timing.head.is_zero() {
            tokio::time::sleep(self.script.timing.head).await;
        }
        // With an error event, the named error is the event's.
        let in_stream = matches!(self.script.faults.act, Some((Act::ErrorEvent, _)));
        match &self.script.faults.failure {
            Some(failure) if !in_stream => {
                Err(Refusal { status: failure.status, message: None, kind: failure.kind, scripted: true })
            }
            _ => Ok(()),
        }
    }

    /// Whether this request is one the faults hit.
    fn hit(&self, counts: bool) -> bool {
        let faults = &self.script.faults;
        if faults.chance.is_some_and(|chance| fastrand::f64() >= chance) {
            return false;
        }
        if faults.fail_first.is_none() && faults.fail_after.is_none() {
            return true;
        }
        let name = faults.counter.as_deref().unwrap_or_default();
        let mut counters = self.shared.counters.lock().expect("no panic under this lock");
        if counters.len() >= COUNTERS_MOST && !counters.contains_key(name) {
            counters.clear();
        }
        let counter = counters.entry(name.to_owned()).or_insert(0);
        let before = *counter;
        *counter += u64::from(counts);
        faults.fail_first.is_none_or(|n| before < n) && faults.fail_after.is_none_or(|n| before >= n)
    }

    /// The answer of a surface that only tells.
    pub(crate) fn list(&self, route: Route, name: &str) -> Result<Frames, Refusal> {
        let stats = self.shared.meter.stats();
        render::listing(route.surface, &self.script, name, &stats).ok_or_else(|| unknown(self.dialect, name))
    }

    /// Sends an error answer.
    pub(crate) fn refuse(self, refusal: Refusal, route: Option<Route>, head_only: bool) -> Response<Paced> {
        let kind = failure::kind_of(refusal.kind, refusal.status);
        let usual = if self.dialect == Dialect::Anthropic { kind.anthropic_status } else { kind.status };
        let status = StatusCode::from_u16(refusal.status.unwrap_or(usual)).expect("checked when the script was read");
        let scripted = self.script.faults.failure.clone().filter(|_| refusal.scripted).unwrap_or_default();
        let frames = match scripted.body {
            Some(body) => {
                let json = body.trim_start().starts_with(['{', '[']);
                let content_type = if json { "application/json" } else { "text/html; charset=utf-8" };
                Frames::whole(content_type, Bytes::copy_from_slice(body.as_bytes()))
            }
            None => Frames::json(&failure::body(self.dialect, kind, refusal.message.as_deref(), self.exchange.number)),
        };
        let mut response = self.send(status, frames, head_only);
        let headers = response.headers_mut();
        if let Some(after) = scripted.retry_after.and_then(|after| HeaderValue::from_str(&after).ok()) {
            headers.insert(header::RETRY_AFTER, after);
        }
        if let Some(route) = route.filter(|_| status == StatusCode::METHOD_NOT_ALLOWED) {
            headers.insert(header::ALLOW, HeaderValue::from_static(route.allow()));
        }
        response
    }

    /// Sends an answer.
    pub(crate) fn send(mut self, status: StatusCode, frames: Frames, head_only: bool) -> Response<Paced> {
        let number = self.exchange.number;
        self.shared.meter.note(number, |seen| seen.status = Some(status.as_u16()));
        if let Some((act, Point::Wire(bytes))) = self.script.faults.act {
            self.spoil_wire(act, bytes);
        }
        if head_only {
            self.exchange.finish();
        }
        let content_type = frames.content_type;
        let served = self.connection.begun.load(Ordering::Relaxed);
        let hang_up = self.script.house.keepalive.is_some_and(|most| served >= most);
        let lever = self.connection.lever.clone();
        let body = Paced::new(frames, &self.script, lever, self.exchange, self.busy, hang_up);
        let declared = body.declared(self.script.faults.length);
        let mut response = Response::new(body);
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
        let id = if self.dialect == Dialect::Anthropic { "request-id" } else { "x-request-id" };
        headers.insert(id, HeaderValue::from_str(&format!("req_mock{number:020}")).expect("digits and letters"));
        if let Some(declared) = declared {
            headers.insert(header::CONTENT_LENGTH, HeaderValue::from(declared));
        }
        for (name, value) in &self.script.quirks.headers {
            headers.append(name.clone(), value.clone());
        }
        if self.script.quirks.close {
            headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }

    fn spoil_wire(&mut self, act: Act, bytes: u64) {
        let spoil = match act {
            Act::Cut => Spoil::Cut,
            Act::Reset => Spoil::Reset,
            Act::HalfClose => Spoil::HalfClose,
            Act::Stall => Spoil::Stall,
            Act::Garbage | Act::BadEvent | Act::ErrorEvent => Spoil::Insert(Bytes::from_static(crate::pace::GARBAGE)),
        };
        self.connection.lever.after_bytes(bytes, spoil);
        if act != Act::Stall {
            self.exchange.outcome(Outcome::Faulted);
        }
    }
}

/// The error for a model that is not there.
pub(crate) fn unknown(dialect: Dialect, model: &str) -> Refusal {
    let message = match dialect {
        Dialect::OpenAi => format!("The model `{model}` does not exist."),
        Dialect::Ollama => format!("model '{model}' not found"),
        Dialect::Anthropic => format!("model: {model}"),
    };
    Refusal::named("not-found", Some(message))
}
