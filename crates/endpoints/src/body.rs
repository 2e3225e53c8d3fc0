//! The one body type of requests and answers, in both directions.

use std::{
    array,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::{Bytes, BytesMut};
use http_body::{Body as HttpBody, Frame, SizeHint};
use http_body_util::BodyExt as _;
use llm_router_core::translate::StreamFault;

/// A stream of frames behind a pointer.
pub type Frames = Pin<Box<dyn HttpBody<Data = Bytes, Error = BodyError> + Send>>;

/// A request's or answer's body.
#[derive(Default)]
pub enum Body {
    /// Nothing.
    #[default]
    Empty,
    /// One piece, already in memory.
    Full(Bytes),
    /// A few pieces of one text, written without joining them.
    Pieces(array::IntoIter<Bytes, 3>),
    /// Frames as they come: from a socket, or made on the way.
    Frames(Frames),
}

/// Why a body ended before its end. Whoever reads it must not take what came for the whole.
#[derive(Debug, thiserror::Error)]
pub enum BodyError {
    /// The sender closed or reset the connection, or broke the framing.
    #[error("the body was cut short")]
    Cut(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// No byte came for longer than the limit between two frames.
    #[error("no data for {0:?}")]
    Idle(std::time::Duration),
    /// The whole exchange took longer than its limit.
    #[error("not finished within {0:?}")]
    Total(std::time::Duration),
    /// The router is stopping, and the time for requests under way is up.
    #[error("the router is stopping")]
    Stopping,
    /// So many bytes of bodies may be in memory, and are.
    #[error("the router holds {0} bytes of requests and answers, and may hold no more")]
    MemoryFull(usize),
    /// The body is larger than the limit, in bytes.
    #[error("larger than {0} bytes")]
    TooLarge(usize),
    /// The provider's bytes are not what its dialect allows.
    #[error(transparent)]
    Garbled(#[from] StreamFault),
}

impl Body {
    /// Frames of any kind; their error is taken as a cut.
    pub fn frames<B>(body: B) -> Self
    where
        B: HttpBody<Data = Bytes, Error: Into<Box<dyn std::error::Error + Send + Sync>>> + Send + 'static,
    {
        Self::Frames(Box::pin(body.map_err(|e| BodyError::Cut(e.into()))))
    }

    /// Frames whose errors say what happened.
    pub fn stream<B>(body: B) -> Self
    where
        B: HttpBody<Data = Bytes, Error = BodyError> + Send + 'static,
    {
        Self::Frames(Box::pin(body))
    }

    /// Reads it to its end, up to so many bytes. The caller bounds the time.
    ///
    /// # Errors
    /// [`BodyError::TooLarge`], or why it ended before its end.
    pub async fn read(mut self, most: usize) -> Result<Bytes, BodyError> {
        let mut read = BytesMut::new();
        while let Some(frame) = self.frame().await {
            let Ok(data) = frame?.into_data() else { continue };
            if read.len() + data.len() > most {
                return Err(BodyError::TooLarge(most));
            }
            read.extend_from_slice(&data);
        }
        Ok(read.freeze())
    }
}

impl From<Bytes> for Body {
    fn from(bytes: Bytes) -> Self {
        if bytes.is_empty() { Self::Empty } else { Self::Full(bytes) }
    }
}

impl From<Vec<u8>> for Body {
    fn from(bytes: Vec<u8>) -> Self {
        Bytes::from(bytes).into()
    }
}

impl From<String> for Body {
    fn from(text: String) -> Self {
        Bytes::from(text).into()
    }
}

impl From<&'static str> for Body {
    fn from(text: &'static str) -> Self {
        Bytes::from_static(text.as_bytes()).into()
    }
}

impl HttpBody for Body {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let piece = match &mut *self {
            Self::Empty => None,
            Self::Full(_) => match std::mem::take(&mut *self) {
                Self::Full(bytes) => Some(bytes),
                _ => None,
            },
            Self::Pieces(pieces) => pieces.find(|piece| !piece.is_empty()),
            Self::Frames(frames) => return frames.as_mut().poll_frame(cx),
        };
        Poll::Ready(piece.map(|bytes| Ok(Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Empty => true,
            Self::Full(_) => false,
            Self::Pieces(pieces) => pieces.as_slice().iter().all(Bytes::is_empty),
            Self::Frames(frames) => frames.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Empty => SizeHint::with_exact(0),
            Self::Full(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Self::Pieces(pieces) => SizeHint::with_exact(pieces.as_slice().iter().map(|p| p.len() as u64).sum()),
            Self::Frames(frames) => frames.size_hint(),
        }
    }
}

impl std::fmt::Debug for Body {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Empty => "Empty",
            Self::Full(_) => "Full",
            Self::Pieces(_) => "Pieces",
            Self::Frames(_) => "Frames",
        })
    }
}
