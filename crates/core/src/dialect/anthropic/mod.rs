//! Anthropic's Messages API.

mod content_read;
mod content_write;
mod generation;
mod history_write;
mod reply_read;
mod reply_write;
mod request_read;
mod request_write;
mod schema;
mod stream_read;
mod stream_write;
mod thinking_write;
mod words;

pub(crate) use reply_read::read_reply;
pub(crate) use reply_write::write_reply;
pub(crate) use request_read::read_request;
pub(crate) use request_write::write_request;
pub(crate) use stream_read::EventReader;
pub(crate) use stream_write::EventWriter;
pub(crate) use words::UsageWire;

/// Whether a model of this name takes `temperature`, `top_p` and `top_k`.
pub(crate) fn takes_sampling(model: &str) -> bool {
    generation::Generation::of(model).takes_sampling()
}
