//! LM Studio's `api/v0`: OpenAI's shapes with statistics added (LM Studio documentation, "REST API v0").

mod stats;
mod stream_write;

pub(crate) use stats::add_stats;
pub(crate) use stream_write::StudioWriter;
