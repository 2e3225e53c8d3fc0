//! What every stream dialect can do: read a provider's events, write a client's.

use std::borrow::Cow;

use serde::Deserialize;

use super::{ErrorInfo, StreamFault};
use crate::canonical::Event;

/// Reads the events of a provider's stream.
pub(crate) trait ReadStream: Send + std::fmt::Debug {
    /// Takes one framed event: its name (empty in NDJSON) and its data.
    fn read(&mut self, name: &str, data: &[u8], sink: &mut dyn FnMut(Event<'_>)) -> Result<(), StreamFault>;

    /// Whether the provider said that the stream is complete.
    fn is_done(&self) -> bool;

    /// Nothing more comes, and the provider's HTTP vouches for that: ends a stream that lacks nothing but the last event,
    /// as some providers leave it out.
    fn close(&mut self, _sink: &mut dyn FnMut(Event<'_>)) {}
}

/// Writes the events of a client's stream.
pub(crate) trait WriteStream: Send + std::fmt::Debug {
    /// Appends what the client is to see of an event.
    fn write(&mut self, event: Event<'_>, out: &mut Vec<u8>);

    /// Appends the error that ends a broken stream.
    fn abort(&mut self, error: &ErrorInfo, out: &mut Vec<u8>);
}

/// A text borrowed from the event where it has no escapes.
#[derive(Debug, Deserialize)]
pub(crate) struct Text<'a>(#[serde(borrow)] pub(crate) Cow<'a, str>);
