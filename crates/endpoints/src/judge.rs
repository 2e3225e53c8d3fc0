//! What came of asking one provider, as far as that is known before the client gets its first byte.

use std::{
    future::poll_fn,
    pin::{Pin, pin},
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderValue, Response, StatusCode, header, response::Parts};
use http_body::Body as _;
use llm_router_balancer::Failure;
use llm_router_core::{
    catalogue::Provider,
    dialect::ErrorKind,
    translate::{Losses, ReplyTranslator},
};

use crate::{
    body::{Body, BodyError},
    gather::Gather,
    headers,
    memory::{Full, Held, Memory},
    moment,
    preamble::{Beginning, beginning, told},
    prepare::Needs,
    state::Lease,
    target::Target,
    upstream::UpstreamError,
};

/// What came of asking one provider.
pub(crate) enum Attempt {
    /// An answer for the client.
    Answer(Box<Answer>),
    /// A refusal that another provider may not share; passed on if there is no other.
    Refusal(Box<Answer>),
    /// No answer.
    Failed(UpstreamError),
    /// The answer found no room here.
    NoRoom(Full),
}

/// The head of an answer, with what has come of its body, in the client's dialect.
pub(crate) struct Answer {
    pub head: Parts,
    /// What the client gets first.
    pub first: Bytes,
    /// The rest, as the provider sends it.
    pub rest: Body,
    /// Translates the rest.
    pub translator: Option<Box<ReplyTranslator>>,
    /// Whether the provider speaks another dialect than the client.
    pub translated: bool,
    /// Whether it is a stream of events or lines.
    pub events: bool,
    /// Whether the client is to get a stream, where the answer is translated.
    streams: bool,
    /// What it says against the provider, if its status is such.
    failure: Option<Failure>,
    pub lease: Option<Lease>,
    /// What the provider's dialect could not carry.
    pub losses: Losses,
    /// Whether its HTTP says where the body ends.
    pub framed: bool,
    /// The longest silence between two frames.
    pub idle: Duration,
    /// Whether a chunk of usage numbers is to be taken out of it.
    pub uncounted: bool,
    /// What is held of it.
    pub held: Held,
    /// Who answers.
    pub provider: Arc<Provider>,
}

/// How an answer looks by its head, or why it cannot be one.
pub(crate) type Opened = Result<Box<Answer>, UpstreamError>;

/// Reads on until there is something to show the client, and settles the lease by what came, unless the answer is good so
/// far: then it goes on with it. `started` says when its request arrived, and `most` how large an answer may be that is read
/// as a whole.
#[expect(clippy::manual_async_fn, reason = "an `async fn` keeps its arguments twice")]
pub(crate) fn judge(
    opened: Opened,
    lease: Lease,
    started: Instant,
    most: usize,
) -> impl Future<Output = Attempt> + Send {
    async move {
        let read = match opened {
            Ok(answer) => read(answer, lease.target(), started, most).await,
            Err(error) => Err(error.into()),
        };
        match read {
            Err(Stop::NoRoom(full)) => Attempt::NoRoom(full),
            Err(Stop::Failed(error)) => {
                match error.is_the_clients() {
                    true => lease.succeed(),
                    false => lease.fail(blame(&error)),
                }
                Attempt::Failed(error)
            }
            Ok(mut answer) => match answer.failure.take() {
                Some(failure) => {
                    lease.fail(failure);
                    Attempt::Refusal(answer)
                }
                None => {
                    answer.lease = Some(lease);
                    Attempt::Answer(answer)
                }
            },
        }
    }
}

/// Why reading stopped.
enum Stop {
    /// The provider failed.
    Failed(UpstreamError),
    /// There is no room for the answer: no fault of the provider, and no reason to ask another one.
    NoRoom(Full),
}

impl From<UpstreamError> for Stop {
    fn from(error: UpstreamError) -> Self {
        Self::Failed(error)
    }
}

impl From<Full> for Stop {
    fn from(full: Full) -> Self {
        Self::NoRoom(full)
    }
}

/// Looks at the head of an answer.
///
/// # Errors
/// What is no answer.
pub(crate) fn open(response: Response<Body>, target: &Target, needs: Needs, memory: &Memory) -> Opened {
    let Needs { translator, losses, uncounted, stream, own: _ } = needs;
    let (mut head, body) = response.into_parts();
    if head.status.is_informational() {
        return Err(UpstreamError::Garbled("a change of protocol that nobody asked for".into()));
    }
    if head.status.is_redirection() {
        return Err(UpstreamError::Redirect(head.status.as_u16()));
    }
    // The words behind a status and the like are the provider's own affair.
    head.extensions.clear();
    let rest = frame(&mut head, body);
    let framed = [header::CONTENT_LENGTH, header::TRANSFER_ENCODING].iter().any(|name| head.headers.contains_key(name));
    // Boxed: it passes through many hands.
    Ok(Box::new(Answer {
        events: headers::is_stream(&head.headers),
        failure: refused(head.status, &head.headers),
        head,
        first: Bytes::new(),
        rest,
        translated: translator.is_some(),
        streams: stream,
        translator,
        lease: None,
        losses,
        framed,
        idle: target.timeouts().idle,
        uncounted,
        held: memory.hold(),
        provider: Arc::clone(target.provider()),
    }))
}

/// Reads on until there is something to show the client.
async fn read(mut answer: Box<Answer>, target: &Target, started: Instant, most: usize) -> Result<Box<Answer>, Stop> {
    let limit = target.timeouts().first_token;
    match moment::within(moment::after(limit), pin!(begin(&mut answer, most, started))).await {
        Ok(begun) => begun?,
        Err(_) => return Err(UpstreamError::FirstTokenTimeout(limit).into()),
    }
    Ok(answer)
}

/// Takes a body for what its framing says, so that the client's answer is framed likewise (RFC 9112, 6.3).
fn frame(head: &mut Parts, body: Body) -> Body {
    if head.status == StatusCode::NO_CONTENT {
        head.headers.remove(header::CONTENT_LENGTH);
        head.headers.remove(header::TRANSFER_ENCODING);
        return Body::Empty;
    }
    if head.headers.contains_key(header::TRANSFER_ENCODING) {
        // Beside chunks a length means nothing: passed on, it would cut the answer short.
        head.headers.remove(header::CONTENT_LENGTH);
    }
    body
}

/// Reads up to the first content.
async fn begin(answer: &mut Answer, most: usize, started: Instant) -> Result<(), Stop> {
    let stream = answer.head.status.is_success() && answer.events;
    match answer.translator.take() {
        None => {
            headers::strip_hop_by_hop(&mut answer.head.headers);
            answer.first = next(&mut answer.rest, answer.idle).await?.unwrap_or_default();
            if stream {
                hold_back(answer).await?;
            } else if answer.head.status == StatusCode::OK && is_page(&answer.first) {
                return Err(UpstreamError::Unreadable("a page, or nothing, in place of JSON".into()).into());
            }
        }
        Some(translator) if stream => {
            // Boxed, like the next one: answers that are passed on need not carry their state.
            Box::pin(translate_stream(answer, translator, started)).await?;
        }
        Some(translator) => Box::pin(translate_whole(answer, translator, most, started)).await?,
    }
    Ok(())
}

/// Whether a good answer begins like a web page, or is empty: so answers a server that is no API, such as the start page
/// of a proxy in its place. No operation has such an answer.
fn is_page(first: &[u8]) -> bool {
    // Blanks alone are no sign: some servers send them while they think.
    first.is_empty() || first.trim_ascii_start().starts_with(b"<")
}

/// Holds back what precedes the content of an untouched stream, so that another provider can take over unnoticed.
async fn hold_back(answer: &mut Answer) -> Result<(), Stop> {
    loop {
        match beginning(&answer.first) {
            Beginning::Content => return Ok(()),
            Beginning::Error => {
                return Err(UpstreamError::Refused(Box::new(told(&answer.first))).into());
            }
            Beginning::Preamble => {}
        }
        let Some(more) = next(&mut answer.rest, answer.idle).await? else {
            return Err(UpstreamError::Unreadable("the stream ended before its first content".into()).into());
        };
        let mut joined = BytesMut::with_capacity(answer.first.len() + more.len());
        joined.extend_from_slice(&answer.first);
        joined.extend_from_slice(&more);
        answer.first = joined.freeze();
    }
}

/// Holds back what precedes the content, so that another provider can take over unnoticed.
async fn translate_stream(
    answer: &mut Answer,
    mut translator: Box<ReplyTranslator>,
    started: Instant,
) -> Result<(), Stop> {
    let mut first = Vec::new();
    while !translator.has_content() && !translator.is_done() {
        let Some(frame) = next(&mut answer.rest, answer.idle).await? else {
            if answer.framed {
                translator.close(&mut first).map_err(UpstreamError::from)?;
            }
            translator.finish().map_err(UpstreamError::from)?;
            break;
        };
        translator.elapsed(started.elapsed());
        translator.frame(&frame, &mut first).map_err(UpstreamError::from)?;
    }
    answer.first = first.into();
    answer.become_ours(translator.stream_content_type());
    answer.translator = Some(translator);
    Ok(())
}

/// Translates an answer that is no stream: a reply, or an error.
async fn translate_whole(
    answer: &mut Answer,
    mut translator: Box<ReplyTranslator>,
    most: usize,
    started: Instant,
) -> Result<(), Stop> {
    let body = collect(answer, most).await?;
    translator.elapsed(started.elapsed());
    let mut content_type = "application/json";
    let translated = if answer.head.status.is_success() && answer.streams {
        // Some providers do not stream when asked to; the client gets its stream all the same.
        let mut events = Vec::new();
        translator.whole_as_stream(&body, &mut events).map_err(UpstreamError::from)?;
        content_type = translator.stream_content_type();
        events
    } else if answer.head.status.is_success() {
        translator.whole(&body).map_err(UpstreamError::from)?
    } else {
        let (status, error) = translator.error(answer.head.status.as_u16(), &body);
        answer.head.status = StatusCode::from_u16(status).unwrap_or(answer.head.status);
        error
    };
    answer.first = translated.into();
    answer.rest = Body::Empty;
    answer.become_ours(content_type);
    answer.translator = Some(translator);
    Ok(())
}

impl Answer {
    /// Takes the headers of a translated answer: what the provider said of its own body does not hold for ours.
    fn become_ours(&mut self, content_type: &'static str) {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
        for (name, value) in &self.head.headers {
            // What clients go by when they try again (the official ones read all of these).
            let advice = matches!(name.as_str(), "retry-after" | "retry-after-ms" | "x-should-retry");
            if advice || name.as_str().contains("ratelimit") {
                headers.append(name.clone(), value.clone());
            }
        }
        self.events = headers::is_stream(&headers);
        self.head.headers = headers;
    }
}

/// The next bytes, if any come within the limit; `None` at the end.
async fn next(body: &mut Body, idle: Duration) -> Result<Option<Bytes>, UpstreamError> {
    loop {
        match moment::within(moment::after(idle), pin!(poll_fn(|cx| Pin::new(&mut *body).poll_frame(cx)))).await {
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

async fn collect(answer: &mut Answer, most: usize) -> Result<Bytes, Stop> {
    let mut gather = Gather::new(answer.rest.size_hint().exact(), most);
    while let Some(data) = next(&mut answer.rest, answer.idle).await? {
        if gather.len() + data.len() > most {
            return Err(UpstreamError::Garbled(BodyError::TooLarge(most).into()).into());
        }
        answer.held.grow(data.len())?;
        gather.add(data);
    }
    Ok(gather.finish())
}

/// Statuses that count against the provider and may be better elsewhere. A client's mistake never does.
fn refused(status: StatusCode, headers: &HeaderMap) -> Option<Failure> {
    match status.as_u16() {
        429 | 503 | 529 => Some(Failure::Overloaded { retry_after: retry_after(headers) }),
        500.. => Some(Failure::Server),
        _ => None,
    }
}

/// `Retry-After` in seconds (RFC 9110, 10.2.3); its form as a date is rare here and not read.
pub(crate) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds: f64 = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Duration::try_from_secs_f64(seconds).ok()
}

fn blame(error: &UpstreamError) -> Failure {
    match error {
        UpstreamError::Connect(_) | UpstreamError::ConnectTimeout(_) => Failure::Connect,
        UpstreamError::HeadTimeout(_) | UpstreamError::FirstTokenTimeout(_) => Failure::Timeout,
        UpstreamError::Broken(_) | UpstreamError::Stale(_) => Failure::Reset,
        UpstreamError::Refused(info) if matches!(info.kind, ErrorKind::RateLimit | ErrorKind::Overloaded) => {
            Failure::Overloaded { retry_after: None }
        }
        UpstreamError::Garbled(_)
        | UpstreamError::Unreadable(_)
        | UpstreamError::Refused(_)
        | UpstreamError::Redirect(_) => Failure::Server,
    }
}
