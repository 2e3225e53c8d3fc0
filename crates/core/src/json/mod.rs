//! JSON bodies without trees: a pass that checks a text (`scan`) finds the few fields that routing needs ([`Peek`]) or
//! notes where each value stands, to be read from there ([`Document`]); what is written goes straight into bytes
//! (`write`).

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
