//! The one form that every request, answer and stream takes between two dialects.
//!
//! N dialects that each know this form need 2N conversions, not N². A request keeps, beside its values, where each
//! stood in the client's body, so that whatever a target cannot carry is reported under the client's own name.

mod embed;
mod event;
mod fields;
mod keep;
mod message;
mod pairing;
mod place;
mod reply;
mod request;
mod rest;
mod thinking;
mod tool;

pub use embed::{EmbedInput, EmbedReply, EmbedRequest};
pub use event::Event;
pub use fields::{Fields, Invalid};
pub(crate) use keep::seconds as keep_seconds;
pub(crate) use message::append;
pub use message::{Image, Message, Part, Role, Thought, ToolCall, ToolResult};
pub(crate) use pairing::pair_calls;
pub use place::{Given, Place};
pub use reply::{Choice, Reply, Stop, Timings, Usage};
pub use request::{Input, Prompt, Request, Sampling};
pub use rest::{Losses, Rest};
pub use thinking::{Effort, Thinking};
pub(crate) use tool::arguments_object;
pub use tool::{Format, Tool, ToolChoice};
