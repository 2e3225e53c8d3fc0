//! The answer of a provider on its way to the client: it holds the lease, watches the clock, and ends honestly.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};
use llm_router_balancer::Failure;
use llm_router_core::dialect::{ErrorInfo, ErrorKind, Surface};
use tokio::time::Instant;

use crate::{
    body::{Body, BodyError},
    boundary::Boundary,
    life::{Life, Phase, Until},
    memory::{Full, Held},
    moment::{self, Alarm},
    record::{Outcome, Record},
    state::Lease,
    view::View,
};

/// How long the connection may take to send an error event before the transfer is aborted behind it.
const LAST_WORDS: Duration = Duration::from_millis(20);
/// How long a provider may take to close its answer after the last event of a stream.
const AFTERWARDS: Duration = Duration::from_secs(1);

/// What a relay needs to know beside the body itself.
pub(crate) struct Terms {
    /// The dialect of an error event, when the answer is a stream of events.
    pub events: Option<Surface>,
    /// Whether the provider's HTTP says where the body ends. If not, only the last event tells an end from a cut.
    pub framed: bool,
    /// The longest silence between two frames.
    pub idle: Duration,
    /// The silence after which the client gets a comment, where the dialect has comments.
    pub keepalive: Option<Duration>,
    /// When the whole request must be over.
    pub deadline: Option<(Instant, Duration)>,
    /// The life of the process.
    pub life: Life,
    /// What is held of the answer.
    pub held: Held,
}

/// A provider's answer in flight. Its end, or its drop, settles the lease and the record.
pub(crate) struct Relay {
    body: Body,
    first: Bytes,
    view: View,
    lease: Option<Lease>,
    record: Option<Box<Record>>,
    terms: Terms,
    /// When the provider last sent something.
    silent_since: Instant,
    /// When the client last got something.
    handed: Instant,
    boundary: Boundary,
    alarm: Alarm,
    /// When a broken answer is given up, once it is broken.
    last_words: Option<Instant>,
    stop: Until,
    /// Found behind bytes that the client is to see first.
    fault: Option<BodyError>,
    failed: Option<BodyError>,
    ended: bool,
    /// Whether the client has gone, and the rest is read for nobody.
    left: bool,
}

/// What a clock said.
enum Ring {
    /// Nothing is wrong, but the client should hear something.
    Comment,
    /// The stream had come to its end before.
    Done,
    /// A limit has passed.
    Broken(BodyError),
}

impl Relay {
    /// Takes over an answer whose first bytes, as the client is to see them, may have come already.
    #[must_use]
    pub(crate) fn new(
        body: Body,
        first: Bytes,
        view: View,
        lease: Option<Lease>,
        record: Option<Box<Record>>,
        terms: Terms,
    ) -> Self {
        let now = moment::now();
        let mut relay = Self {
            body,
            first,
            view,
            lease,
            record,
            stop: Until::new(terms.life.clone(), Phase::Ending),
            terms,
            silent_since: now,
            handed: now,
            boundary: Boundary::default(),
            alarm: Alarm::default(),
            last_words: None,
            fault: None,
            failed: None,
            ended: false,
            left: false,
        };
        let first = relay.first.clone();
        relay.came(&first);
        relay
    }

    /// Whether the answer has not come to its end.
    pub(crate) fn is_under_way(&self) -> bool {
        !self.ended && self.lease.is_some()
    }

    /// The client has gone: the rest is read for nobody.
    pub(crate) fn leave(&mut self) {
        self.left = true;
        self.terms.keepalive = None;
    }

    /// Notes that bytes came for the client.
    fn came(&mut self, data: &[u8]) {
        let Some(record) = &mut self.record else { return };
        if record.first_byte.is_none()
            && let Some(lease) = &mut self.lease
        {
            lease.first_token();
        }
        // Nobody is sent what comes after the client has gone.
        record.piece(if self.left { &[] } else { data });
    }

    /// The provider's body is over: well, if the stream or its framing says so.
    fn end(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        if self.terms.events.is_some()
            && let Err(error) = self.view.finish(self.terms.framed)
        {
            return self.fail(error, cx);
        }
        self.complete();
        Poll::Ready(None)
    }

    fn complete(&mut self) {
        self.ended = true;
        self.body = Body::Empty;
        if let Some(lease) = self.lease.take() {
            lease.succeed();
        }
        if let Some(mut record) = self.record.take() {
            record.outcome = if self.left { Outcome::Drained } else { Outcome::Complete };
            record.usage = self.view.usage();
        }
    }

    /// The answer broke. A stream first tells the client so in its own dialect; then the transfer is aborted.
    fn fail(&mut self, error: BodyError, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        if self.terms.events.is_some() && self.view.is_done() && !matches!(error, BodyError::Garbled(_)) {
            // The last event has come: what breaks behind it takes nothing from the client.
            self.complete();
            return Poll::Ready(None);
        }
        self.ended = true;
        self.body = Body::Empty;
        if let Some(lease) = self.lease.take() {
            match &error {
                // Not the provider's fault: the lease is given up.
                BodyError::Stopping | BodyError::MemoryFull(_) => drop(lease),
                BodyError::Idle(_) | BodyError::Total(_) => lease.fail(Failure::Timeout),
                _ => lease.fail(Failure::Truncated),
            }
        }
        if let Some(mut record) = self.record.take() {
            record.outcome = Outcome::Truncated;
            record.note_error(&error);
        }
        let event = self.terms.events.map(|surface| self.view.abort(surface, &told(&error))).unwrap_or_default();
        self.failed = Some(error);
        self.last_words = Some(moment::fresh() + LAST_WORDS);
        if event.is_empty() {
            return self.give_up(cx);
        }
        Poll::Ready(Some(Ok(Frame::data(event.into()))))
    }

    /// Aborts the transfer, after a moment: an error that comes at once would overtake what is buffered on its way out.
    fn give_up(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        if let Some(at) = self.last_words {
            ready!(self.alarm.poll(at, cx));
        }
        Poll::Ready(self.failed.take().map(Err))
    }

    /// Bytes of the provider as the client is to see them.
    fn convert(&mut self, data: Bytes) -> Result<Bytes, BodyError> {
        let elapsed =
            self.record.as_ref().map(|record| moment::now().into_std().saturating_duration_since(record.started));
        let (data, fault) = self.view.frame(data, elapsed);
        let room = self.terms.held.set(self.view.held()).err().map(|Full(most)| BodyError::MemoryFull(most));
        match (data, fault.or(room)) {
            (data, None) => Ok(data),
            (data, Some(fault)) if data.is_empty() => Err(fault),
            (data, fault) => {
                self.fault = fault;
                Ok(data)
            }
        }
    }

    /// Hands bytes to the client's connection.
    fn hand(&mut self, data: Bytes) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        if self.terms.keepalive.is_some() {
            self.boundary.passed(&data);
            self.handed = moment::now();
        }
        // After the last byte of a known length nobody asks again. A stream that lacks its end is asked once more.
        let untouched = self.view.is_untouched();
        if (matches!(self.body, Body::Empty) || untouched && self.body.is_end_stream())
            && (!untouched || self.terms.events.is_none() || self.view.finish(self.terms.framed).is_ok())
        {
            self.complete();
        }
        Poll::Ready(Some(Ok(Frame::data(data))))
    }

    /// `Some` when a limit has passed, or the process ends.
    fn overdue(&mut self, cx: &mut Context<'_>) -> Option<Ring> {
        if self.stop.poll(cx).is_ready() {
            return Some(Ring::Broken(BodyError::Stopping));
        }
        if self.terms.events.is_some() && self.view.is_done() {
            return self.alarm.poll(self.silent_since + AFTERWARDS, cx).is_ready().then_some(Ring::Done);
        }
        while self.alarm.poll(self.next_alarm(), cx).is_ready() {
            let now = moment::now();
            if let Some((deadline, total)) = self.terms.deadline
                && now >= deadline
            {
                return Some(Ring::Broken(BodyError::Total(total)));
            }
            if now >= self.silent_since + self.terms.idle {
                return Some(Ring::Broken(BodyError::Idle(self.terms.idle)));
            }
            let quiet = self.terms.keepalive.is_some_and(|after| now >= self.handed + after);
            if quiet {
                self.handed = now;
            }
            if quiet && self.boundary.is_here() {
                return Some(Ring::Comment);
            }
        }
        None
    }

    fn next_alarm(&self) -> Instant {
        let silent = self.silent_since + self.terms.idle;
        let comment = self.terms.keepalive.map(|after| self.handed + after);
        [self.terms.deadline.map(|(deadline, _)| deadline), comment].into_iter().flatten().fold(silent, Instant::min)
    }
}

/// What the client is told of a broken answer.
fn told(error: &BodyError) -> ErrorInfo {
    let kind = match error {
        BodyError::Garbled(fault) => return fault.info(),
        BodyError::Stopping | BodyError::MemoryFull(_) => {
            let code = if let BodyError::Stopping = error { "router_stopping" } else { "router_memory_full" };
            return ErrorInfo::new(ErrorKind::Overloaded, format!("the answer ends here: {error}")).code(code);
        }
        BodyError::Idle(_) | BodyError::Total(_) => ErrorKind::Timeout,
        BodyError::Cut(_) | BodyError::TooLarge(_) => ErrorKind::Upstream,
    };
    ErrorInfo::new(kind, format!("the provider's answer broke off: {error}")).code("stream_truncated")
}

impl HttpBody for Relay {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = &mut *self;
        if this.failed.is_some() {
            return this.give_up(cx);
        }
        if this.ended {
            return Poll::Ready(None);
        }
        if this.terms.life.has_reached(Phase::Ending) {
            return this.fail(BodyError::Stopping, cx);
        }
        if let Some(fault) = this.fault.take() {
            return this.fail(fault, cx);
        }
        if !this.first.is_empty() {
            let first = std::mem::take(&mut this.first);
            if let Some(record) = &mut this.record {
                record.handed();
            }
            return this.hand(first);
        }
        loop {
            match Pin::new(&mut this.body).poll_frame(cx) {
                Poll::Ready(None) => {
                    let rest = this.view.rest(this.terms.framed);
                    if rest.is_empty() {
                        return this.end(cx);
                    }
                    this.came(&rest);
                    return this.hand(rest);
                }
                Poll::Ready(Some(Err(error))) => return this.fail(error, cx),
                Poll::Ready(Some(Ok(frame))) => {
                    this.silent_since = moment::now();
                    let Ok(data) = frame.into_data() else { continue };
                    match this.convert(data) {
                        Err(error) => return this.fail(error, cx),
                        Ok(data) if data.is_empty() => {}
                        Ok(data) => {
                            this.came(&data);
                            return this.hand(data);
                        }
                    }
                }
                Poll::Pending => match ready!(this.overdue(cx).map_or(Poll::Pending, Poll::Ready)) {
                    Ring::Comment => return Poll::Ready(Some(Ok(Frame::data(Boundary::COMMENT)))),
                    Ring::Done => return this.end(cx),
                    Ring::Broken(error) => return this.fail(error, cx),
                },
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        // The end must be seen here, so that it settles the lease.
        self.ended && self.failed.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        let first = self.first.len() as u64;
        let mut hint = if self.view.is_untouched() { self.body.size_hint() } else { SizeHint::default() };
        if let Body::Empty = self.body {
            hint = SizeHint::with_exact(0);
        }
        if let Some(upper) = hint.upper() {
            hint.set_upper(upper + first);
        }
        hint.set_lower(hint.lower() + first);
        hint
    }
}
