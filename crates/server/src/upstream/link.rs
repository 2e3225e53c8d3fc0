//! An open connection to a provider, driven by whoever awaits an answer over it: no task of its own.

use std::{
    future::poll_fn,
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Uri, header, response};
use http_body::Body as _;
use llm_router_endpoints::{Body, BodyError};

use super::stream::Stream;
use crate::http1::{
    Collected, Framing, FramingError, HeadError, Outgoing, Reading, chunk_size, content_length, persistent, read,
    response,
};

/// The most bytes of an answer's head.
const MOST_HEAD: usize = 64 * 1024;

/// Why an exchange came to nothing.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ExchangeError {
    /// The connection broke; nothing of an answer had come.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The connection closed; nothing of an answer had come.
    #[error("the connection closed before the answer")]
    Closed,
    /// It closed or broke inside the head.
    #[error("the connection closed inside the head of the answer")]
    Cut,
    /// The head is no head.
    #[error(transparent)]
    Head(#[from] HeadError),
    /// Nothing tells where the body ends.
    #[error(transparent)]
    Framing(#[from] FramingError),
    /// Another protocol, which nobody asked for.
    #[error("the answer switches protocols")]
    Upgrade,
    /// The body of the request broke.
    #[error(transparent)]
    Request(BodyError),
}

/// A connection.
pub(crate) struct Link {
    stream: Stream,
    /// Read, and not used yet.
    unread: Bytes,
    room: Reading,
    used: bool,
}

/// A request on its way out.
pub(crate) struct Sending {
    /// Whether its answer has no body (RFC 9110, 9.3.2).
    head_only: bool,
    out: Outgoing,
    body: Body,
    chunked: bool,
    whole: bool,
}

/// The head of an answer, and how to go on.
pub(crate) struct Answered {
    pub(crate) head: response::Parts,
    pub(crate) framing: Framing,
    /// Whether the connection can carry another request after this answer.
    pub(crate) keep: bool,
}

impl Link {
    pub(crate) fn new(stream: Stream) -> Self {
        Self { stream, unread: Bytes::new(), room: Reading::default(), used: false }
    }

    /// Whether it has carried an exchange before: then the provider may have closed it in the meantime.
    pub(crate) fn used(&self) -> bool {
        self.used
    }

    /// Notes that an exchange is over.
    pub(crate) fn rest(&mut self) {
        self.used = true;
    }

    /// Whether nothing has come since the last answer: no end, and nothing that nobody asked for.
    pub(crate) async fn is_quiet(&mut self) -> bool {
        self.unread.is_empty() && poll_fn(|cx| Poll::Ready(self.read(cx).is_pending())).await
    }

    /// Reads what there is; no bytes at the end.
    fn read(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Bytes>> {
        read(&mut self.stream, cx, &mut self.room)
    }

    /// Sends a request and waits for the head of the answer. Takes the request out of its place; what is left there is what
    /// the provider has not taken yet.
    pub(crate) async fn exchange(&mut self, request: &mut Option<Sending>) -> Result<Answered, ExchangeError> {
        let head_only = request.as_ref().is_some_and(|request| request.head_only);
        let mut collected = None;
        let mut broken = None;
        let (head, framing) = poll_fn(|cx| {
            if let Some(out) = request {
                match out.advance(&mut self.stream, cx) {
                    Poll::Pending => {}
                    Poll::Ready(Ok(())) => *request = None,
                    Poll::Ready(Err(ExchangeError::Io(error))) => {
                        // The provider may have answered all the same, and closed behind its answer.
                        broken = Some(error);
                        *request = None;
                    }
                    Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                }
            }
            self.head(cx, head_only, &mut collected).map_err(|error| match (error, broken.take()) {
                (ExchangeError::Closed, Some(first)) => first.into(),
                (error, _) => error,
            })
        })
        .await?;
        // Chunks beside a length: where the next answer begins is doubtful.
        let doubtful = matches!(framing, Framing::Chunked(_)) && head.headers.contains_key(header::CONTENT_LENGTH);
        let keep = persistent(head.version, &head.headers) && !doubtful && broken.is_none();
        Ok(Answered { head, framing, keep })
    }

    /// The head of the final answer; informational ones before it are passed over (RFC 9110, 15.2).
    fn head(
        &mut self,
        cx: &mut Context<'_>,
        head_only: bool,
        collected: &mut Option<Collected>,
    ) -> Poll<Result<(response::Parts, Framing), ExchangeError>> {
        loop {
            if collected.is_none() && !self.unread.is_empty() {
                match response(&mut self.unread, MOST_HEAD)? {
                    Some(head) if head.status.as_u16() == 101 => return Poll::Ready(Err(ExchangeError::Upgrade)),
                    Some(head) if head.status.is_informational() => continue,
                    Some(head) => {
                        let framing = Framing::of_answer(head_only, head.status, head.version, &head.headers)?;
                        return Poll::Ready(Ok((head, framing)));
                    }
                    None => *collected = Some(Collected::begin(&std::mem::take(&mut self.unread), MOST_HEAD)?),
                }
            }
            let more = match (ready!(self.read(cx)), &collected) {
                (Ok(more), _) if !more.is_empty() => more,
                (_, Some(_)) => return Poll::Ready(Err(ExchangeError::Cut)),
                (Ok(_), None) => return Poll::Ready(Err(ExchangeError::Closed)),
                (Err(error), None) => return Poll::Ready(Err(error.into())),
            };
            match collected {
                None => self.unread = more,
                Some(held) => {
                    if held.add(&more)? {
                        self.unread = held.take();
                        *collected = None;
                    }
                }
            }
        }
    }

    /// The next piece of the answer's body; nothing at its end.
    pub(crate) fn piece(&mut self, cx: &mut Context<'_>, framing: &mut Framing) -> Poll<io::Result<Option<Bytes>>> {
        loop {
            let piece = framing.next(&mut self.unread).map_err(io::Error::other)?;
            if piece.is_some() || framing.is_over() {
                return Poll::Ready(Ok(piece));
            }
            let more = ready!(self.read(cx))?;
            if more.is_empty() {
                framing.closed().map_err(io::Error::other)?;
            }
            self.unread = more;
        }
    }

    /// Sends on what of the request is left, while the answer is read.
    pub(crate) fn send_on(&mut self, cx: &mut Context<'_>, rest: &mut Sending) -> Poll<Result<(), ExchangeError>> {
        rest.advance(&mut self.stream, cx)
    }
}

impl Sending {
    pub(crate) fn new(request: Request<Body>) -> Self {
        let mut out = Outgoing::default();
        let length = request.body().size_hint().exact();
        write_head(out.small(), request.method(), request.uri(), request.headers(), length);
        let head_only = *request.method() == Method::HEAD;
        Self { head_only, out, body: request.into_body(), chunked: length.is_none(), whole: false }
    }

    /// Gathers and writes until all is written.
    fn advance(&mut self, stream: &mut Stream, cx: &mut Context<'_>) -> Poll<Result<(), ExchangeError>> {
        loop {
            while !self.whole && self.out.has_room() {
                match Pin::new(&mut self.body).poll_frame(cx) {
                    Poll::Pending => break,
                    Poll::Ready(Some(Err(error))) => return Poll::Ready(Err(ExchangeError::Request(error))),
                    Poll::Ready(Some(Ok(frame))) => {
                        if let Ok(data) = frame.into_data() {
                            self.add(data);
                        }
                    }
                    Poll::Ready(None) => {
                        if self.chunked {
                            self.out.small().extend_from_slice(b"0\r\n\r\n");
                        }
                        self.whole = true;
                    }
                }
            }
            if self.out.is_empty() {
                return if self.whole { Poll::Ready(Ok(())) } else { Poll::Pending };
            }
            ready!(self.out.write(stream, cx))?;
        }
    }

    fn add(&mut self, data: Bytes) {
        if !self.chunked {
            return self.out.add(data);
        }
        if !data.is_empty() {
            chunk_size(self.out.small(), data.len());
            self.out.add(data);
            self.out.small().extend_from_slice(b"\r\n");
        }
    }
}

/// The request line and the headers. The framing is ours to tell.
fn write_head(out: &mut Vec<u8>, method: &Method, uri: &Uri, headers: &HeaderMap, length: Option<u64>) {
    out.extend_from_slice(method.as_str().as_bytes());
    out.push(b' ');
    out.extend_from_slice(uri.path_and_query().map_or("/", |path| path.as_str()).as_bytes());
    out.extend_from_slice(b" HTTP/1.1\r\n");
    for (name, value) in headers {
        if *name != header::CONTENT_LENGTH && *name != header::TRANSFER_ENCODING {
            out.extend_from_slice(name.as_str().as_bytes());
            out.extend_from_slice(b": ");
            out.extend_from_slice(value.as_bytes());
            out.extend_from_slice(b"\r\n");
        }
    }
    match length {
        Some(0) if matches!(*method, Method::GET | Method::HEAD) => {}
        Some(length) => content_length(out, length),
        None => out.extend_from_slice(b"transfer-encoding: chunked\r\n"),
    }
    out.extend_from_slice(b"\r\n");
}
