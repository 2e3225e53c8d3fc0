//! How the router looks at an answer under way: it translates it, or passes it on untouched and merely watches.

use std::time::Duration;

use bytes::Bytes;
use llm_router_core::{
    dialect::{ErrorInfo, Surface},
    operation::Operation,
    translate::{ReplyTranslator, StreamTap, Usage, UsageFilter},
};

use crate::body::BodyError;

/// One answer as it passes.
pub(crate) enum View {
    /// In another dialect than the client's.
    Translated(Box<ReplyTranslator>),
    /// Passed on byte for byte; watched for usage numbers and the last event.
    Watched(StreamTap),
    /// Passed on but for the chunk of usage numbers, which the client did not ask for.
    Counted(Box<(UsageFilter, StreamTap)>),
    /// Passed on byte for byte.
    Plain,
}

impl View {
    /// A view of an untouched answer to an operation, whose first bytes have come.
    /// With the bytes as the client is to see them; `uncounted` says that usage numbers are not for it.
    pub(crate) fn watch(operation: Operation, first: Bytes, uncounted: bool) -> (Self, Bytes) {
        let tap = StreamTap::new(operation);
        let mut view =
            if uncounted { Self::Counted(Box::new((UsageFilter::default(), tap))) } else { Self::Watched(tap) };
        let first = view.frame(first, None).0;
        (view, first)
    }

    /// Whether the provider's bytes are the client's.
    pub(crate) fn is_untouched(&self) -> bool {
        !matches!(self, Self::Translated(_) | Self::Counted(_))
    }

    /// The next bytes as the client is to see them, and what is wrong behind them.
    pub(crate) fn frame(&mut self, data: Bytes, elapsed: Option<Duration>) -> (Bytes, Option<BodyError>) {
        let translator = match self {
            Self::Plain => return (data, None),
            Self::Watched(tap) => {
                tap.feed(&data);
                return (data, None);
            }
            Self::Counted(both) => {
                let (filter, tap) = &mut **both;
                let mut out = Vec::with_capacity(data.len());
                filter.feed(&data, &mut out);
                tap.feed(&out);
                return (out.into(), None);
            }
            Self::Translated(translator) => translator,
        };
        if let Some(elapsed) = elapsed {
            translator.elapsed(elapsed);
        }
        let mut out = Vec::new();
        let fault = translator.frame(&data, &mut out).err().map(BodyError::Garbled);
        (out.into(), fault)
    }

    /// What the client is still to see when the provider's bytes have ended; `framed` says whether its HTTP framing
    /// vouches for the end.
    pub(crate) fn rest(&mut self, framed: bool) -> Bytes {
        let mut out = Vec::new();
        let both = match self {
            Self::Translated(translator) if framed => {
                // A fault makes the stream one that does not finish.
                let _ = translator.close(&mut out);
                return out.into();
            }
            Self::Counted(both) => both,
            _ => return Bytes::new(),
        };
        let (filter, tap) = &mut **both;
        filter.finish(&mut out);
        tap.feed(&out);
        out.into()
    }

    /// Bytes that are kept of it.
    pub(crate) fn held(&self) -> usize {
        match self {
            Self::Translated(translator) => translator.held(),
            Self::Counted(both) => both.0.held(),
            // Its tap has a few fixed buffers.
            Self::Watched(_) | Self::Plain => 0,
        }
    }

    /// Whether the last event of a stream has come.
    pub(crate) fn is_done(&self) -> bool {
        match self {
            Self::Translated(translator) => translator.is_done(),
            Self::Watched(tap) => tap.is_complete(),
            Self::Counted(both) => both.1.is_complete(),
            Self::Plain => false,
        }
    }

    /// The body of a stream has ended; `framed` says whether its HTTP framing vouches for the end. Where it does,
    /// a stream may leave out its dialect's last event, as some providers do, but not the end of the answer itself:
    /// a provider whose own connection broke may frame what it had as neatly as ever.
    pub(crate) fn finish(&mut self, framed: bool) -> Result<(), BodyError> {
        let tap = match self {
            Self::Translated(translator) => return translator.finish().map(drop).map_err(BodyError::Garbled),
            Self::Watched(tap) => &*tap,
            Self::Counted(both) => &both.1,
            Self::Plain => return Ok(()),
        };
        match if framed { tap.may_end() } else { tap.is_complete() } {
            true => Ok(()),
            false => Err(BodyError::Cut("the stream ended before its last event".into())),
        }
    }

    /// The event that tells a client of an error.
    pub(crate) fn abort(&mut self, surface: Surface, error: &ErrorInfo) -> Vec<u8> {
        let Self::Translated(translator) = self else { return surface.stream_error(error) };
        let mut event = Vec::new();
        translator.abort(error, &mut event);
        event
    }

    /// What the answer cost, where the provider said.
    pub(crate) fn usage(&self) -> Option<Usage> {
        match self {
            Self::Translated(translator) => translator.summary().usage,
            Self::Watched(tap) => tap.usage(),
            Self::Counted(both) => both.0.usage().or_else(|| both.1.usage()),
            Self::Plain => None,
        }
    }
}
