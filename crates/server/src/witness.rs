//! Who is told of every request: counts it, remembers it, and passes it on to the log.

use std::{sync::Arc, time::Instant};

use http::{HeaderValue, Method, Response, header, request::Parts};
use llm_router_endpoints::{Body, Facts, Observer, State};

use crate::{
    metrics::{self, METRICS, Metrics},
    ring::Ring,
};

/// Counts and remembers requests, then tells the next observer.
pub struct Witness {
    pub(crate) metrics: Metrics,
    /// The last finished requests.
    pub ring: Ring,
    /// When it began.
    pub(crate) began: Instant,
    next: Arc<dyn Observer>,
}

impl Witness {
    /// Watches a router that begins with this snapshot.
    #[must_use]
    pub fn new(state: &State, next: Arc<dyn Observer>) -> Arc<Self> {
        let ring = Ring::new(state.settings.metrics.requests_kept);
        let witness = Self { metrics: Metrics::default(), ring, began: Instant::now(), next };
        witness.follow(state);
        Arc::new(witness)
    }

    /// Goes on with another snapshot.
    pub(crate) fn follow(&self, state: &State) {
        self.metrics.follow(state);
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
    fn started(&self) {
        self.metrics.began();
        self.next.started();
    }

    fn finished(&self, facts: &Facts) {
        self.metrics.ended(facts);
        self.ring.keep(facts);
        self.next.finished(facts);
    }
}
