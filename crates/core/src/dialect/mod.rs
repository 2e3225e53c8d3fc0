//! The dialects that clients and providers speak: their shapes, their streams, their errors.

pub(crate) mod anthropic;
mod call_assembly;
pub(crate) mod completions;
pub(crate) mod embeddings;
mod error;
mod error_read;
mod error_write;
mod fault;
mod identity;
mod lenient;
pub(crate) mod lmstudio;
pub(crate) mod ollama;
pub(crate) mod openai;
pub(crate) mod responses;
mod stream;
mod surface;

pub use error::{ErrorInfo, ErrorKind};
pub(crate) use error_write::responses_event;
pub use fault::{ImageUrl, StreamFault, TranslateError};
pub use identity::Identity;
pub(crate) use stream::{ReadStream, Text, WriteStream};
pub use surface::{Framing, Surface};
