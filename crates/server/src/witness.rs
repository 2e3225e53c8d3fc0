//! Who is told of every request: counts it, remembers it, and passes it on to the log.

use std::{sync::Arc, time::Instant};

use http::{HeaderValue, Method, Response, header, request::Parts};
use llm_router_endpoints::{Body, Facts, Observer, State};

use crate::{
    bodies::Bodies,
    history::History,
    metrics::{self, METRICS, Metrics},
    otlp::Spans,
    ring::Ring,
};

/// Counts and remembers requests, then tells the next observer.
pub struct Witness {
    pub(crate) metrics: Metrics,
    /// The last finished requests.
    pub ring: Ring,
    /// The last two minutes.
    pub(crate) history: History,
    /// When it began.
    pub(crate) began: Instant,
    /// Finished requests on their way to a collector of traces.
    pub(crate) spans: Spans,
    bodies: Bodies,
    exports: bool,
    next: Arc<dyn Observer>,
}

impl Witness {
    /// Watches a router that begins with this snapshot.
    #[must_use]
    pub fn new(state: &State, next: Arc<dyn Observer>) -> Arc<Self> {
        let ring = Ring::new(state.settings.metrics.requests_kept);
        let exports = state.settings.metrics.traces.is_some();
        let (metrics, spans) = (Metrics::default(), Spans::default());
        let witness = Self {
            metrics,
            ring,
            history: History::default(),
            began: Instant::now(),
            spans,
            bodies: Bodies::default(),
            exports,
            next,
        };
        witness.follow(state);
        Arc::new(witness)
    }

    /// Goes on with another snapshot.
    pub(crate) fn follow(&self, state: &State) {
        self.metrics.follow(state);
        self.bodies.follow(&state.settings);
    }

    /// The type of the provider that answered; empty when none did.
    pub(crate) fn kind_of(&self, facts: &Facts) -> &'static str {
        let (Some(model), Some(provider)) = (&facts.model, &facts.provider) else { return "" };
        self.metrics.model(model).provider(provider).kind
    }

    /// The path of the metrics, if this is it: at the root and below the prefix.
    pub(crate) fn is_metrics(state: &State, path: &str) -> bool {
        state.settings.metrics.enabled
            && path
                .strip_suffix(METRICS)
                .is_some_and(|before| before.is_empty() || before == state.settings.server.prefix)
    }

    /// The answer to a request for the metrics.
    pub(crate) fn exposition(head: &Parts, page: impl FnOnce() -> String) -> Response<Body> {
        if head.method != Method::GET && head.method != Method::HEAD {
            let mut response = Response::new(Body::Empty);
            *response.status_mut() = http::StatusCode::METHOD_NOT_ALLOWED;
            response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
            return response;
        }
        let mut response = Response::new(Body::from(page()));
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(metrics::CONTENT_TYPE));
        response
    }
}

impl Observer for Witness {
    fn finished(&self, facts: &Arc<Facts>) {
        self.metrics.ended(facts);
        let traced = self.exports && facts.trace.is_some_and(|trace| trace.sampled);
        if traced && !self.spans.push(Arc::clone(facts)) {
            self.metrics.lose_spans(1);
        }
        if self.ring.is_on() {
            self.ring.keep(Arc::clone(facts));
        }
        if let Some(captured) = &facts.captured {
            self.bodies.write(facts, captured);
        }
        self.next.finished(facts);
    }
}
