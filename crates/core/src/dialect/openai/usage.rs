//! OpenAI's usage numbers.

use serde::Deserialize;

use crate::{canonical::Usage, dialect::lenient, json::Object};

/// `usage` as chat completions, completions, embeddings and responses write it: each under one of two names, or both.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
pub(crate) struct UsageWire {
    #[serde(default, deserialize_with = "lenient::count")]
    prompt_tokens: Option<u64>,
    #[serde(default, deserialize_with = "lenient::count")]
    completion_tokens: Option<u64>,
    #[serde(default, deserialize_with = "lenient::any")]
    prompt_tokens_details: Option<PromptDetails>,
    #[serde(default, deserialize_with = "lenient::any")]
    completion_tokens_details: Option<CompletionDetails>,
    #[serde(default, deserialize_with = "lenient::count")]
    input_tokens: Option<u64>,
    #[serde(default, deserialize_with = "lenient::count")]
    output_tokens: Option<u64>,
    #[serde(default, deserialize_with = "lenient::any")]
    input_tokens_details: Option<PromptDetails>,
    #[serde(default, deserialize_with = "lenient::any")]
    output_tokens_details: Option<CompletionDetails>,
}

#[derive(Debug, Clone, Copy, Default, Deserialize)]
struct PromptDetails {
    #[serde(default, deserialize_with = "lenient::count")]
    cached_tokens: Option<u64>,
    #[serde(default, deserialize_with = "lenient::count")]
    cache_write_tokens: Option<u64>,
}

#[derive(Debug, Clone, Copy, Default, Deserialize)]
struct CompletionDetails {
    #[serde(default, deserialize_with = "lenient::count")]
    reasoning_tokens: Option<u64>,
}

impl From<UsageWire> for Usage {
    fn from(wire: UsageWire) -> Self {
        let prompt = wire.prompt_tokens_details.or(wire.input_tokens_details).unwrap_or_default();
        let completion = wire.completion_tokens_details.or(wire.output_tokens_details);
        Self {
            input: wire.prompt_tokens.or(wire.input_tokens).unwrap_or_default(),
            output: wire.completion_tokens.or(wire.output_tokens).unwrap_or_default(),
            cached: prompt.cached_tokens,
            cache_write: prompt.cache_write_tokens,
            reasoning: completion.and_then(|details| details.reasoning_tokens),
        }
    }
}

/// Writes `usage` for chat completions and completions; details only where they are known.
pub(crate) fn write_usage(usage: &Usage, out: &mut Object<'_>) {
    out.put("prompt_tokens", usage.input);
    out.put("completion_tokens", usage.output);
    out.put("total_tokens", usage.total());
    if usage.cached.is_some() || usage.cache_write.is_some() {
        out.object("prompt_tokens_details", |out| {
            out.put("cached_tokens", usage.cached.unwrap_or_default());
            out.some("cache_write_tokens", usage.cache_write);
        });
    }
    if let Some(reasoning) = usage.reasoning {
        out.object("completion_tokens_details", |out| out.put("reasoning_tokens", reasoning));
    }
}
