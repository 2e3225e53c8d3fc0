//! Forwards a client's request: peek, ask, and relay the answer.

use std::{
    pin::{Pin, pin},
    sync::Arc,
    time::{Duration, UNIX_EPOCH},
};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Response, StatusCode, header, response::Parts};
use http_body::Body as _;
use llm_router_core::{
    catalogue::OnDisconnect,
    dialect::{ErrorInfo, ErrorKind, Surface},
    json::Peek,
    operation::Operation,
    settings::word,
    translate::{self, StreamTap, TranslateError},
};

use crate::{
    affinity,
    attempts::{Attempts, Note, Outcome},
    body::Body,
    call::Call,
    error::Error,
    headers,
    images::Pictures,
    judge::Answer,
    leaving::{Asking, Bounds, Progress},
    life::Life,
    memory::Held,
    moment,
    prepare::Source,
    record::{Outcome as End, Record},
    relay::{Relay, Terms},
    several::Several,
    state::{Pool, State},
    target::Target,
    view::View,
    waiting,
    wish::Wish,
};

/// What a token of a prompt takes in a body, about: the balancer needs no more than the order of magnitude.
const BYTES_A_TOKEN: usize = 4;

/// An answer up to this size that has come whole is let go of at once, in bytes: a connection's own buffers are as large.
const AT_HAND: usize = 64 * 1024;

/// Forwards a request to a provider of its model and relays the answer.
///
/// # Errors
/// Whatever kept every provider from answering. A provider's own refusal is an answer, not an error.
pub async fn forward(call: &mut Call, operation: Operation) -> Result<Response<Body>, Error> {
    let body = call.read_body().await?;
    let headers = std::mem::take(&mut call.head.headers);
    let limit = own_limit(&headers)?;
    let started = call.record.as_ref().map_or_else(|| moment::now().into_std(), |record| record.started);
    let progress = Arc::new(Progress::new(Arc::clone(&call.upstream)));
    let order = Order {
        operation,
        body,
        _held: std::mem::take(&mut call.held),
        headers,
        limit,
        surface: call.surface,
        state: Arc::clone(&call.state),
        record: call.record.take(),
        life: call.life.clone(),
        deadline: None,
        progress: Arc::clone(&progress),
    };
    let every = call.state.settings.server.stream_keepalive;
    let mut asking = Asking::new(Box::pin(order.ask()), progress);
    let asked = if every.is_zero() || !waiting::has_comments(call.surface) {
        asking.await
    } else {
        let silent = moment::now().into_std().saturating_duration_since(started);
        match moment::within(moment::after(every.saturating_sub(silent)), Pin::new(&mut asking)).await {
            Ok(asked) => asked,
            Err(_) if asking.streams() => return Ok(waiting::begin(asking, call.surface, every)),
            Err(_) => asking.await,
        }
    };
    let Asked { order, outcome } = asked;
    match outcome {
        Ok(Outcome::Answer(answer)) => Ok(order.answer(answer)),
        Ok(Outcome::Unasked(answer)) => {
            call.record = order.record;
            Ok(unasked(answer))
        }
        Err(error) => {
            call.record = order.record;
            Err(error)
        }
    }
}

/// The client's own limit for the whole request. It can shorten what the settings allow, never lengthen it.
fn own_limit(headers: &HeaderMap) -> Result<Option<Duration>, Error> {
    if !headers::speak_to_us(headers) {
        return Ok(None);
    }
    let Some(value) = headers.get(headers::TIMEOUT) else { return Ok(None) };
    let limit = value.to_str().ok().and_then(word::duration).filter(|limit| !limit.is_zero());
    limit.map(Some).ok_or_else(|| Error::Field {
        field: headers::TIMEOUT.as_str().to_owned(),
        message: format!("{} must be a time above 0, such as 30 or 500ms", headers::TIMEOUT),
    })
}

/// A request that providers are asked with. It owns everything, so that it can go on inside an answer.
struct Order {
    operation: Operation,
    body: Bytes,
    /// What is held of the body, until the answer comes.
    _held: Held,
    headers: HeaderMap,
    limit: Option<Duration>,
    surface: Surface,
    state: Arc<State>,
    record: Option<Box<Record>>,
    life: Life,
    deadline: Option<(tokio::time::Instant, Duration)>,
    progress: Arc<Progress>,
}

/// What asking came to.
pub(crate) struct Asked {
    order: Order,
    outcome: Result<Outcome, Error>,
}

/// What a stream that has begun goes on with.
pub(crate) enum Settled {
    /// The answer.
    Stream(Body),
    /// The reason why there is none.
    Error(ErrorInfo),
}

impl Order {
    /// Asks providers.
    #[expect(clippy::manual_async_fn, reason = "an `async fn` keeps its arguments twice")]
    fn ask(mut self) -> impl Future<Output = Asked> + Send {
        async move {
            let outcome = self.outcome().await;
            Asked { order: self, outcome }
        }
    }

    /// Asks; prompt by prompt, where several are given and no provider takes more than one.
    async fn outcome(&mut self) -> Result<Outcome, Error> {
        let outcome = self.outcome_of_one().await;
        match outcome {
            // Boxed, since it is rare.
            Err(Error::Untranslatable(error)) => Box::pin(self.outcome_of_several(error)).await,
            outcome => outcome,
        }
    }

    async fn outcome_of_several(&mut self, error: TranslateError) -> Result<Outcome, Error> {
        let Some(mut several) = Several::of(self.operation, &self.body)? else { return Err(error.into()) };
        let state = Arc::clone(&self.state);
        while let Some(body) = several.next() {
            self.body = body;
            match self.outcome_of_one().await? {
                Outcome::Answer(answer) if answer.head.status.is_success() => {
                    several.add(answer, &state.memory).await?;
                }
                other => return Ok(other),
            }
        }
        if let Some(record) = &mut self.record {
            record.stream = several.is_stream();
        }
        several.joined().map(Outcome::Answer).ok_or(Error::Internal)
    }

    async fn outcome_of_one(&mut self) -> Result<Outcome, Error> {
        let Self { operation, body, headers, limit, state, record, life, deadline, progress, .. } = self;
        let peek = Peek::new(body)?;
        let name = peek.model()?;
        let stream = peek.stream()?.unwrap_or(operation.streams_by_default());
        let pool = state.pool(&name)?;
        progress.wants(stream, drains(state, pool));
        if let Some(record) = record {
            record.model = Some(Arc::clone(&pool.model.name));
            record.stream = stream;
        }
        let id = record.as_ref().and_then(|record| HeaderValue::from_str(&record.id).ok());
        let pictures = Pictures::new(&state.settings.images);
        let source = Source {
            operation: *operation,
            model: &pool.model.name,
            body,
            peek: &peek,
            headers,
            id: id.as_ref(),
            unsupported: pool.model.options.unsupported.unwrap_or(state.settings.models.unsupported),
            stream_usage: state.settings.upstream.stream_usage,
            pictures: &pictures,
            now: moment::wall().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs()),
        };
        let started = record.as_ref().map_or_else(|| moment::now().into_std(), |record| record.started);
        let total = pool.model.options.timeouts.total.or(state.settings.upstream.timeouts.total);
        let total = total.into_iter().chain(*limit).min();
        *deadline = total.map(|total| (tokio::time::Instant::from_std(started) + total, total));
        let key = record.as_ref().and_then(|record| record.key);
        let plan = |target: &Target| source.plan(target);
        let mut note = |note: Note<'_>| {
            if let Note::Asking(_) = note {
                progress.asks();
            }
            if let Some(record) = record {
                record.attempt(&note);
            }
        };
        let size = u32::try_from(body.len() / BYTES_A_TOKEN).unwrap_or(u32::MAX);
        let affinity = pool.sticky_key().and_then(|kept| affinity::key(kept, headers, &peek));
        let mut wish = Wish::of(key, headers, pool)?;
        (wish.size, wish.affinity) = (size, affinity);
        let upstream = progress.upstream();
        let (plan, wish, pictures, note) = (&plan, &wish, Some(&pictures), &mut note);
        let attempts = pin!(Attempts { upstream, pool, plan, wish, pictures, started, note }.run());
        let asking = pin!(life.unless_ending(attempts));
        let asked = match *deadline {
            None => asking.await,
            Some((at, total)) => moment::within(at, asking).await.unwrap_or(Some(Err(Error::Deadline(total)))),
        };
        asked.unwrap_or(Err(Error::Stopping))
    }

    /// From here on the answer belongs to the client: nothing is tried again.
    fn answer(self, answer: Box<Answer>) -> Response<Body> {
        let events = answer.events;
        if !events && answer.first.len() <= AT_HAND && answer.rest.is_end_stream() {
            return self.whole(answer);
        }
        let progress = Arc::clone(&self.progress);
        let (mut head, relay) = self.relay(answer);
        if events {
            // nginx and its kin hold streams back unless told not to.
            head.headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
        }
        Response::from_parts(head, progress.body(relay))
    }

    /// An answer that has come whole: the provider is done, and nothing is left to watch.
    fn whole(mut self, answer: Box<Answer>) -> Response<Body> {
        let mut answer = *answer;
        self.head(&mut answer);
        if let Some(mut lease) = answer.lease.take() {
            lease.first_token();
            lease.succeed();
        }
        if let Some(record) = self.record {
            let usage = match &answer.translator {
                Some(translator) => translator.summary().usage,
                None => StreamTap::usage_of(self.operation, &answer.first),
            };
            record.complete(&answer.first, usage);
        }
        Response::from_parts(answer.head, answer.first.into())
    }

    /// What the router adds to an answer's head, and what is remembered of it.
    fn head(&mut self, answer: &mut Answer) {
        let head = &mut answer.head;
        if let Some(fields) = answer.losses.header_value()
            && let Ok(dropped) = HeaderValue::from_str(&fields)
        {
            head.headers.insert(headers::DROPPED, dropped);
        }
        if let Some(record) = &mut self.record {
            record.status = head.status.as_u16();
            record.dropped = answer.losses.fields().to_vec();
            record.converted = answer.translated.then(|| [self.surface.name(), answer.provider.api_type.name()]);
            if self.state.settings.metrics.details {
                record.tell(&mut head.headers);
            }
        }
    }

    fn relay(mut self, answer: Box<Answer>) -> (Parts, Relay) {
        let mut answer = *answer;
        self.head(&mut answer);
        let events = answer.events;
        let every = self.state.settings.server.stream_keepalive;
        let comments = events && waiting::has_comments(self.surface) && !every.is_zero();
        let terms = Terms {
            events: events.then_some(self.surface),
            framed: answer.framed,
            idle: answer.idle,
            held: answer.held,
            keepalive: comments.then_some(every),
            deadline: self.deadline,
            life: self.life,
        };
        let (view, first) = match answer.translator {
            Some(translator) => (View::Translated(translator), answer.first),
            None => View::watch(self.operation, answer.first, answer.uncounted && events),
        };
        (answer.head, Relay::new(answer.rest, first, view, answer.lease, self.record, terms))
    }
}

/// How much of an answer is read without its client, if any.
fn drains(state: &State, pool: &Pool) -> Option<Bounds> {
    let general = &state.settings.upstream;
    let policy = pool.model.options.on_disconnect.unwrap_or(general.on_disconnect);
    (policy == OnDisconnect::Drain).then_some(Bounds {
        within: general.on_disconnect_timeout,
        most: general.on_disconnect_size.get() as u64,
        at_once: state.settings.server.max_requests.get(),
    })
}

impl Asked {
    /// Goes on without a client: the answer, if there is one.
    pub(crate) fn into_relay(self) -> Option<Box<Relay>> {
        let Self { mut order, outcome } = self;
        match outcome {
            Ok(Outcome::Answer(answer)) => Some(Box::new(order.relay(answer).1)),
            Ok(Outcome::Unasked(_)) => None,
            Err(error) => {
                if let Some(record) = &mut order.record {
                    record.note_error(&error);
                }
                None
            }
        }
    }

    /// Goes on inside a stream that has begun.
    pub(crate) fn settle(self) -> Settled {
        let Self { mut order, outcome } = self;
        let told = match outcome {
            Ok(Outcome::Answer(mut answer)) if answer.head.status.is_success() => {
                if answer.events {
                    // The client has the head of a good answer already.
                    answer.head.status = StatusCode::OK;
                    let progress = Arc::clone(&order.progress);
                    return Settled::Stream(progress.body(order.relay(answer).1));
                }
                ErrorInfo::new(ErrorKind::Upstream, "the provider answered without a stream")
            }
            Ok(Outcome::Answer(answer)) => ErrorInfo::read(answer.head.status.as_u16(), &answer.first),
            Ok(Outcome::Unasked(_)) => ErrorInfo::new(ErrorKind::Internal, "internal error"),
            Err(error) => {
                if let Some(record) = &mut order.record {
                    record.refused(&error);
                }
                error.info()
            }
        };
        if let Some(mut record) = order.record.take() {
            // The client has the head of a good answer already.
            record.status = 200;
            record.outcome = End::Truncated;
        }
        Settled::Error(told)
    }
}

/// An answer that needed no provider.
pub(crate) fn unasked(answer: translate::Answer) -> Response<Body> {
    let mut response = Response::new(Body::from(answer.body));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(answer.content_type));
    if answer.estimated {
        response.headers_mut().insert(headers::ESTIMATED, HeaderValue::from_static("true"));
    }
    response
}
