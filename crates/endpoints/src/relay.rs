//! The answer of a provider on its way to the client: it holds the lease, watches the clock, and ends honestly.

use std::{
    future::Future as _,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};
use llm_router_balancer::Failure;
use llm_router_core::{
    dialect::{ErrorInfo, ErrorKind, Surface},
    translate::{ReplyTranslator, StreamFault},
};
use tokio::time::{Instant, Sleep, sleep_until};

use crate::{
    body::{Body, BodyError},
    life::{Life, Phase, Until},
    record::{Outcome, Record},
    state::Lease,
};

/// How long the last bytes of a broken answer have to leave before the transfer is aborted.
const LAST_WORDS: Duration = Duration::from_millis(10);

/// What a relay needs to know beside the body itself.
pub(crate) struct Terms {
    /// The dialect of an error event, when the answer is a stream of events.
    pub events: Option<Surface>,
    /// The longest silence between two frames.
    pub idle: Duration,
    /// When the whole request must be over.
    pub deadline: Option<(Instant, Duration)>,
    /// The life of the process.
    pub life: Life,
}

/// A provider's answer in flight. Its end, or its drop, settles the lease and the record.
pub(crate) struct Relay {
    body: Body,
    first: Bytes,
    translator: Option<Box<ReplyTranslator>>,
    lease: Option<Lease>,
    record: Option<Box<Record>>,
    terms: Terms,
    silent_since: Instant,
    alarm: Pin<Box<Sleep>>,
    stop: Until,
    /// Found behind bytes that the client is to see first.
    fault: Option<StreamFault>,
    failed: Option<BodyError>,
    ended: bool,
}

impl Relay {
    /// Takes over an answer of which `first` has come already, in the client's dialect.
    pub(crate) fn new(
        body: Body,
        first: Bytes,
        translator: Option<Box<ReplyTranslator>>,
        lease: Option<Lease>,
        record: Option<Box<Record>>,
        terms: Terms,
    ) -> Self {
        let now = Instant::now();
        let alarm = Box::pin(sleep_until(next_alarm(now, &terms)));
        let mut relay = Self {
            body,
            first,
            translator,
            lease,
            record,
            stop: Until::new(terms.life.clone(), Phase::Ending),
            terms,
            silent_since: now,
            alarm,
            fault: None,
            failed: None,
            ended: false,
        };
        let size = relay.first.len();
        relay.came(size);
        relay
    }

    /// Notes that bytes came for the client.
    fn came(&mut self, size: usize) {
        let Some(record) = &mut self.record else { return };
        if record.first_byte.is_none()
            && let Some(lease) = &mut self.lease
        {
            lease.first_token();
        }
        record.piece(size);
    }

    /// The provider's body is over: well, if it says so itself where it is translated.
    fn end(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        if let Some(translator) = &mut self.translator
            && self.terms.events.is_some()
            && let Err(fault) = translator.finish()
        {
            return self.fail(BodyError::Garbled(fault), cx);
        }
        self.complete();
        Poll::Ready(None)
    }

    fn complete(&mut self) {
        self.ended = true;
        if let Some(lease) = self.lease.take() {
            lease.succeed();
        }
        if let Some(mut record) = self.record.take() {
            record.outcome = Outcome::Complete;
            record.usage = self.translator.as_ref().and_then(|translator| translator.summary().usage);
        }
    }

    /// The answer broke. A stream first tells the client so in its own dialect; then the transfer is aborted.
    fn fail(&mut self, error: BodyError, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        self.ended = true;
        self.body = Body::Empty;
        if let Some(lease) = self.lease.take() {
            match &error {
                // Not the provider's fault: the lease is given up.
                BodyError::Stopping => drop(lease),
                BodyError::Idle(_) | BodyError::Total(_) => lease.fail(Failure::Timeout),
                _ => lease.fail(Failure::Truncated),
            }
        }
        if let Some(mut record) = self.record.take() {
            record.outcome = Outcome::Truncated;
            record.note_error(&error);
        }
        let mut event = Vec::new();
        match (&mut self.translator, self.terms.events) {
            (Some(translator), Some(_)) => translator.abort(&told(&error), &mut event),
            (None, Some(surface)) => event = surface.stream_error(&told(&error)),
            (_, None) => {}
        }
        self.failed = Some(error);
        self.alarm.as_mut().reset(Instant::now() + LAST_WORDS);
        if event.is_empty() {
            return self.alarm.as_mut().poll(cx).map(|()| self.failed.take().map(Err));
        }
        Poll::Ready(Some(Ok(Frame::data(event.into()))))
    }

    /// Bytes of the provider as the client is to see them.
    fn convert(&mut self, data: Bytes) -> Result<Bytes, BodyError> {
        let Some(translator) = &mut self.translator else { return Ok(data) };
        if let Some(record) = &self.record {
            translator.elapsed(record.started.elapsed());
        }
        let mut out = Vec::new();
        match translator.frame(&data, &mut out) {
            Err(fault) if out.is_empty() => Err(BodyError::Garbled(fault)),
            Err(fault) => {
                self.fault = Some(fault);
                Ok(out.into())
            }
            Ok(()) => Ok(out.into()),
        }
    }

    /// After the last byte of a known length nobody asks again.
    fn check_last(&mut self) {
        if self.translator.is_none() && self.body.is_end_stream() || matches!(self.body, Body::Empty) {
            self.complete();
        }
    }

    /// `Some` when a limit has passed, or the process ends.
    fn overdue(&mut self, cx: &mut Context<'_>) -> Option<BodyError> {
        if self.stop.poll(cx).is_ready() {
            return Some(BodyError::Stopping);
        }
        while self.alarm.as_mut().poll(cx).is_ready() {
            let now = Instant::now();
            if let Some((deadline, total)) = self.terms.deadline
                && now >= deadline
            {
                return Some(BodyError::Total(total));
            }
            if now >= self.silent_since + self.terms.idle {
                return Some(BodyError::Idle(self.terms.idle));
            }
            // Frames came since the alarm was set. It is moved here alone, not with every frame.
            let next = next_alarm(self.silent_since, &self.terms);
            self.alarm.as_mut().reset(next);
        }
        None
    }
}

fn next_alarm(since: Instant, terms: &Terms) -> Instant {
    let silent = since + terms.idle;
    terms.deadline.map_or(silent, |(deadline, _)| deadline.min(silent))
}

/// What the client is told of a broken answer.
fn told(error: &BodyError) -> ErrorInfo {
    let kind = match error {
        BodyError::Garbled(fault) => return fault.info(),
        BodyError::Stopping => {
            return ErrorInfo::new(ErrorKind::Overloaded, format!("the answer ends here: {error}"))
                .code("router_stopping");
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
            // An error that comes at once would overtake what is buffered on its way out.
            ready!(this.alarm.as_mut().poll(cx));
            return Poll::Ready(this.failed.take().map(Err));
        }
        if this.ended {
            return Poll::Ready(None);
        }
        if this.terms.life.has_reached(Phase::Ending) {
            return this.fail(BodyError::Stopping, cx);
        }
        if let Some(fault) = this.fault.take() {
            return this.fail(BodyError::Garbled(fault), cx);
        }
        if !this.first.is_empty() {
            let first = std::mem::take(&mut this.first);
            if let Some(record) = &mut this.record {
                record.handed();
            }
            this.check_last();
            return Poll::Ready(Some(Ok(Frame::data(first))));
        }
        loop {
            match Pin::new(&mut this.body).poll_frame(cx) {
                Poll::Ready(None) => return this.end(cx),
                Poll::Ready(Some(Err(error))) => return this.fail(error, cx),
                Poll::Ready(Some(Ok(frame))) => {
                    this.silent_since = Instant::now();
                    let Ok(data) = frame.into_data() else { continue };
                    match this.convert(data) {
                        Err(error) => return this.fail(error, cx),
                        Ok(data) if data.is_empty() => {}
                        Ok(data) => {
                            this.came(data.len());
                            this.check_last();
                            return Poll::Ready(Some(Ok(Frame::data(data))));
                        }
                    }
                }
                Poll::Pending => {
                    let error = ready!(this.overdue(cx).map_or(Poll::Pending, Poll::Ready));
                    return this.fail(error, cx);
                }
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        // The end must be seen here, so that it settles the lease.
        self.ended && self.failed.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        let first = self.first.len() as u64;
        let mut hint = if self.translator.is_some() { SizeHint::default() } else { self.body.size_hint() };
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
