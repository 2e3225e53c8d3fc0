//! An answer that begins before a provider has answered: comments keep the client's connection alive meanwhile.

use std::{
    future::Future as _,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderValue, Response, header};
use http_body::{Body as HttpBody, Frame};
use llm_router_core::dialect::{ErrorInfo, Surface};
use tokio::time::Instant;

use crate::{
    body::{Body, BodyError},
    boundary::Boundary,
    forward::{Asked, Settled},
    leaving::Asking,
    moment::{self, Alarm},
};

/// How long the connection may take to send an error event before the transfer is aborted behind it.
const LAST_WORDS: Duration = Duration::from_millis(20);

/// Whether a dialect's streams are server-sent events, which have comments.
pub(crate) fn has_comments(surface: Surface) -> bool {
    matches!(
        surface,
        Surface::OpenAi | Surface::Anthropic | Surface::Responses | Surface::LmStudio | Surface::LmStudioNative
    )
}

/// The head of a stream that has nothing to tell yet. What fails from here on is told inside the stream.
pub(crate) fn begin(asked: Asking, surface: Surface, every: Duration) -> Response<Body> {
    let waiting = Waiting { stage: Stage::Asking(asked), surface, every, next: moment::now(), alarm: Alarm::default() };
    let mut response = Response::new(Body::stream(waiting));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream; charset=utf-8"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    response
}

enum Stage {
    /// Providers are being asked, one after another.
    Asking(Asking),
    /// One has answered.
    Answering(Body),
    /// None has; the client has been told.
    Failed(Option<BodyError>),
}

struct Waiting {
    stage: Stage,
    surface: Surface,
    every: Duration,
    /// When the client next hears something.
    next: Instant,
    alarm: Alarm,
}

impl Waiting {
    /// Providers have been asked: goes on with the answer, or gives the event that says why there is none.
    fn settle(&mut self, asked: Asked) -> Option<Bytes> {
        let told = match asked.settle() {
            Settled::Stream(body) => {
                self.stage = Stage::Answering(body);
                return None;
            }
            Settled::Error(told) => told,
        };
        Some(self.fail(&told))
    }

    fn fail(&mut self, told: &ErrorInfo) -> Bytes {
        self.stage = Stage::Failed(Some(BodyError::Cut(told.message.clone().into())));
        self.next = moment::fresh() + LAST_WORDS;
        self.surface.stream_error(told).into()
    }
}

impl HttpBody for Waiting {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = &mut *self;
        loop {
            match &mut this.stage {
                Stage::Answering(body) => return Pin::new(body).poll_frame(cx),
                Stage::Failed(error) => {
                    ready!(this.alarm.poll(this.next, cx));
                    return Poll::Ready(error.take().map(Err));
                }
                Stage::Asking(asking) => match Pin::new(asking).poll(cx) {
                    Poll::Ready(asked) => {
                        if let Some(event) = this.settle(asked) {
                            return Poll::Ready(Some(Ok(Frame::data(event))));
                        }
                    }
                    Poll::Pending => {
                        ready!(this.alarm.poll(this.next, cx));
                        this.next = moment::after(this.every);
                        return Poll::Ready(Some(Ok(Frame::data(Boundary::COMMENT))));
                    }
                },
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.stage {
            Stage::Answering(body) => body.is_end_stream(),
            Stage::Failed(error) => error.is_none(),
            Stage::Asking(_) => false,
        }
    }
}
