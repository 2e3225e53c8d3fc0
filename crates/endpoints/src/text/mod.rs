//! The text endpoints: each takes texts and a few arguments, and answers with what a model makes of them.
//!
//! Each is a [`Prompted`] in a file of its own; the runner does the rest: it reads and checks the common arguments,
//! resolves the system prompt, asks the model in the API that its provider speaks, works batches off concurrently,
//! streams where asked, and shapes the answer. To add one, write a [`Prompted`] and submit it:
//!
//! ```ignore
//! inventory::submit! { Registration(&Text(Haiku)) }
//! ```

mod answer;
mod arguments;
mod article;
mod ask;
mod batch;
mod conversation;
mod documents;
mod extended_conversation;
mod full_article;
mod lanes;
mod message;
mod outcome;
mod plan;
mod questions;
mod request;
mod run;
mod sampling;
mod simplify;
mod stream;
mod translate;

pub use self::{
    arguments::{Arguments, Rejected},
    documents::Documents,
    message::{Message, Role},
    plan::Plan,
};

/// A text endpoint: what it asks of the model for the arguments it is given.
pub trait Prompted: Send + Sync + 'static {
    /// The path below the prefix, with its slash; without it, the endpoint's name.
    fn path(&self) -> &'static str;

    /// Reads the endpoint's own arguments and says what to ask.
    fn plan(&self, arguments: &mut Arguments) -> Plan;
}

/// Makes an [`Endpoint`](crate::Endpoint) of a [`Prompted`].
pub struct Text<P>(pub P);
