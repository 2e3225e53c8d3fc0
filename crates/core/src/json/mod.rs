//! JSON bodies read without building a tree: check, peek at a few fields, replace one.

mod deserialize;
mod document;
mod escapes;
mod mend;
mod peek;
mod scan;
mod splice;
mod write;

pub use document::{Document, Node};
pub use mend::read_value;
pub use peek::{Member, Peek, PeekError};
pub use scan::{Fault, MAX_DEPTH};
pub use splice::{Pieces, with_model};
pub(crate) use write::{Json, List, Object, object};
