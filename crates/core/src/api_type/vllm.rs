//! vLLM's OpenAI-compatible server.

use super::{ApiType, Registration, SamplingNames, openai_path};
use crate::operation::Operation;

struct Vllm;

inventory::submit! { Registration(&Vllm) }

impl ApiType for Vllm {
    fn name(&self) -> &'static str {
        "vllm"
    }

    fn path(&self, operation: Operation) -> Option<&'static str> {
        openai_path(operation)
    }

    fn probe_path(&self) -> &'static str {
        "health"
    }

    fn sampling(&self) -> SamplingNames {
        SamplingNames { top_k: Some("top_k"), repetition_penalty: Some("repetition_penalty"), typical_p: None }
    }
}
