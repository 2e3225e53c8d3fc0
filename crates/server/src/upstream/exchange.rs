//! One request and answer over one connection, driven by whoever awaits it: no task of its own.
//!
//! Dropping an exchange, or the body of its answer before its end, closes the connection at once.

use std::{
    future::{Future as _, poll_fn},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{Request, Response};
use http_body::{Body as HttpBody, Frame, SizeHint};
use hyper::{
    body::Incoming,
    client::conn::http1::{Connection, SendRequest},
};
use hyper_util::rt::TokioIo;
use llm_router_endpoints::{Body, BodyError};

use super::{pool::Pool, stream::Stream};

/// An open connection: hyper's two halves, and whether it has served before.
pub(super) struct Link {
    sender: SendRequest<Body>,
    connection: Connection<TokioIo<Stream>, Body>,
    used: bool,
}

impl Link {
    /// Speaks HTTP/1.1 over a new connection.
    pub(super) async fn open(stream: Stream) -> hyper::Result<Self> {
        let (sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
        Ok(Self { sender, connection, used: false })
    }

    /// Whether it has carried an exchange before: then the provider may have closed it in the meantime.
    pub(super) fn used(&self) -> bool {
        self.used
    }

    /// Lets the connection notice what happened while it was idle; `false` when it is closed.
    pub(super) async fn alive(&mut self) -> bool {
        poll_fn(|cx| Poll::Ready(self.advance(cx))).await && self.sender.is_ready()
    }

    /// Moves bytes; `false` when the connection is closed.
    fn advance(&mut self, cx: &mut Context<'_>) -> bool {
        Pin::new(&mut self.connection).poll(cx).is_pending()
    }

    /// Sends a request and waits for the head of the answer.
    pub(super) async fn send(&mut self, request: Request<Body>) -> hyper::Result<Response<Incoming>> {
        let mut answer = std::pin::pin!(self.sender.send_request(request));
        let connection = &mut self.connection;
        let mut closed = false;
        poll_fn(|cx| {
            if let Poll::Ready(answer) = answer.as_mut().poll(cx) {
                return Poll::Ready(answer);
            }
            if !closed {
                match Pin::new(&mut *connection).poll(cx) {
                    // What the connection learned is passed on through the answer.
                    Poll::Ready(_) => closed = true,
                    Poll::Pending => {}
                }
            }
            answer.as_mut().poll(cx)
        })
        .await
    }
}

/// The body of an answer, and the connection it comes over.
pub(super) struct AnswerBody {
    incoming: Incoming,
    link: Option<Link>,
    place: Arc<str>,
    pool: Arc<Pool>,
}

impl AnswerBody {
    pub(super) fn new(incoming: Incoming, link: Link, place: Arc<str>, pool: Arc<Pool>) -> Self {
        Self { incoming, link: Some(link), place, pool }
    }

    /// After the last byte: the connection can serve again, if both sides kept it open.
    fn finish(&mut self, cx: &mut Context<'_>) {
        let Some(mut link) = self.link.take() else { return };
        if link.advance(cx) {
            link.used = true;
            self.pool.keep(&self.place, link);
        }
    }
}

impl HttpBody for AnswerBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = &mut *self;
        let mut polled = Pin::new(&mut this.incoming).poll_frame(cx);
        if polled.is_pending()
            && let Some(link) = &mut this.link
        {
            if !link.advance(cx) {
                this.link = None;
            }
            polled = Pin::new(&mut this.incoming).poll_frame(cx);
        }
        match polled {
            Poll::Ready(Some(Ok(frame))) => {
                if this.incoming.is_end_stream() {
                    this.finish(cx);
                }
                Poll::Ready(Some(Ok(frame)))
            }
            Poll::Ready(Some(Err(error))) => {
                this.link = None;
                Poll::Ready(Some(Err(BodyError::Cut(error.into()))))
            }
            Poll::Ready(None) => {
                this.finish(cx);
                Poll::Ready(None)
            }
            Poll::Pending => Poll::Pending,
        }
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
    }
}
