//! Asks the providers of a model, one after another, while nothing has reached the client.

use std::{future::poll_fn, pin::Pin, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{Request, Response, StatusCode, header};
use http_body::Body as _;
use llm_router_balancer::{AcquireError, Demand, Failure, PickError, Tried};
use llm_router_core::catalogue::Provider;
use tokio::time::timeout;

use crate::{
    body::{Body, BodyError},
    error::Error,
    state::{Lease, Pool},
    target::Target,
    upstream::{Upstream, UpstreamError},
};

/// When to come back, if nobody knows better.
const COME_BACK: Duration = Duration::from_secs(1);

/// The most providers one request is tried on.
const MOST_ATTEMPTS: u32 = Tried::CAPACITY as u32;

/// One request to be made of a model.
pub(crate) struct Attempts<'a> {
    /// The way to providers.
    pub(crate) upstream: &'a dyn Upstream,
    /// The model and its balancer.
    pub(crate) pool: &'a Pool,
    /// Makes the request for a provider; `None` when the provider does not offer what is asked.
    pub(crate) request: &'a (dyn Fn(&Target) -> Option<Request<Body>> + Send + Sync),
    /// Is told of every attempt.
    pub(crate) note: &'a mut (dyn FnMut(Note<'_>) + Send),
}

/// What happens while providers are asked.
pub(crate) enum Note<'a> {
    /// A provider is about to be asked.
    Asking(&'a Target),
    /// It gave no answer.
    Failed(&'a UpstreamError),
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
pub(crate) struct Answer {
    /// The head, and the rest of the body.
    pub(crate) response: Response<Body>,
    /// The first frame.
    pub(crate) first: Option<Bytes>,
    /// The place at the provider; `None` after a refusal, which has settled it.
    pub(crate) lease: Option<Lease>,
    /// The longest silence allowed.
    pub(crate) idle: Duration,
    /// Who answers.
    pub(crate) provider: Arc<Provider>,
}

impl Attempts<'_> {
    /// Asks until one answers: each provider once. A refusal that nobody improves on is an answer too.
    ///
    /// # Errors
    /// Whatever kept every provider from answering.
    pub(crate) async fn run(mut self) -> Result<Answer, Error> {
        let mut tried = Tried::default();
        let mut asked = 0;
        let mut refusal: Option<Answer> = None;
        let mut failure: Option<UpstreamError> = None;
        let mut none: Option<AcquireError> = None;
        while asked < MOST_ATTEMPTS {
            let demand = Demand { class: &self.pool.model.name, tried, ..Demand::default() };
            let lease = match self.pool.balancer.acquire(&demand).await {
                Ok(lease) => lease,
                Err(error) => {
                    none = Some(error);
                    break;
                }
            };
            tried.insert(lease.key());
            let Some(request) = (self.request)(lease.target()) else { continue };
            asked += 1;
            (self.note)(Note::Asking(lease.target()));
            drop(refusal.take());
            let sent = self.send(lease.target(), request).await;
            match judge(sent, lease).await {
                Attempt::Answer(answer) => return Ok(answer),
                Attempt::Refusal(answer) => refusal = Some(answer),
                Attempt::Failed(error) => {
                    (self.note)(Note::Failed(&error));
                    failure = Some(error);
                }
            }
        }
        refusal.ok_or_else(|| exhausted(self.pool, asked, failure, none.as_ref()))
    }

    /// Sends, and once more after a pooled connection had been closed under the request: the provider has not seen it.
    async fn send(&mut self, target: &Target, request: Request<Body>) -> Result<Response<Body>, UpstreamError> {
        match self.upstream.send(target, request).await {
            Err(UpstreamError::Stale(_)) => {
                let request = (self.request)(target).ok_or_else(|| UpstreamError::Broken("no path".into()))?;
                self.upstream.send(target, request).await
            }
            sent => sent,
        }
    }
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
    let provider = Arc::clone(lease.target().provider());
    match first_frame(response.body_mut(), idle).await {
        Err(error) => {
            lease.fail(blame(&error));
            Attempt::Failed(error)
        }
        Ok(first) => match refused(status, response.headers()) {
            Some(failure) => {
                lease.fail(failure);
                Attempt::Refusal(Answer { response, first, lease: None, idle, provider })
            }
            None => Attempt::Answer(Answer { response, first, lease: Some(lease), idle, provider }),
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
pub(crate) fn retry_after(headers: &http::HeaderMap) -> Option<Duration> {
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
