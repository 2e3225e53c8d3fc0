//! Spans of finished requests, sent to an OpenTelemetry collector by OTLP over HTTP in its JSON form.
//!
//! The form is written here rather than by the OpenTelemetry crates: it is two dozen fields, and those crates would
//! bring a second HTTP client, protobuf and a runtime of their own along.

mod span;

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Request, header};
use llm_router_core::settings::Traces;
use llm_router_endpoints::Facts;
use tokio::time::{sleep, timeout};

use crate::{fetch::fetch, upstream::Trust, worker::Shared};

/// The most requests that wait to be sent; more are counted and left out.
const MOST: usize = 8192;
/// The most requests of one message.
const BATCH: usize = 512;
/// Between two messages.
const PAUSE: Duration = Duration::from_secs(1);
/// The longest time for one message.
const PATIENCE: Duration = Duration::from_secs(10);
/// The longest time for the last messages of a process.
const LAST: Duration = Duration::from_secs(2);

/// Facts requests on their way to a collector.
#[derive(Debug, Default)]
pub(crate) struct Spans {
    waiting: Mutex<VecDeque<Arc<Facts>>>,
}

impl Spans {
    /// Takes a request in, if there is room; says whether there was.
    pub(crate) fn push(&self, finished: Arc<Facts>) -> bool {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let room = waiting.len() < MOST;
        if room {
            waiting.push_back(finished);
        }
        room
    }

    fn batch(&self) -> Vec<Arc<Facts>> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let size = waiting.len().min(BATCH);
        waiting.drain(..size).collect()
    }
}

/// Sends what waits, for ever.
pub(crate) async fn export(shared: &Shared, trust: &Arc<Trust>) {
    let Some(traces) = shared.state().settings.metrics.traces.clone() else { return std::future::pending().await };
    let mut well = true;
    loop {
        sleep(PAUSE).await;
        send_all(shared, &traces, trust, &mut well).await;
    }
}

/// Sends what still waits when the process ends. A collector that does not answer must not hold that up.
pub(crate) async fn last(shared: &Shared, trust: &Arc<Trust>) {
    let Some(traces) = shared.state().settings.metrics.traces.clone() else { return };
    drop(timeout(LAST, send_all(shared, &traces, trust, &mut true)).await);
}

async fn send_all(shared: &Shared, traces: &Traces, trust: &Arc<Trust>, well: &mut bool) {
    loop {
        let batch = shared.witness.spans.batch();
        if batch.is_empty() {
            return;
        }
        let kind = |finished: &Facts| shared.witness.kind_of(finished);
        let body = span::message(&batch, &kind).to_string();
        let fault = match timeout(PATIENCE, fetch(&traces.endpoint, trust, request(traces, body))).await {
            Err(_) => Some(format!("no answer within {PATIENCE:?}")),
            Ok(Err(error)) => Some(error.to_string()),
            Ok(Ok(answer)) if !answer.status().is_success() => Some(format!("status {}", answer.status())),
            Ok(Ok(_)) => None,
        };
        if let Some(fault) = &fault {
            shared.witness.metrics.lose_spans(batch.len());
            if *well {
                tracing::warn!(error = fault, "traces cannot be sent to the collector (otlp_endpoint); they are lost");
            }
        } else if !*well {
            tracing::info!("traces reach the collector again");
        }
        *well = fault.is_none();
        if fault.is_some() {
            return;
        }
    }
}

fn request(traces: &Traces, body: String) -> Request<Bytes> {
    let mut request = Request::new(Bytes::from(body));
    *request.method_mut() = http::Method::POST;
    *request.uri_mut() = traces.endpoint.join("v1/traces").into();
    let headers = request.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    for (name, value) in &traces.headers {
        if let (Ok(name), Ok(mut value)) = (name.parse::<HeaderName>(), HeaderValue::from_str(value.expose())) {
            value.set_sensitive(true);
            headers.insert(name, value);
        }
    }
    request
}
