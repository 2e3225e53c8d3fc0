//! The body of an answer, and the connection it comes over.
//!
//! Dropping it before its end closes the connection at once.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};
use llm_router_endpoints::BodyError;

use super::{
    link::{Answered, Link, Sending},
    pool::Pool,
};
use crate::http1::Framing;

/// The body of an answer.
pub(super) struct AnswerBody {
    link: Option<Link>,
    framing: Framing,
    rest: Option<Box<Sending>>,
    keep: bool,
    place: Arc<str>,
    pool: Arc<Pool>,
}

impl AnswerBody {
    /// Of what was answered over this link, with what the provider has not taken yet of the request: some answer before
    /// they have read it. Also gives the head.
    pub(super) fn new(
        answered: Answered,
        rest: Option<Sending>,
        link: Link,
        place: Arc<str>,
        pool: Arc<Pool>,
    ) -> (http::response::Parts, Self) {
        let Answered { head, framing, keep } = answered;
        let mut body = Self { link: Some(link), framing, rest: rest.map(Box::new), keep, place, pool };
        if body.framing.is_over() {
            body.finish();
        }
        (head, body)
    }

    /// After the last byte: the connection can serve again, if both sides keep it open and the provider has taken the
    /// whole request.
    fn finish(&mut self) {
        let Some(mut link) = self.link.take() else { return };
        if self.keep && self.rest.is_none() {
            link.rest();
            self.pool.keep(&self.place, link);
        }
    }
}

impl HttpBody for AnswerBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = &mut *self;
        let Some(link) = &mut this.link else { return Poll::Ready(None) };
        if let Some(rest) = &mut this.rest {
            match link.send_on(cx, rest) {
                Poll::Ready(Ok(())) => this.rest = None,
                // It answers without reading on: what it says still counts, its connection does not.
                Poll::Ready(Err(_)) => {
                    this.rest = None;
                    this.keep = false;
                }
                Poll::Pending => {}
            }
        }
        match ready!(link.piece(cx, &mut this.framing)) {
            Err(error) => {
                this.link = None;
                Poll::Ready(Some(Err(BodyError::Cut(error.into()))))
            }
            Ok(piece) => {
                if this.framing.is_over() {
                    this.finish();
                }
                Poll::Ready(piece.map(|piece| Ok(Frame::data(piece))))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.link.is_none() && self.framing.is_over()
    }

    fn size_hint(&self) -> SizeHint {
        match self.framing {
            Framing::Over => SizeHint::with_exact(0),
            Framing::Length(left) => SizeHint::with_exact(left),
            Framing::Chunked(_) | Framing::UntilClose => SizeHint::default(),
        }
    }
}
