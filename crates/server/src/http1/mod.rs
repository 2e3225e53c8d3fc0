//! HTTP/1.1 messages on a connection (RFC 9112): what the way to providers and the way to clients share.

mod chunked;
mod framing;
mod head;
mod memory;
mod outgoing;

pub(crate) use self::{
    framing::{Framing, FramingError, persistent},
    head::{Collected, HeadError, request, response},
    memory::{Reading, fill, read},
    outgoing::{Outgoing, chunk_size, content_length},
};
