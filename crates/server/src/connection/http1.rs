//! A client's connection over HTTP/1.1 (RFC 9112): one request after the other, each answer as it comes.
//!
//! While a request is answered the connection is watched: a client that leaves takes its request along.

use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response, header, request};
use http_body::Body as _;
use llm_router_core::dialect::Surface;
use llm_router_endpoints::{Body, BoxFuture, Error};
use tokio::{
    io::AsyncWrite as _,
    time::{Sleep, sleep},
};

use super::{
    answer::{Asked, Coding, write_head},
    incoming::{Incoming, Watched},
};
use crate::{
    conduit::{Clock, Conduit, Socket, Tracked},
    http1::{Collected, HeadError, Outgoing, Reading, persistent, read, request},
    service,
    tasks::after_the_others,
    worker::Worker,
};

/// How long a client that still sends a body nobody wants is listened to, so that it can read the answer before the
/// connection is gone (RFC 9112, 9.6).
const LINGER: Duration = Duration::from_secs(2);

/// A connection.
pub(super) struct Http1<S> {
    io: Conduit<S>,
    worker: Arc<Worker>,
    clock: Arc<Clock>,
    /// Read, and not used yet.
    unread: Bytes,
    room: Reading,
    /// A head that comes in pieces.
    collected: Option<Collected>,
    out: Outgoing,
    most_head: usize,
    /// Takes no more requests.
    ending: bool,
    at: At,
}

enum At {
    /// Between two requests, or inside the head of one.
    Head,
    /// Inside a request.
    Request(Box<Exchange>),
    /// All is written and all is read.
    Closing,
    /// All is written; the client may still be sending.
    Lingering(Pin<Box<Sleep>>),
}

/// A request and its answer.
struct Exchange {
    asked: Asked,
    stage: Stage,
    body: Incoming,
    /// The connection serves on behind the answer.
    keep: bool,
    /// Only the connection's end tells where the answer's body ends.
    open_ended: bool,
}

enum Stage {
    /// The answer is being made.
    Asking(BoxFuture<'static, Response<Tracked>>),
    /// It is being written.
    Answering(Tracked, Coding),
    /// Its last byte has been handed to `out`.
    Written,
    /// It broke: what is in `out` is the last the client gets.
    Broken,
}

impl<S: Socket> Http1<S> {
    /// Goes on behind the first bytes.
    pub(super) fn new(io: Conduit<S>, first: Bytes, worker: Arc<Worker>, clock: Arc<Clock>, most_head: usize) -> Self {
        Self {
            io,
            worker,
            clock,
            unread: first,
            room: Reading::default(),
            collected: None,
            out: Outgoing::default(),
            most_head,
            ending: false,
            at: At::Head,
        }
    }

    /// Takes no more requests; the present one is answered.
    pub(super) fn end(&mut self) {
        self.ending = true;
    }

    /// Ready when the connection is over.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            match &mut self.at {
                At::Head => match ready!(self.head(cx)) {
                    Ok(Some(head)) => {
                        self.begin(head);
                        return after_the_others(cx);
                    }
                    Ok(None) => return Poll::Ready(Ok(())),
                    Err(error) => {
                        tracing::debug!(%error, "a client's request is refused");
                        self.refuse(&refusal(error, self.most_head));
                    }
                },
                At::Request(_) => {
                    if ready!(self.exchange(cx))? {
                        return Poll::Ready(Ok(()));
                    }
                }
                At::Closing => return Pin::new(&mut self.io).poll_shutdown(cx),
                At::Lingering(_) => return self.linger(cx),
            }
        }
    }

    /// The next request's head; none when the connection is over.
    fn head(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<request::Parts>, HeadError>> {
        if ready!(self.out.write(&mut self.io, cx)).is_err() {
            return Poll::Ready(Ok(None));
        }
        loop {
            if self.collected.is_none() {
                // Empty lines before a request are passed over (RFC 9112, 2.2).
                while self.unread.starts_with(b"\r\n") {
                    let _ = self.unread.split_to(2);
                }
                if !self.unread.is_empty() {
                    if let Some(head) = request(&mut self.unread, self.most_head)? {
                        return Poll::Ready(Ok(Some(head)));
                    }
                    let first = std::mem::take(&mut self.unread);
                    self.collected = Some(Collected::begin(&first, self.most_head)?);
                } else if self.ending {
                    return Poll::Ready(Ok(None));
                }
            }
            let more = match ready!(read(&mut self.io, cx, &mut self.room)) {
                Ok(more) if !more.is_empty() => more,
                _ => return Poll::Ready(Ok(None)),
            };
            match &mut self.collected {
                None => self.unread = more,
                Some(held) => {
                    if held.add(&more)? {
                        self.unread = held.take();
                        self.collected = None;
                    }
                }
            }
        }
    }

    /// Has a request answered.
    fn begin(&mut self, head: request::Parts) {
        let (incoming, body) = match Incoming::begin(&head, &mut self.unread) {
            Ok(begun) => begun,
            Err(error) => {
                tracing::debug!(%error, "a client's request is refused");
                return self.refuse(&Error::Head(error.to_string()));
            }
        };
        let keep = persistent(head.version, &head.headers) && !self.ending;
        let asked = Asked::new(&head.method, head.version, keep);
        let answer = service::answer(&self.worker, &self.clock, Request::from_parts(head, body));
        let stage = Stage::Asking(answer);
        self.at = At::Request(Box::new(Exchange { asked, stage, body: incoming, keep, open_ended: false }));
    }

    /// Answers what is no request, and takes no more.
    fn refuse(&mut self, error: &Error) {
        let response = error.respond(Surface::OpenAi, "");
        let asked = Asked { version: http::Version::HTTP_11, head_only: false, keep: false };
        let length = response.body().size_hint().exact();
        write_head(self.out.small(), asked, response.status(), response.headers(), length, false);
        if let Body::Full(text) = response.into_body() {
            self.out.add(text);
        }
        self.ending = true;
        self.at = At::Lingering(Box::pin(sleep(LINGER)));
    }

    /// Goes on with a request; true when the connection is over.
    fn exchange(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<bool>> {
        loop {
            let At::Request(exchange) = &mut self.at else { return Poll::Ready(Ok(false)) };
            let mut more = false;
            match &mut exchange.stage {
                Stage::Asking(answer) => {
                    if let Poll::Ready(response) = answer.as_mut().poll(cx) {
                        self.answer(response);
                        return after_the_others(cx);
                    }
                }
                Stage::Answering(..) => more = self.gather(cx).is_ready(),
                Stage::Written | Stage::Broken => {}
            }
            let written = self.out.write(&mut self.io, cx)?;
            let At::Request(exchange) = &mut self.at else { return Poll::Ready(Ok(false)) };
            if written.is_ready() {
                match exchange.stage {
                    Stage::Answering(..) if more => continue,
                    Stage::Asking(_) | Stage::Answering(..) => {}
                    Stage::Broken => {
                        if exchange.open_ended {
                            // An ordinary end would say that the answer is whole.
                            self.io.reset();
                        }
                        return Poll::Ready(Ok(true));
                    }
                    Stage::Written => {
                        self.at = if exchange.keep { At::Head } else { self.last() };
                        return Poll::Ready(Ok(false));
                    }
                }
            }
            let Self { io, unread, room, out, .. } = self;
            match ready!(exchange.body.watch(io, cx, unread, room, out)) {
                Watched::Progress => {}
                Watched::Gone => return Poll::Ready(Ok(true)),
            }
        }
    }

    /// Behind the last answer. What the client still sends must not cost it the answer.
    fn last(&self) -> At {
        let At::Request(exchange) = &self.at else { return At::Closing };
        if exchange.body.is_read() && self.unread.is_empty() {
            At::Closing
        } else {
            At::Lingering(Box::pin(sleep(LINGER)))
        }
    }

    /// The answer's head is there.
    fn answer(&mut self, response: Response<Tracked>) {
        let At::Request(exchange) = &mut self.at else { return };
        let (head, body) = response.into_parts();
        exchange.body.skip(&mut self.unread);
        let length = body.size_hint().exact();
        let coding = Coding::of(exchange.asked, head.status, length);
        exchange.open_ended = coding == Coding::UntilClose;
        let closes = head.headers.get_all(header::CONNECTION).iter().any(|value| value.as_bytes() == b"close");
        exchange.keep =
            exchange.asked.keep && !self.ending && !closes && !exchange.open_ended && exchange.body.is_read();
        write_head(self.out.small(), exchange.asked, head.status, &head.headers, length, exchange.keep);
        exchange.stage = if exchange.asked.head_only { Stage::Written } else { Stage::Answering(body, coding) };
    }

    /// Takes what there is of the answer's body, as far as there is room; pending when it waits for more.
    fn gather(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let At::Request(exchange) = &mut self.at else { return Poll::Ready(()) };
        let Stage::Answering(body, coding) = &mut exchange.stage else { return Poll::Ready(()) };
        while self.out.has_room() {
            let whole = match Pin::new(&mut *body).poll_frame(cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Some(Ok(frame))) => match frame.into_data() {
                    Ok(data) => coding.add(data, &mut self.out).map(|()| body.is_end_stream()),
                    Err(_) => Ok(false),
                },
                Poll::Ready(None) => Ok(true),
                Poll::Ready(Some(Err(error))) => {
                    tracing::debug!(%error, "an answer broke off");
                    exchange.stage = Stage::Broken;
                    return Poll::Ready(());
                }
            };
            match whole {
                Ok(false) => {}
                Ok(true) => {
                    exchange.stage = if coding.end(&mut self.out).is_ok() { Stage::Written } else { Stage::Broken };
                    return Poll::Ready(());
                }
                Err(_) => {
                    exchange.stage = Stage::Broken;
                    return Poll::Ready(());
                }
            }
        }
        Poll::Ready(())
    }

    /// Lets a client that is still sending read its answer.
    fn linger(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.out.write(&mut self.io, cx))?;
        ready!(Pin::new(&mut self.io).poll_shutdown(cx))?;
        let At::Lingering(end) = &mut self.at else { return Poll::Ready(Ok(())) };
        loop {
            if end.as_mut().poll(cx).is_ready() {
                return Poll::Ready(Ok(()));
            }
            if ready!(read(&mut self.io, cx, &mut self.room))?.is_empty() {
                return Poll::Ready(Ok(()));
            }
        }
    }
}

fn refusal(error: HeadError, most: usize) -> Error {
    match error {
        HeadError::TooLarge => Error::HeadTooLarge(most),
        HeadError::TargetTooLong => Error::TargetTooLong,
        HeadError::Malformed(_) | HeadError::Field | HeadError::Target => Error::Head(error.to_string()),
    }
}
