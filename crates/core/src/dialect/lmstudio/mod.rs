//! LM Studio's `api/v0`: OpenAI's shapes with statistics added (LM Studio documentation, "REST API v0"); and its chat of
//! `api/v1`, which has shapes of its own.

mod native_read;
mod native_write;
mod stats;
mod stream_write;

pub(crate) use native_read::{STATEFUL, read_native};
pub(crate) use native_write::{NativeWriter, write_native};
pub(crate) use stats::write_stats;
pub(crate) use stream_write::StudioWriter;
