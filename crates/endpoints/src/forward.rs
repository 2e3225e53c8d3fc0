//! Forwards a client's request as it is: peek, ask, and relay the answer.

use std::sync::Arc;

use http::{HeaderValue, Response};
use llm_router_core::{json::Peek, operation::Operation};
use tokio::time::timeout_at;

use crate::{
    attempts::{Answer, Attempts, Note},
    body::Body,
    call::Call,
    error::Error,
    headers,
    prepare::Source,
    record::Outcome,
    relay::{Relay, Terms},
    target::Target,
};

/// Forwards a request to a provider of its model and relays the answer.
///
/// # Errors
/// Whatever kept every provider from answering. A provider's own refusal is an answer, not an error.
pub async fn forward(call: &mut Call, operation: Operation) -> Result<Response<Body>, Error> {
    let body = call.read_body().await?;
    let peek = Peek::new(&body)?;
    let name = peek.model()?;
    let stream = peek.stream()?.unwrap_or(operation.streams_by_default());
    let state = Arc::clone(&call.state);
    let pool = state.pool(&name)?;
    call.note(|record| {
        record.model = Some(Arc::clone(&pool.model.name));
        record.stream = stream;
    });
    let headers = std::mem::take(&mut call.head.headers);
    let id = call.record.as_ref().map(|record| record.id.clone()).unwrap_or_default();
    let source = Source { operation, body: &body, peek: &peek, headers: &headers, id: &id };
    call.limit(pool.model.options.timeouts.total);
    let deadline = call.deadline;
    let upstream = Arc::clone(&call.upstream);
    let request = |target: &Target| source.request(target);
    let mut note = |note: Note<'_>| call.note(|record| record.attempt(&note));
    let attempts = Attempts { upstream: &*upstream, pool, request: &request, note: &mut note }.run();
    let answer = match deadline {
        None => attempts.await?,
        Some((at, total)) => timeout_at(at, attempts).await.unwrap_or(Err(Error::Deadline(total)))?,
    };
    Ok(relay(call, answer))
}

/// From here on the answer belongs to the client: nothing is tried again.
fn relay(call: &mut Call, answer: Answer) -> Response<Body> {
    let (mut head, body) = answer.response.into_parts();
    headers::strip_hop_by_hop(&mut head.headers);
    let events = headers::is_stream(&head.headers);
    if events {
        // nginx and its kin hold streams back unless told not to.
        head.headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    }
    call.note(|record| {
        record.status = head.status.as_u16();
        record.outcome = Outcome::Cancelled;
    });
    let terms = Terms { events: events.then_some(call.surface), idle: answer.idle, deadline: call.deadline };
    let relay = Relay::new(body, answer.first, answer.lease, call.record.take(), terms);
    Response::from_parts(head, Body::stream(relay))
}
