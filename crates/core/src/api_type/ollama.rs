//! Ollama's own API.

use super::{ApiType, Registration, SamplingNames};
use crate::operation::Operation;

struct Ollama;

inventory::submit! { Registration(&Ollama) }

impl ApiType for Ollama {
    fn name(&self) -> &'static str {
        "ollama"
    }

    // Ollama also offers OpenAI's paths, but ignores num_ctx and think there; its own API carries everything.
    fn path(&self, operation: Operation) -> Option<&'static str> {
        match operation {
            Operation::OllamaChat => Some("api/chat"),
            Operation::OllamaGenerate => Some("api/generate"),
            Operation::OllamaEmbed => Some("api/embed"),
            Operation::OllamaEmbeddings => Some("api/embeddings"),
            _ => None,
        }
    }

    fn probe_path(&self) -> &'static str {
        "api/tags"
    }

    fn sampling(&self) -> SamplingNames {
        SamplingNames { top_k: Some("top_k"), repetition_penalty: Some("repeat_penalty"), typical_p: Some("typical_p") }
    }
}
