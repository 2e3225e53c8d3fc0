//! OpenAI chat completions, with the ways of the servers that imitate it.

mod arguments;
mod chunk_read;
mod chunk_write;
mod content;
mod family;
mod flavour;
mod history_read;
mod history_write;
mod reply_read;
mod reply_write;
mod request_read;
mod request_write;
mod switch;
mod usage;
mod words;

pub(crate) use chunk_read::ChatReader;
pub(crate) use chunk_write::ChatWriter;
pub(crate) use family::Family;
pub(crate) use flavour::Flavour;
pub(crate) use reply_read::read_reply;
pub(crate) use reply_write::write_reply;
pub(crate) use request_read::{read_request, read_sampling, read_stream, set_effort, telling};
pub(crate) use request_write::{write_request, write_sampling, write_stream};
pub(crate) use usage::{UsageWire, write_usage};
pub(crate) use words::{finish_reason, stop_of};
