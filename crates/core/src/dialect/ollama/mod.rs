//! Ollama's own API: `chat`, `generate`, `embed`.

mod history_read;
mod history_write;
mod line;
mod options;
mod reply_write;
mod request_read;
mod request_write;
mod schema;
mod stream_read;
mod stream_write;

pub(crate) use line::read_reply;
pub(crate) use reply_write::{write_loaded, write_reply};
pub(crate) use request_read::{read_chat, read_generate};
pub(crate) use request_write::{write_chat, write_generate};
pub(crate) use stream_read::LineReader;
pub(crate) use stream_write::LineWriter;

/// Which of Ollama's two shapes an answer has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    /// `message: {role, content, thinking, tool_calls}`.
    Chat,
    /// `response`, `thinking`.
    Generate,
}
