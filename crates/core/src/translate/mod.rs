//! Carries a request from one dialect to another, and its answer back.
//!
//! [`translate`] turns a client's body into one for a provider that does not speak the client's dialect. It comes with
//! a [`ReplyTranslator`] for the answer. Nothing here does I/O: the caller moves the bytes.

mod capabilities;
mod context;
mod count;
mod frames;
mod images;
mod replay;
mod reply;
mod request;
mod route;
mod taken;
mod tap;
mod usage_chunk;
mod words;

pub use capabilities::{Capabilities, Capability, Support, capabilities};
pub use context::{Context, FetchedImage, Policy};
pub use reply::{ReplyTranslator, Summary};
pub use request::{Answer, Translated, Translation, translate, translate_beside};
pub use route::{beside, is_native, surface, target};
pub use taken::{Taken, taken};
pub use tap::StreamTap;
pub use usage_chunk::{UsageFilter, ask_usage};
pub use words::{WordReader, words};

pub use crate::{
    canonical::{Losses, Stop, Timings, Usage},
    dialect::{ImageUrl, StreamFault, TranslateError},
};
