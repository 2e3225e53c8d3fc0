//! The dialects that clients and providers speak: their shapes, their streams, their errors.

mod error;
mod error_read;
mod error_write;
mod surface;

pub use error::{ErrorInfo, ErrorKind};
pub use surface::{Framing, Surface};
