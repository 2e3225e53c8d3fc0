//! LM Studio's server: OpenAI's paths and its own under `api/v0` and `api/v1`.

use super::{ApiType, Registration, SamplingNames, openai_path};
use crate::operation::Operation;

struct LmStudio;

inventory::submit! { Registration(&LmStudio) }

impl ApiType for LmStudio {
    fn name(&self) -> &'static str {
        "lmstudio"
    }

    fn path(&self, operation: Operation) -> Option<&'static str> {
        match operation {
            Operation::LmStudioChat => Some("api/v0/chat/completions"),
            Operation::LmStudioCompletions => Some("api/v0/completions"),
            Operation::LmStudioEmbeddings => Some("api/v0/embeddings"),
            Operation::LmStudioNativeChat => Some("api/v1/chat"),
            other => openai_path(other),
        }
    }

    fn sampling(&self) -> SamplingNames {
        SamplingNames { top_k: Some("top_k"), repetition_penalty: Some("repeat_penalty"), typical_p: None }
    }
}
