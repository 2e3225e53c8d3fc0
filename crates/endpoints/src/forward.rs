//! Forwards a client's request: peek, ask, and relay the answer.

use std::{
    sync::Arc,
    time::{Instant, SystemTime, UNIX_EPOCH},
};

use http::{HeaderValue, Response, header};
use llm_router_core::{json::Peek, operation::Operation, translate};
use tokio::time::timeout_at;

use crate::{
    affinity,
    attempts::{Attempts, Note, Outcome},
    body::Body,
    call::Call,
    error::Error,
    headers,
    judge::Answer,
    prepare::Source,
    relay::{Relay, Terms},
    target::Target,
};

/// What a token of a prompt takes in a body, about: the balancer needs no more than the order of magnitude.
const BYTES_A_TOKEN: usize = 4;

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
    let source = Source {
        operation,
        model: &pool.model.name,
        body: &body,
        peek: &peek,
        headers: &headers,
        id: &id,
        unsupported: pool.model.options.unsupported.unwrap_or(state.settings.models.unsupported),
        now: SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs()),
    };
    call.limit(pool.model.options.timeouts.total);
    let deadline = call.deadline;
    let upstream = Arc::clone(&call.upstream);
    let started = call.record.as_ref().map_or_else(Instant::now, |record| record.started);
    let plan = |target: &Target| source.plan(target);
    let mut note = |note: Note<'_>| call.note(|record| record.attempt(&note));
    let size = u32::try_from(body.len() / BYTES_A_TOKEN).unwrap_or(u32::MAX);
    let affinity = if pool.is_sticky() { affinity::key(&headers, &peek) } else { None };
    let upstream = &*upstream;
    let attempts = Attempts { upstream, pool, plan: &plan, size, affinity, started, note: &mut note }.run();
    let outcome = match deadline {
        None => attempts.await?,
        Some((at, total)) => timeout_at(at, attempts).await.unwrap_or(Err(Error::Deadline(total)))?,
    };
    Ok(match outcome {
        Outcome::Answer(answer) => relay(call, answer),
        Outcome::Unasked(answer) => unasked(answer),
    })
}

/// An answer that needed no provider.
fn unasked(answer: translate::Answer) -> Response<Body> {
    let mut response = Response::new(Body::from(answer.body));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(answer.content_type));
    if answer.estimated {
        response.headers_mut().insert(headers::ESTIMATED, HeaderValue::from_static("true"));
    }
    response
}

/// From here on the answer belongs to the client: nothing is tried again.
fn relay(call: &mut Call, answer: Answer) -> Response<Body> {
    let mut head = answer.head;
    let events = headers::is_stream(&head.headers);
    if events {
        // nginx and its kin hold streams back unless told not to.
        head.headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    }
    if let Some(fields) = answer.losses.header_value()
        && let Ok(dropped) = HeaderValue::from_str(&fields)
    {
        head.headers.insert(headers::DROPPED, dropped);
    }
    let details = call.state.settings.metrics.details;
    call.note(|record| {
        record.status = head.status.as_u16();
        record.dropped = answer.losses.fields().to_vec();
        if details {
            record.tell(&mut head.headers);
        }
    });
    let terms = Terms {
        events: events.then_some(call.surface),
        idle: answer.idle,
        deadline: call.deadline,
        life: call.life.clone(),
    };
    let relay = Relay::new(answer.rest, answer.first, answer.translator, answer.lease, call.record.take(), terms);
    Response::from_parts(head, Body::stream(relay))
}
