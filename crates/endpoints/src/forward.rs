//! The one way upstream: peek, lease, send, and try the next provider while nothing has reached the client.

use std::{future::poll_fn, pin::Pin, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use http_body::Body as _;
use llm_router_balancer::{AcquireError, Demand, Failure, PickError, Tried};
use llm_router_core::{json::Peek, operation::Operation};
use tokio::time::timeout;

use crate::{
    body::{Body, BodyError},
    call::Call,
    error::Error,
    headers,
    prepare::Source,
    record::Outcome,
    relay::{Relay, Terms},
    state::{Lease, Pool},
    target::Target,
    upstream::{Upstream, UpstreamError},
};

/// When to come back, if nobody knows better.
const COME_BACK: Duration = Duration::from_secs(1);

/// The most providers one request is tried on.
const MOST_ATTEMPTS: u32 = Tried::CAPACITY as u32;

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
    match call.deadline {
        None => attempts(call, pool, &source).await,
        Some((deadline, total)) => match tokio::time::timeout_at(deadline, attempts(call, pool, &source)).await {
            Ok(answer) => answer,
            Err(_) => Err(Error::Deadline(total)),
        },
    }
}

/// What came of asking one provider.
enum Attempt {
    /// An answer for the client.
    Answer(Answer),
    /// A refusal that another provider may not share; passed on if there is no other.
    Refusal(Answer),
    /// No answer.
    Failed(UpstreamError),
}

/// The head of an answer, with the first frame of its body.
struct Answer {
    response: Response<Body>,
    first: Option<Bytes>,
    lease: Option<Lease>,
    idle: Duration,
}

async fn attempts(call: &mut Call, pool: &Pool, source: &Source<'_>) -> Result<Response<Body>, Error> {
    let mut tried = Tried::default();
    let mut asked = 0;
    let mut refusal: Option<Answer> = None;
    let mut failure: Option<UpstreamError> = None;
    let mut none: Option<AcquireError> = None;
    let upstream = Arc::clone(&call.upstream);
    while asked < MOST_ATTEMPTS {
        let demand = Demand { class: &pool.model.name, tried, ..Demand::default() };
        let lease = match pool.balancer.acquire(&demand).await {
            Ok(lease) => lease,
            Err(error) => {
                none = Some(error);
                break;
            }
        };
        tried.insert(lease.key());
        let target = lease.target();
        let Some(request) = source.request(target) else {
            continue;
        };
        asked += 1;
        call.note(|record| {
            record.provider = Some(Arc::clone(&target.provider().id));
            record.attempts = asked;
            record.forwarded = Some(record.started.elapsed());
        });
        drop(refusal.take());
        let sent = match upstream.send(target, request).await {
            Err(UpstreamError::Stale(_)) => resend(&*upstream, source, target).await,
            sent => sent,
        };
        match judge(sent, lease).await {
            Attempt::Answer(answer) => return Ok(relay(call, answer)),
            Attempt::Refusal(answer) => refusal = Some(answer),
            Attempt::Failed(error) => {
                call.note(|record| record.note_error(&error));
                failure = Some(error);
            }
        }
    }
    if let Some(answer) = refusal {
        return Ok(relay(call, answer));
    }
    Err(exhausted(pool, asked, failure, none.as_ref()))
}

/// Sends again after a pooled connection had been closed under the request: the provider has not seen it.
async fn resend(
    upstream: &dyn Upstream,
    source: &Source<'_>,
    target: &Target,
) -> Result<Response<Body>, UpstreamError> {
    let request = source.request(target).ok_or_else(|| UpstreamError::Broken("no path".into()))?;
    upstream.send(target, request).await
}

/// Nobody answered: says why.
fn exhausted(pool: &Pool, asked: u32, failure: Option<UpstreamError>, none: Option<&AcquireError>) -> Error {
    let model = Arc::clone(&pool.model.name);
    if let Some(last) = failure {
        return Error::Upstream { model, attempts: asked, last };
    }
    let (reason, retry_after) = match none {
        Some(AcquireError::Pick(PickError::Busy { retry_after })) => ("all of its providers are busy", *retry_after),
        Some(AcquireError::LineFull { retry_after }) => ("too many requests wait for it already", *retry_after),
        Some(AcquireError::TooLate { retry_after }) => ("the wait would be too long", Some(*retry_after)),
        Some(AcquireError::Timeout { retry_after }) => ("no provider became free in time", *retry_after),
        Some(AcquireError::Pick(PickError::Unavailable { retry_after })) => {
            ("all of its providers are down", *retry_after)
        }
        Some(AcquireError::Pick(PickError::Exhausted)) if asked == 0 => {
            let reason = "none of its providers offers this operation".to_owned();
            return Error::Unsupported { model, reason };
        }
        _ => ("all of its providers are down or busy", None),
    };
    Error::Unavailable { model, reason, retry_after: retry_after.unwrap_or(COME_BACK) }
}

/// Settles the lease by what came, as far as that is known when the first frame is there.
async fn judge(sent: Result<Response<Body>, UpstreamError>, lease: Lease) -> Attempt {
    let mut response = match sent {
        Ok(response) => response,
        Err(error) => {
            lease.fail(blame(&error));
            return Attempt::Failed(error);
        }
    };
    let status = response.status();
    if status.is_redirection() {
        lease.fail(Failure::Server);
        return Attempt::Failed(UpstreamError::Redirect(status.as_u16()));
    }
    let idle = lease.target().timeouts().idle;
    match first_frame(response.body_mut(), idle).await {
        Err(error) => {
            lease.fail(blame(&error));
            Attempt::Failed(error)
        }
        Ok(first) => match refused(status, response.headers()) {
            Some(failure) => {
                lease.fail(failure);
                Attempt::Refusal(Answer { response, first, lease: None, idle })
            }
            None => Attempt::Answer(Answer { response, first, lease: Some(lease), idle }),
        },
    }
}

/// Waits for the first frame: until it is there, the request can still go to another provider.
async fn first_frame(body: &mut Body, idle: Duration) -> Result<Option<Bytes>, UpstreamError> {
    loop {
        match timeout(idle, poll_fn(|cx| Pin::new(&mut *body).poll_frame(cx))).await {
            Err(_) => return Err(UpstreamError::HeadTimeout(idle)),
            Ok(None) => return Ok(None),
            Ok(Some(Err(BodyError::Cut(cause)))) => return Err(UpstreamError::Broken(cause)),
            Ok(Some(Err(error))) => return Err(UpstreamError::Garbled(error.into())),
            Ok(Some(Ok(frame))) => {
                if let Ok(data) = frame.into_data()
                    && !data.is_empty()
                {
                    return Ok(Some(data));
                }
            }
        }
    }
}

/// Statuses that count against the provider and may be better elsewhere. A client's mistake never does.
fn refused(status: StatusCode, headers: &http::HeaderMap) -> Option<Failure> {
    match status.as_u16() {
        429 | 503 | 529 => Some(Failure::Overloaded { retry_after: retry_after(headers) }),
        500.. => Some(Failure::Server),
        _ => None,
    }
}

/// `Retry-After` in seconds (RFC 9110, 10.2.3); its form as a date is rare here and not read.
fn retry_after(headers: &http::HeaderMap) -> Option<Duration> {
    let seconds: f64 = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Duration::try_from_secs_f64(seconds).ok()
}

fn blame(error: &UpstreamError) -> Failure {
    match error {
        UpstreamError::Connect(_) | UpstreamError::ConnectTimeout(_) => Failure::Connect,
        UpstreamError::HeadTimeout(_) => Failure::Timeout,
        UpstreamError::Broken(_) | UpstreamError::Stale(_) => Failure::Reset,
        UpstreamError::Garbled(_) | UpstreamError::Redirect(_) => Failure::Server,
    }
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
