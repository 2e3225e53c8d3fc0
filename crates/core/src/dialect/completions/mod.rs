//! OpenAI's older text completions.

mod logprobs;
mod reply;
mod request;
mod stream;

pub(crate) use reply::{read_reply, write_reply};
pub(crate) use request::{read_request, write_request};
pub(crate) use stream::{TextReader, TextWriter};
