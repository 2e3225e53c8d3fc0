//! OpenAI's usage numbers.

use serde::Deserialize;
use serde_json::Value;

use crate::{canonical::Usage, json::object};

/// `usage` as chat completions, completions, embeddings and responses write it.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
pub(crate) struct UsageWire {
    #[serde(default, alias = "input_tokens")]
    prompt_tokens: Option<u64>,
    #[serde(default, alias = "output_tokens")]
    completion_tokens: Option<u64>,
    #[serde(default, alias = "input_tokens_details")]
    prompt_tokens_details: Option<PromptDetails>,
    #[serde(default, alias = "output_tokens_details")]
    completion_tokens_details: Option<CompletionDetails>,
}

#[derive(Debug, Clone, Copy, Default, Deserialize)]
struct PromptDetails {
    #[serde(default)]
    cached_tokens: Option<u64>,
    #[serde(default)]
    cache_write_tokens: Option<u64>,
}

#[derive(Debug, Clone, Copy, Default, Deserialize)]
struct CompletionDetails {
    #[serde(default)]
    reasoning_tokens: Option<u64>,
}

impl From<UsageWire> for Usage {
    fn from(wire: UsageWire) -> Self {
        let prompt = wire.prompt_tokens_details.unwrap_or_default();
        Self {
            input: wire.prompt_tokens.unwrap_or_default(),
            output: wire.completion_tokens.unwrap_or_default(),
            cached: prompt.cached_tokens,
            cache_write: prompt.cache_write_tokens,
            reasoning: wire.completion_tokens_details.and_then(|details| details.reasoning_tokens),
        }
    }
}

/// `usage` for chat completions and completions; details only where they are known.
pub(crate) fn usage_value(usage: &Usage) -> Value {
    let mut value = object! {
        "prompt_tokens": usage.input,
        "completion_tokens": usage.output,
        "total_tokens": usage.total(),
    };
    if usage.cached.is_some() || usage.cache_write.is_some() {
        let mut details = object! {"cached_tokens": usage.cached.unwrap_or_default()};
        if let Some(written) = usage.cache_write {
            details["cache_write_tokens"] = written.into();
        }
        value["prompt_tokens_details"] = details;
    }
    if let Some(reasoning) = usage.reasoning {
        value["completion_tokens_details"] = object! {"reasoning_tokens": reasoning};
    }
    value
}
