//! The body of an answer: sends its frames at the script's pace and breaks where the script says.

use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::time::{Instant, Sleep};

use crate::{
    connection::Busy,
    exchange::Exchange,
    frames::Frames,
    meter::Outcome,
    script::{Act, Point, Script},
    wire::{Lever, Spoil},
};

/// What `garbage` puts on the wire: no chunk, no head.
pub(crate) const GARBAGE: &[u8] = b"\x00\xff\xfe{{garbage}}\r\nzz\r\n";

/// A body that keeps the script's time and does its mischief.
pub(crate) struct Paced {
    frames: Frames,
    /// Which piece comes next, and what is left of it.
    at: usize,
    rest: Bytes,
    sent: u64,
    events: u64,
    state: State,
    sleep: Option<Pin<Box<Sleep>>>,
    plan: Plan,
    lever: Arc<Lever>,
    exchange: Exchange,
    _busy: Busy,
}

/// The script's part in a body.
struct Plan {
    first: Duration,
    token: Duration,
    burst: usize,
    act: Option<(Act, Point)>,
    drip: Option<Duration>,
    endless: bool,
    /// Bytes to hold back at the end and put on the wire beside the counted ones.
    held_back: u64,
    /// More bytes are declared than there are.
    overstated: bool,
    hang_up: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// A frame may go out.
    Ready,
    /// One went out: let it be flushed before the next.
    Flush,
    /// Nothing more goes out.
    Stuck,
    Done,
}

impl Paced {
    pub(crate) fn new(
        mut frames: Frames,
        script: &Script,
        lever: Arc<Lever>,
        mut exchange: Exchange,
        busy: Busy,
        hang_up: bool,
    ) -> Self {
        let (faults, timing) = (&script.faults, &script.timing);
        let burst = match timing.burst {
            Some(0) => usize::MAX,
            burst => burst.unwrap_or(1),
        };
        if burst > 1 && timing.token.is_zero() && faults.act.is_none() {
            frames.coalesce(burst);
        }
        let held_back = if frames.whole {
            // At least one byte is declared, or hyper would not ask for the body.
            faults.length.min(0).unsigned_abs().min(frames.pieces[0].len().saturating_sub(1) as u64)
        } else {
            0
        };
        let plan = Plan {
            first: timing.first,
            token: timing.token,
            burst,
            act: faults.act.filter(|(act, _)| !matches!(act, Act::BadEvent | Act::ErrorEvent)),
            drip: faults.drip,
            endless: faults.endless,
            held_back,
            overstated: faults.length > 0,
            hang_up,
        };
        let state = State::Ready;
        if faults.length != 0 {
            exchange.outcome(Outcome::Faulted);
        }
        Self {
            frames,
            at: 0,
            rest: Bytes::new(),
            sent: 0,
            events: 0,
            state,
            sleep: None,
            plan,
            lever,
            exchange,
            _busy: busy,
        }
    }

    /// The length to declare in a header, when the script wants a wrong one.
    pub(crate) fn declared(&self, off: i64) -> Option<u64> {
        self.length().filter(|_| off != 0).map(|length| {
            if self.plan.held_back > 0 { length - self.plan.held_back } else { length.saturating_add_signed(off) }
        })
    }

    /// The true length, when the answer is one document.
    fn length(&self) -> Option<u64> {
        let whole = self.frames.whole && !self.plan.endless;
        whole.then(|| self.frames.pieces.iter().map(|piece| piece.len() as u64).sum())
    }

    /// Whether the script breaks the answer here, and what it then does.
    fn due(&self) -> Option<Act> {
        let (act, point) = self.plan.act?;
        let due = match point {
            Point::Body(n) => self.sent >= n,
            Point::Event(n) => self.events >= n && self.rest.is_empty(),
            Point::End => self.finished(),
            Point::Wire(_) => false,
        };
        due.then_some(act)
    }

    /// Whether the socket below has reached the script's place: what follows is never sent.
    fn past_wire_point(&self) -> bool {
        matches!(self.plan.act, Some((_, Point::Wire(_)))) && self.lever.reached()
    }

    fn finished(&self) -> bool {
        self.rest.is_empty() && self.at >= self.frames.pieces.len()
    }

    /// Loads the next piece. Some: wait this long first.
    fn load(&mut self) -> Option<Duration> {
        let index = self.at;
        self.rest = self.frames.pieces[index].clone();
        self.at += 1;
        let (first, last) = (self.frames.first_token, self.frames.last_token);
        if self.plan.endless && index == last {
            self.at = first;
        }
        let looped = self.plan.endless && self.events > last as u64;
        let wait = match index {
            index if index == first && !looped => self.plan.first,
            index if index >= first && index <= last => self.plan.token,
            _ => Duration::ZERO,
        };
        (!wait.is_zero()).then_some(wait)
    }

    /// The part of the piece in hand that goes out now.
    fn take(&mut self) -> Bytes {
        let mut most = if self.plan.drip.is_some() { 1 } else { self.rest.len() };
        if let Some((_, Point::Body(n))) = self.plan.act {
            most = most.min(usize::try_from(n - self.sent).unwrap_or(usize::MAX));
        }
        if self.frames.whole && matches!(self.plan.act, Some((_, Point::Wire(_)))) {
            // The last byte waits until the socket had its say on the others.
            most = if most > 1 { most - 1 } else { most };
        }
        if self.plan.held_back > 0 {
            let counted = self.length().unwrap_or(u64::MAX).saturating_sub(self.plan.held_back + self.sent);
            most = most.min(usize::try_from(counted).unwrap_or(usize::MAX));
        }
        let out = self.rest.split_to(most);
        self.sent += out.len() as u64;
        if self.rest.is_empty() {
            self.events += 1;
        }
        out
    }

    fn act(&mut self, act: Act) {
        self.plan.act = None;
        // A stalled or endless answer ends when the client leaves: that is the client's doing.
        if act != Act::Stall {
            self.exchange.outcome(Outcome::Faulted);
        }
        let spoil = match act {
            Act::Cut => Some(Spoil::Cut),
            Act::Reset => Some(Spoil::Reset),
            Act::HalfClose => Some(Spoil::HalfClose),
            Act::Garbage => {
                self.lever.after_flush(Spoil::Insert(Bytes::from_static(GARBAGE)));
                self.state = State::Flush;
                return;
            }
            Act::Stall | Act::BadEvent | Act::ErrorEvent => None,
        };
        if let Some(spoil) = spoil {
            self.lever.after_flush(spoil);
        }
        self.state = State::Stuck;
    }

    /// The last counted byte of a document is in hyper's hands.
    fn last_byte(&mut self) {
        if let Some((act, Point::End)) = self.plan.act {
            self.act(act);
        } else {
            self.end();
        }
        if self.plan.held_back > 0 {
            self.lever.after_flush(Spoil::Insert(std::mem::take(&mut self.rest)));
        }
    }

    fn end(&mut self) {
        self.state = State::Done;
        self.exchange.finish();
        if self.plan.hang_up {
            self.lever.after_flush(Spoil::Cut);
        }
    }
}

impl Body for Paced {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let this = &mut *self;
        loop {
            match this.state {
                State::Done => return Poll::Ready(None),
                State::Stuck => return Poll::Pending,
                State::Flush => {
                    this.state = State::Ready;
                    cx.waker().wake_by_ref();
                    return Poll::Pending;
                }
                State::Ready => {}
            }
            if let Some(sleep) = &mut this.sleep {
                if sleep.as_mut().poll(cx).is_pending() {
                    return Poll::Pending;
                }
                this.sleep = None;
            }
            if let Some(act) = this.due() {
                this.act(act);
                if this.state == State::Stuck {
                    return Poll::Pending;
                }
                continue;
            }
            if this.past_wire_point() {
                this.state = State::Stuck;
                return Poll::Pending;
            }
            if this.finished() {
                this.end();
                continue;
            }
            if this.rest.is_empty()
                && let Some(wait) = this.load()
            {
                this.sleep = Some(Box::pin(tokio::time::sleep_until(Instant::now() + wait)));
                continue;
            }
            let out = this.take();
            if let Some(wait) = this.plan.drip.filter(|wait| !wait.is_zero()) {
                this.sleep = Some(Box::pin(tokio::time::sleep_until(Instant::now() + wait)));
            }
            this.exchange.sent(this.sent);
            if this.length().is_some_and(|length| this.sent + this.plan.held_back >= length) && !this.plan.overstated {
                // hyper asks for no more once the declared length is out.
                this.last_byte();
            } else if this.rest.is_empty() && !this.events.is_multiple_of(this.plan.burst as u64) {
                this.state = State::Ready;
            } else {
                this.state = State::Flush;
            }
            return Poll::Ready(Some(Ok(Frame::data(out))));
        }
    }

    fn is_end_stream(&self) -> bool {
        self.state == State::Done
    }

    fn size_hint(&self) -> SizeHint {
        match self.length() {
            Some(length) if self.plan.held_back == 0 && !self.plan.overstated => {
                SizeHint::with_exact(length - self.sent)
            }
            _ => SizeHint::default(),
        }
    }
}
