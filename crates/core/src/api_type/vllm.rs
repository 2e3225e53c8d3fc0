//! vLLM's OpenAI-compatible server.

use super::{ApiType, Registration, openai_path};
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
}
