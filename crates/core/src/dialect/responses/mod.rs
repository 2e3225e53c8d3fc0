//! OpenAI's responses, as clients speak them. No provider is reached by them alone, so requests are only read and
//! answers only written.

mod envelope;
mod input_read;
mod items;
mod reply_write;
mod request_read;
mod stream_write;

pub(crate) use envelope::Envelope;
pub(crate) use reply_write::write_reply;
pub(crate) use request_read::{STATEFUL, read_request};
pub(crate) use stream_write::ResponseWriter;
