//! Framing: server-sent events and lines of JSON, out of bytes and into bytes, without I/O.

mod line;
mod ndjson;
mod sse;

pub use line::CodecError;
pub(crate) use ndjson::write_line_of;
pub use ndjson::{NdjsonDecoder, write_line};
pub use sse::{SseDecoder, SseEvent, write_event, write_named_event};
pub(crate) use sse::{write_event_of, write_typed_event};

/// The longest event or line taken from a provider, in bytes: room for an answer with images in it.
pub const DEFAULT_LIMIT: usize = 32 * 1024 * 1024;
