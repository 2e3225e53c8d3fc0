//! What is remembered of one request until it ends: the access log line and the metrics come from it.

use std::{
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use http::{HeaderMap, HeaderName, HeaderValue};
use http_body::Body as _;
use llm_router_balancer::Explanation;
use llm_router_core::{settings, translate::Usage};

use crate::{
    attempts::Note,
    body::Body,
    capture::{Capture, Captured},
    client_key::ClientKey,
    error::Error,
    moment,
    phases::{Hedge, Phases, Trouble, Try},
    state::Lease,
    trace::Trace,
};

/// The most failed attempts that are remembered of one request; only requests that ask many times have more.
const MOST_TRIES: usize = 64;

/// From when on the time until a provider is found counts as waiting in line.
const LEAST_WAIT: Duration = Duration::from_millis(1);

/// Told of every request once, when it is over, however it ended.
pub trait Observer: Send + Sync + 'static {
    /// One request is over. Whoever wants to remember it keeps a pointer to its facts, which are not copied.
    fn finished(&self, facts: &Arc<Facts>);
}

/// Nobody who wants to know.
impl Observer for () {
    fn finished(&self, _: &Arc<Facts>) {}
}

/// How a request ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// The whole answer was handed to the connection, whatever its status: a provider's error is an answer too.
    Complete,
    /// The client went away first.
    Cancelled,
    /// The client went away first, and the provider's answer was read to its end all the same.
    Drained,
    /// The provider's answer broke off after the client had got the head of it.
    Truncated,
    /// An error was answered by the router itself; [`Facts::reason`] and [`Facts::error`] tell which.
    Refused,
}

impl Outcome {
    /// The word for it in logs and metrics.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::Cancelled => "cancelled",
            Self::Drained => "drained",
            Self::Truncated => "truncated",
            Self::Refused => "refused",
        }
    }
}

/// The facts of one request.
#[derive(Debug, Clone)]
pub struct Facts {
    /// Its id: the client's `x-request-id`, or one of our own.
    pub id: String,
    /// The method.
    pub method: http::Method,
    /// The route's pattern, or `unmatched`: never what a client sent.
    pub route: Arc<str>,
    /// When its head had arrived.
    pub started: Instant,
    /// When it was over, by the clock on the wall; 1970 until then.
    pub at: SystemTime,
    /// The model, once known.
    pub model: Option<Arc<str>>,
    /// The provider that answered, or the last one tried.
    pub provider: Option<Arc<str>>,
    /// How many providers were asked.
    pub attempts: u32,
    /// The attempts that failed, the first of them if there were very many.
    pub tries: Vec<Try>,
    /// The second attempt beside a slow first one, if there was one.
    pub hedge: Option<Box<Hedge>>,
    /// Whether another attempt would have been over the budget for them.
    pub over_budget: bool,
    /// Why each provider was chosen, if the settings ask for it; as many as there are attempts at most.
    pub choices: Vec<Arc<Explanation>>,
    /// When things happened.
    pub phases: Phases,
    /// The fingerprint of the key that the client showed, if it showed one.
    pub key: Option<ClientKey>,
    /// Its place in a distributed trace, if it has one.
    pub trace: Option<Trace>,
    /// The word for the router's own refusal, as in the body's `code`.
    pub reason: Option<&'static str>,
    /// Whether the client asked for a stream.
    pub stream: bool,
    /// The status sent; 0 when none was.
    pub status: u16,
    /// How it ended.
    pub outcome: Outcome,
    /// Size of the request's body, in bytes.
    pub received: u64,
    /// Size of the answer's body so far, in bytes.
    pub sent: u64,
    /// From the start until the request went to the provider that answered.
    pub forwarded: Option<Duration>,
    /// From the start until the first byte of that provider's answer's body.
    pub first_byte: Option<Duration>,
    /// From the start until the end.
    pub took: Duration,
    /// Fields of the request that the provider could not carry.
    pub dropped: Vec<String>,
    /// The client's dialect and the provider's type, where the answer was translated.
    pub converted: Option<[&'static str; 2]>,
    /// What the answer cost, where the provider said. OpenAI's API says it of a stream only to who asks: the client
    /// (`stream_options.include_usage`), or the router if the setting `stream_usage` is on.
    pub usage: Option<Usage>,
    /// What went wrong, for the log: it may name internal hosts.
    pub error: Option<String>,
    /// The bodies, where they are written down.
    pub captured: Option<Arc<Captured>>,
}

impl Facts {
    fn new(id: String, method: http::Method, route: Arc<str>, started: Instant) -> Self {
        Self {
            id,
            method,
            route,
            started,
            at: SystemTime::UNIX_EPOCH,
            model: None,
            provider: None,
            attempts: 0,
            tries: Vec::new(),
            hedge: None,
            over_budget: false,
            choices: Vec::new(),
            phases: Phases::default(),
            key: None,
            trace: None,
            reason: None,
            stream: false,
            status: 0,
            outcome: Outcome::Cancelled,
            received: 0,
            sent: 0,
            forwarded: None,
            first_byte: None,
            took: Duration::ZERO,
            dropped: Vec::new(),
            converted: None,
            usage: None,
            error: None,
            captured: None,
        }
    }

    /// The router's own time before the request went to a provider: without the client's sending, the line,
    /// images that were fetched, and attempts that failed. `None` when none was asked, or one beside another that was slow.
    #[must_use]
    pub fn overhead(&self) -> Option<Duration> {
        if self.hedge.as_ref().is_some_and(|hedge| hedge.won) {
            return None;
        }
        let failed: Duration = self.tries.iter().filter(|t| Some(t.began) != self.forwarded).map(|t| t.took).sum();
        Some(self.forwarded?.saturating_sub(self.phases.body + self.phases.queued + self.phases.fetched + failed))
    }

    /// Tells in an answer's headers who answered, at which attempt, and what the router took for itself.
    pub fn tell(&self, headers: &mut HeaderMap) {
        let provider = self.provider.as_deref().and_then(|provider| HeaderValue::from_str(provider).ok());
        let overhead = self.overhead().and_then(|overhead| u64::try_from(overhead.as_micros()).ok());
        for (name, value) in
            [(PROVIDER, provider), (ATTEMPTS, Some(self.attempts.into())), (OVERHEAD, overhead.map(HeaderValue::from))]
        {
            // One that came from a router behind this one says nothing of this one.
            headers.remove(&name);
            if let Some(value) = value {
                headers.insert(name, value);
            }
        }
    }
}

/// Who answered.
const PROVIDER: HeaderName = HeaderName::from_static("x-llm-router-provider");
/// How many providers were asked.
const ATTEMPTS: HeaderName = HeaderName::from_static("x-llm-router-attempts");
/// The router's own time before sending, in microseconds.
const OVERHEAD: HeaderName = HeaderName::from_static("x-llm-router-overhead-us");

/// The record of a request under way. Dropping it reports it.
pub struct Record {
    facts: Facts,
    observer: Arc<dyn Observer>,
    capture: Option<Box<Capture>>,
}

impl Record {
    /// Begins a record; until something else is noted, the client is taken to have gone away.
    #[must_use]
    pub fn new(id: String, method: http::Method, route: Arc<str>, observer: Arc<dyn Observer>) -> Box<Self> {
        let facts = Facts::new(id, method, route, moment::now().into_std());
        Box::new(Self { facts, observer, capture: None })
    }

    /// From the start until now.
    fn passed(&self) -> Duration {
        moment::now().into_std().saturating_duration_since(self.facts.started)
    }

    /// Notes the router's own refusal.
    pub fn refused(&mut self, error: &Error) {
        self.facts.reason =
            Some(error.code().unwrap_or(if error.status().is_server_error() { "internal" } else { "bad_request" }));
        self.note_error(error);
    }

    /// Notes an attempt that failed.
    pub(crate) fn tried(&mut self, trouble: Trouble) {
        let began = self.facts.forwarded.unwrap_or_default();
        if let Some(provider) = self.facts.provider.clone() {
            self.failed(provider, trouble, began);
        }
    }

    fn failed(&mut self, provider: Arc<str>, trouble: Trouble, began: Duration) {
        let took = self.passed().saturating_sub(began);
        if self.facts.tries.len() < MOST_TRIES {
            self.facts.tries.push(Try { provider, trouble, began, took });
        }
    }

    fn chosen(&mut self, lease: &Lease) {
        if lease.explained() && self.facts.choices.len() < MOST_TRIES {
            self.facts.choices.push(lease.explain());
        }
    }

    /// Notes that the second attempt failed while the first went on.
    fn hedge_failed(&mut self, trouble: Trouble) {
        let Some(hedge) = &mut self.facts.hedge else { return };
        let (second, began) = (hedge.given_up.take(), hedge.began);
        if let Some(second) = second {
            self.failed(second, trouble, began);
        }
    }

    /// Notes that the second attempt took the place of the first.
    fn hedge_won(&mut self, first_failed: bool) {
        let Some(hedge) = &mut self.facts.hedge else { return };
        let first = std::mem::replace(&mut self.facts.provider, hedge.given_up.take());
        hedge.given_up = first.filter(|_| !first_failed);
        hedge.won = true;
        self.facts.forwarded = Some(hedge.began);
    }

    /// Notes the request's body.
    pub(crate) fn body(&mut self, body: &[u8], capture: Option<&Arc<settings::Capture>>) {
        self.facts.received = body.len() as u64;
        self.facts.phases.body = self.passed();
        self.capture = capture.and_then(|settings| Capture::begin(settings, body));
    }

    /// Notes a piece of the answer on its way to the client.
    pub(crate) fn piece(&mut self, data: &[u8]) {
        let at = self.passed();
        self.facts.first_byte.get_or_insert(at);
        self.facts.phases.piece(at);
        self.facts.sent += data.len() as u64;
        self.copy(data);
    }

    fn copy(&mut self, data: &[u8]) {
        if let Some(capture) = &mut self.capture {
            capture.answer(data);
        }
    }

    /// Notes that the first piece goes to the client's connection.
    pub(crate) fn handed(&mut self) {
        let at = self.passed();
        self.facts.phases.handed.get_or_insert(at);
    }

    /// Notes an error's text and everything below it, for the log.
    pub fn note_error(&mut self, error: &(dyn std::error::Error + 'static)) {
        let mut text = error.to_string();
        let mut below = error.source();
        while let Some(cause) = below {
            text.push_str(": ");
            text.push_str(&cause.to_string());
            below = cause.source();
        }
        self.facts.error = Some(text);
    }

    /// Notes an attempt at a provider.
    pub(crate) fn attempt(&mut self, note: &Note<'_>) {
        match note {
            Note::Chosen(lease, waited) => {
                // Less than that is the choosing itself.
                if *waited >= LEAST_WAIT {
                    self.facts.phases.queued += *waited;
                }
                self.chosen(lease);
            }
            Note::Head(heard) => {
                self.facts.phases.connect = heard.connected.map_or(Duration::ZERO, |connected| connected.0);
                self.facts.phases.head = Some(heard.at.saturating_duration_since(self.facts.started));
            }
            Note::Fetched(took) => self.facts.phases.fetched += *took,
            Note::OverBudget => self.facts.over_budget = true,
            Note::Hedging(lease) => {
                self.chosen(lease);
                self.facts.attempts += 1;
                let (given_up, began) = (lease.target().provider().id.clone(), self.passed());
                self.facts.hedge = Some(Box::new(Hedge { won: false, given_up: Some(given_up), began }));
            }
            Note::HedgeFailed(trouble) => self.hedge_failed(*trouble),
            Note::HedgeWon { first_failed } => self.hedge_won(*first_failed),
            Note::Refused(status) => self.tried(Trouble::Status(status.as_u16())),
            Note::Asking(target) => {
                self.facts.provider = Some(Arc::clone(&target.provider().id));
                self.facts.attempts += 1;
                // What was done until here was done within one poll, and is to be told all the same.
                self.facts.forwarded = Some(moment::fresh().into_std().saturating_duration_since(self.facts.started));
            }
            Note::Failed(error) => {
                self.note_error(*error);
                self.tried(Trouble::from(*error));
            }
        }
    }

    /// Ends the record with a provider's answer that has come whole.
    pub(crate) fn complete(mut self: Box<Self>, answer: &[u8], usage: Option<Usage>) {
        self.piece(answer);
        self.handed();
        self.facts.usage = usage;
        self.facts.outcome = Outcome::Complete;
    }

    /// Ends the record with what the router itself answered.
    pub fn answered(mut self: Box<Self>, status: u16, body: &Body) {
        self.facts.status = status;
        self.facts.sent = body.size_hint().exact().unwrap_or(0);
        if let Body::Full(bytes) = body {
            self.copy(bytes);
        }
        self.facts.outcome = if status >= 400 { Outcome::Refused } else { Outcome::Complete };
    }
}

impl std::ops::Deref for Record {
    type Target = Facts;

    fn deref(&self) -> &Facts {
        &self.facts
    }
}

impl std::ops::DerefMut for Record {
    fn deref_mut(&mut self) -> &mut Facts {
        &mut self.facts
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        self.facts.took = self.passed();
        if let Some(capture) = self.capture.take() {
            self.facts.captured = capture.finish(self.facts.model.as_deref()).map(Arc::new);
        }
        self.facts.at = moment::wall();
        let (route, started) = (Arc::clone(&self.facts.route), self.facts.started);
        // What is left behind is dropped at once.
        let nothing = Facts::new(String::new(), http::Method::GET, route, started);
        self.observer.finished(&Arc::new(std::mem::replace(&mut self.facts, nothing)));
    }
}
