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
use llm_router_core::dialect::{ErrorInfo, ErrorKind, Surface};
use tokio::time::{Instant, Sleep, sleep_until};

use crate::{
    body::{Body, BodyError},
    record::{Outcome, Record},
    state::Lease,
};

/// What a relay needs to know beside the body itself.
pub(crate) struct Terms {
    /// The dialect of an error event, when the answer is a stream of events.
    pub events: Option<Surface>,
    /// The longest silence between two frames.
    pub idle: Duration,
    /// When the whole request must be over.
    pub deadline: Option<(Instant, Duration)>,
}

/// A provider's answer in flight. Its end, or its drop, settles the lease and the record.
pub(crate) struct Relay {
    body: Body,
    first: Option<Bytes>,
    lease: Option<Lease>,
    record: Option<Box<Record>>,
    terms: Terms,
    silent_since: Instant,
    alarm: Pin<Box<Sleep>>,
    failed: Option<BodyError>,
    flushed: bool,
    ended: bool,
}

impl Relay {
    /// Takes over an answer whose first frame may have been read already.
    #[must_use]
    pub(crate) fn new(
        body: Body,
        first: Option<Bytes>,
        lease: Option<Lease>,
        record: Option<Box<Record>>,
        terms: Terms,
    ) -> Self {
        let now = Instant::now();
        let mut relay = Self {
            body,
            first: None,
            lease,
            record,
            alarm: Box::pin(sleep_until(next_alarm(now, &terms))),
            terms,
            silent_since: now,
            failed: None,
            flushed: false,
            ended: false,
        };
        if let Some(first) = first {
            relay.came(&first);
            relay.first = Some(first);
        }
        relay
    }

    /// Notes that bytes came.
    fn came(&mut self, data: &Bytes) {
        let Some(record) = &mut self.record else { return };
        if record.first_byte.is_none() {
            record.first_byte = Some(record.started.elapsed());
            if let Some(lease) = &mut self.lease {
                lease.first_token();
            }
        }
        record.sent += data.len() as u64;
    }

    fn complete(&mut self) {
        self.ended = true;
        if let Some(lease) = self.lease.take() {
            lease.succeed();
        }
        if let Some(mut record) = self.record.take() {
            record.outcome = Outcome::Complete;
        }
    }

    /// The answer broke. A stream first tells the client so in its own dialect; then the transfer is aborted.
    fn fail(&mut self, error: BodyError) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        self.ended = true;
        self.body = Body::Empty;
        if let Some(lease) = self.lease.take() {
            lease.fail(match &error {
                BodyError::Idle(_) | BodyError::Total(_) => Failure::Timeout,
                _ => Failure::Truncated,
            });
        }
        if let Some(mut record) = self.record.take() {
            record.outcome = Outcome::Truncated;
            record.note_error(&error);
        }
        let Some(surface) = self.terms.events else { return Poll::Ready(Some(Err(error))) };
        let event = surface.stream_error(&told(&error));
        self.failed = Some(error);
        Poll::Ready(Some(Ok(Frame::data(event.into()))))
    }

    /// `Some` when a limit has passed.
    fn overdue(&mut self, cx: &mut Context<'_>) -> Option<BodyError> {
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
        BodyError::Idle(_) | BodyError::Total(_) => ErrorKind::Timeout,
        _ => ErrorKind::Upstream,
    };
    ErrorInfo::new(kind, format!("the provider's answer broke off: {error}")).code("stream_truncated")
}

impl HttpBody for Relay {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = &mut *self;
        if let Some(error) = this.failed.take() {
            if !std::mem::replace(&mut this.flushed, true) {
                // The HTTP layer writes out what it holds when a body is pending, and forgets it when a body fails:
                // without this pause the error event would never leave.
                this.failed = Some(error);
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            return Poll::Ready(Some(Err(error)));
        }
        if this.ended {
            return Poll::Ready(None);
        }
        if let Some(first) = this.first.take() {
            if this.body.is_end_stream() {
                this.complete();
            }
            return Poll::Ready(Some(Ok(Frame::data(first))));
        }
        match Pin::new(&mut this.body).poll_frame(cx) {
            Poll::Ready(None) => {
                this.complete();
                Poll::Ready(None)
            }
            Poll::Ready(Some(Err(error))) => this.fail(error),
            Poll::Ready(Some(Ok(frame))) => {
                this.silent_since = Instant::now();
                if let Some(data) = frame.data_ref() {
                    this.came(data);
                }
                // After the last byte of a known length nobody asks again.
                if this.body.is_end_stream() {
                    this.complete();
                }
                Poll::Ready(Some(Ok(frame)))
            }
            Poll::Pending => {
                let error = ready!(this.overdue(cx).map_or(Poll::Pending, Poll::Ready));
                this.fail(error)
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        // The end must be seen here, so that it settles the lease.
        self.ended && self.failed.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        let first = self.first.as_ref().map_or(0, |first| first.len() as u64);
        let mut hint = self.body.size_hint();
        if let Some(upper) = hint.upper() {
            hint.set_upper(upper + first);
        }
        hint.set_lower(hint.lower() + first);
        hint
    }
}
