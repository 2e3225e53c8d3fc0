//! Forwards a client's request: peek, ask, and relay the answer.

use std::{
    pin::{Pin, pin},
    sync::{Arc, atomic::Ordering::Relaxed},
    time::{Duration, UNIX_EPOCH},
};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Response, header, response::Parts};
use llm_router_core::{
    catalogue::OnDisconnect,
    dialect::{ErrorInfo, ErrorKind, Surface},
    json::Peek,
    operation::Operation,
    settings::word,
    translate::{self, TranslateError},
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
    leaving::{Asking, Bounds, Kept, Progress},
    life::Life,
    memory::Held,
    moment,
    prepare::Source,
    record::{Outcome as End, Record},
    relay::{Relay, Terms},
    several::Several,
    state::{Pool, State},
    target::Target,
    upstream::Upstream,
    view::View,
    waiting,
    wish::Wish,
};

/// What a token of a prompt takes in a body, about: the balancer needs no more than the order of magnitude.
const BYTES_A_TOKEN: usize = 4;

/// Forwards a request to a provider of its model and relays the answer.
///
/// # Errors
/// Whatever kept every provider from answering. A provider's own refusal is an answer, not an error.
pub async fn forward(call: &mut Call, operation: Operation) -> Result<Response<Body>, Error> {
    let body = call.read_body().await?;
    let headers = std::mem::take(&mut call.head.headers);
    let limit = own_limit(&headers)?;
    let started = call.record.as_ref().map_or_else(|| moment::now().into_std(), |record| record.started);
    let progress = Arc::new(Progress::default());
    let order = Order {
        operation,
        body,
        _held: std::mem::take(&mut call.held),
        headers,
        limit,
        surface: call.surface,
        state: Arc::clone(&call.state),
        upstream: Arc::clone(&call.upstream),
        record: call.record.take(),
        life: call.life.clone(),
        deadline: None,
        progress: Arc::clone(&progress),
    };
    let every = call.state.settings.server.stream_keepalive;
    let upstream = Arc::clone(&call.upstream);
    let mut asking = Asking::new(Box::pin(order.ask()), Arc::clone(&progress), upstream);
    let asked = if every.is_zero() || !waiting::has_comments(call.surface) {
        asking.await
    } else {
        let silent = moment::now().into_std().saturating_duration_since(started);
        match moment::within(moment::after(every.saturating_sub(silent)), Pin::new(&mut asking)).await {
            Ok(asked) => asked,
            Err(_) if progress.streams.get() == Some(&true) => return Ok(waiting::begin(asking, call.surface, every)),
            Err(_) => asking.await,
        }
    };
    let Asked { order, outcome } = asked;
    match outcome {
        Ok(Outcome::Answer(answer)) => Ok(order.relay(answer)),
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
    upstream: Arc<dyn Upstream>,
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
    async fn ask(mut self) -> Asked {
        let life = self.life.clone();
        let outcome = life.unless_ending(pin!(self.outcome())).await.unwrap_or(Err(Error::Stopping));
        Asked { order: self, outcome }
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
        let peek = Peek::new(&self.body)?;
        let name = peek.model()?;
        let stream = peek.stream()?.unwrap_or(self.operation.streams_by_default());
        let state = Arc::clone(&self.state);
        let pool = state.pool(&name)?;
        // Set once, here.
        let _ = self.progress.streams.set(stream);
        if let Some(bounds) = drains(&state, pool) {
            let _ = self.progress.drains.set(bounds);
        }
        if let Some(record) = &mut self.record {
            record.model = Some(Arc::clone(&pool.model.name));
            record.stream = stream;
        }
        let id = self.record.as_ref().and_then(|record| HeaderValue::from_str(&record.id).ok());
        let pictures = Pictures::new(&state.settings.images);
        let source = Source {
            operation: self.operation,
            model: &pool.model.name,
            body: &self.body,
            peek: &peek,
            headers: &self.headers,
            id: id.as_ref(),
            unsupported: pool.model.options.unsupported.unwrap_or(state.settings.models.unsupported),
            stream_usage: state.settings.upstream.stream_usage,
            pictures: &pictures,
            now: moment::wall().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs()),
        };
        let started = self.record.as_ref().map_or_else(|| moment::now().into_std(), |record| record.started);
        let total = pool.model.options.timeouts.total.or(state.settings.upstream.timeouts.total);
        let total = total.into_iter().chain(self.limit).min();
        self.deadline = total.map(|total| (tokio::time::Instant::from_std(started) + total, total));
        let key = self.record.as_ref().and_then(|record| record.key);
        let plan = |target: &Target| source.plan(target);
        let (record, progress) = (&mut self.record, &*self.progress);
        let mut note = |note: Note<'_>| {
            if let Note::Asking(_) = note {
                progress.asked.store(true, Relaxed);
            }
            if let Some(record) = record {
                record.attempt(&note);
            }
        };
        let size = u32::try_from(self.body.len() / BYTES_A_TOKEN).unwrap_or(u32::MAX);
        let affinity = pool.sticky_key().and_then(|kept| affinity::key(kept, &self.headers, &peek));
        let mut wish = Wish::of(key, &self.headers, pool)?;
        (wish.size, wish.affinity) = (size, affinity);
        let upstream = &*self.upstream;
        let (plan, wish, pictures, note) = (&plan, &wish, Some(&pictures), &mut note);
        let attempts = pin!(Attempts { upstream, pool, plan, wish, pictures, started, note }.run());
        match self.deadline {
            None => attempts.await,
            Some((at, total)) => moment::within(at, attempts).await.unwrap_or(Err(Error::Deadline(total))),
        }
    }

    /// From here on the answer belongs to the client: nothing is tried again.
    fn relay(mut self, answer: Box<Answer>) -> Response<Body> {
        let (status, events) = (answer.head.status.as_u16(), headers::is_stream(&answer.head.headers));
        let (mut head, relay) = self.relayed(answer, status, events);
        if events {
            // nginx and its kin hold streams back unless told not to.
            head.headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
        }
        Response::from_parts(head, self.body(relay))
    }

    /// The answer's body, which outlives its client where the settings say so.
    fn body(&self, relay: Relay) -> Body {
        match self.progress.drains.get() {
            None => Body::stream(relay),
            Some(bounds) => Body::stream(Kept::new(relay, *bounds, Arc::clone(&self.upstream))),
        }
    }

    fn relayed(&mut self, answer: Box<Answer>, status: u16, events: bool) -> (Parts, Relay) {
        let answer = *answer;
        let mut head = answer.head;
        if let Some(fields) = answer.losses.header_value()
            && let Ok(dropped) = HeaderValue::from_str(&fields)
        {
            head.headers.insert(headers::DROPPED, dropped);
        }
        let details = self.state.settings.metrics.details;
        if let Some(record) = &mut self.record {
            record.status = status;
            record.dropped = answer.losses.fields().to_vec();
            record.converted = answer.translated.then(|| [self.surface.name(), answer.provider.api_type.name()]);
            if details {
                record.tell(&mut head.headers);
            }
        }
        let every = self.state.settings.server.stream_keepalive;
        let comments = events && waiting::has_comments(self.surface) && !every.is_zero();
        let terms = Terms {
            events: events.then_some(self.surface),
            framed: answer.framed,
            idle: answer.idle,
            held: answer.held,
            keepalive: comments.then_some(every),
            deadline: self.deadline,
            life: self.life.clone(),
        };
        let (view, first) = match answer.translator {
            Some(translator) => (View::Translated(translator), answer.first),
            None => View::watch(self.operation, answer.first, answer.uncounted && events),
        };
        (head, Relay::new(answer.rest, first, view, answer.lease, self.record.take(), terms))
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
            Ok(Outcome::Answer(answer)) => {
                let (status, events) = (answer.head.status.as_u16(), headers::is_stream(&answer.head.headers));
                Some(Box::new(order.relayed(answer, status, events).1))
            }
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
            Ok(Outcome::Answer(answer)) if answer.head.status.is_success() => {
                if headers::is_stream(&answer.head.headers) {
                    let relay = order.relayed(answer, 200, true).1;
                    return Settled::Stream(order.body(relay));
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
