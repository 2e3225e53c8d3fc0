//! What a client sends while its request is answered: the body, for whoever reads it, or the end of the connection.

use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use http::{Version, header, request};
use llm_router_endpoints::{Body, BodyError};
use tokio::io::{AsyncRead, AsyncWrite};

use super::intake::Intake;
use crate::http1::{Framing, FramingError, Outgoing, Reading, fill, read};

/// Up to this size a body whose length is told is read into one piece of memory, in bytes. Beyond, memory is taken for
/// what has come, not for what is announced.
const ONE_PIECE: u64 = 1 << 20;

/// A request's body on the connection.
pub(super) struct Incoming {
    framing: Framing,
    intake: Option<Intake>,
    /// What has come of a body that is read into one piece, and how long it will be.
    whole: Option<(BytesMut, usize)>,
    /// The client waits to be told that its body is wanted (RFC 9110, 10.1.1).
    expects: bool,
}

/// What the client did.
pub(super) enum Watched {
    /// Whoever reads the body can go on.
    Progress,
    /// It left.
    Gone,
}

impl Incoming {
    /// Of a request whose head has been read; with the body for whoever answers it.
    pub(super) fn begin(head: &request::Parts, unread: &mut Bytes) -> Result<(Self, Body), FramingError> {
        let framing = Framing::of_request(head.version, &head.headers)?;
        let mut incoming = Self { framing, intake: None, whole: None, expects: false };
        if incoming.framing.is_over() {
            return Ok((incoming, Body::Empty));
        }
        let length = if let Framing::Length(length) = incoming.framing { Some(length) } else { None };
        let first = match incoming.framing.next(unread) {
            Ok(Some(all)) if incoming.framing.is_over() => return Ok((incoming, all.into())),
            first => first,
        };
        incoming.expects = head.version == Version::HTTP_11
            && head.headers.get(header::EXPECT).is_some_and(|e| e.as_bytes().eq_ignore_ascii_case(b"100-continue"));
        let (intake, body) = Intake::new(length);
        match (first, length) {
            (Err(error), _) => intake.fail(BodyError::Cut(error.into())),
            (Ok(first), Some(length @ ..=ONE_PIECE)) => {
                let size = usize::try_from(length).unwrap_or_default();
                let mut whole = BytesMut::with_capacity(size);
                whole.extend_from_slice(&first.unwrap_or_default());
                incoming.whole = Some((whole, size));
            }
            (Ok(first), _) => intake.give(first, incoming.framing.is_over()),
        }
        incoming.intake = Some(intake);
        Ok((incoming, Body::stream(body)))
    }

    /// Whether the connection is behind the body.
    pub(super) fn is_read(&self) -> bool {
        self.framing.is_over()
    }

    /// Passes over what has come of a body that nobody reads.
    pub(super) fn skip(&mut self, unread: &mut Bytes) {
        if self.whole.is_none() && !self.expects && self.intake.as_ref().is_none_or(Intake::is_dropped) {
            while let Ok(Some(_)) = self.framing.next(unread) {}
        }
    }

    /// Reads on: for whoever waits for the body, or to see the client leave.
    pub(super) fn watch<S>(
        &mut self,
        io: &mut S,
        cx: &mut Context<'_>,
        unread: &mut Bytes,
        room: &mut Reading,
        out: &mut Outgoing,
    ) -> Poll<Watched>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        loop {
            let wanted = !self.framing.is_over() && self.intake.as_ref().is_some_and(Intake::is_asked);
            if wanted {
                if self.whole.is_none()
                    && let Some(progress) = self.pass_on(unread)
                {
                    return Poll::Ready(progress);
                }
                if std::mem::take(&mut self.expects) {
                    out.small().extend_from_slice(b"HTTP/1.1 100 Continue\r\n\r\n");
                    if let Poll::Ready(Err(_)) = out.write(io, cx) {
                        return Poll::Ready(Watched::Gone);
                    }
                }
            } else if !unread.is_empty() {
                // The next request is here already: reading on would be without a bound.
                return Poll::Pending;
            }
            if ready!(self.read(io, cx, unread, room)) {
                self.expects = false;
            } else {
                // A client that leaves looks the same as one that only closes its sending side, until something is written
                // to it, which may be minutes later: its provider is to be free now. nginx decides likewise.
                // Whoever waits for the rest of the body may answer that it did not come.
                let Some(intake) = self.intake.as_ref().filter(|_| wanted) else { return Poll::Ready(Watched::Gone) };
                intake.fail(BodyError::Cut(FramingError::Cut.into()));
                return Poll::Ready(Watched::Progress);
            }
            if self.is_whole() {
                return Poll::Ready(Watched::Progress);
            }
        }
    }

    /// Reads what there is; false at the end of the connection.
    fn read<S>(&mut self, io: &mut S, cx: &mut Context<'_>, unread: &mut Bytes, room: &mut Reading) -> Poll<bool>
    where
        S: AsyncRead + Unpin,
    {
        if let Some((body, size)) = &mut self.whole {
            return Poll::Ready(ready!(fill(io, cx, body, *size)).unwrap_or_default() > 0);
        }
        *unread = ready!(read(io, cx, room)).unwrap_or_default();
        Poll::Ready(!unread.is_empty())
    }

    /// Hands on a body that has been read into one piece, once all of it is there.
    fn is_whole(&mut self) -> bool {
        let (Some((body, _)), Some(intake)) = (self.whole.take_if(|(body, size)| body.len() == *size), &self.intake)
        else {
            return false;
        };
        self.framing = Framing::Over;
        intake.give(Some(body.freeze()), true);
        true
    }

    /// Hands on what has been read, if that is anything.
    fn pass_on(&mut self, unread: &mut Bytes) -> Option<Watched> {
        let intake = self.intake.as_ref()?;
        match self.framing.next(unread) {
            Ok(None) if !self.framing.is_over() => return None,
            Ok(piece) => intake.give(piece, self.framing.is_over()),
            Err(error) => intake.fail(BodyError::Cut(error.into())),
        }
        Some(Watched::Progress)
    }
}
