//! Anthropic's words for why an answer ended, and its usage numbers.

use serde::Deserialize;

use crate::{
    canonical::{Stop, Usage},
    dialect::lenient,
    json::Object,
};

/// What `stop_reason` says.
pub(super) fn stop_of(reason: &str, sequence: Option<String>) -> Stop {
    match reason {
        "end_turn" => Stop::End,
        "stop_sequence" => Stop::Sequence(sequence),
        "max_tokens" => Stop::Length,
        "model_context_window_exceeded" => Stop::ContextFull,
        "tool_use" => Stop::ToolUse,
        "refusal" => Stop::Filtered,
        "pause_turn" => Stop::Pause,
        other => Stop::Other(other.to_owned()),
    }
}

/// The `stop_reason` and `stop_sequence` for it. Clients know these words alone.
pub(super) fn stop_reason(stop: &Stop) -> (&'static str, Option<&str>) {
    match stop {
        Stop::Sequence(Some(sequence)) => ("stop_sequence", Some(sequence)),
        Stop::End | Stop::Sequence(None) | Stop::Other(_) => ("end_turn", None),
        Stop::Length => ("max_tokens", None),
        Stop::ContextFull => ("model_context_window_exceeded", None),
        Stop::ToolUse => ("tool_use", None),
        Stop::Filtered => ("refusal", None),
        Stop::Pause => ("pause_turn", None),
    }
}

/// `usage` as Anthropic writes it: tokens from and to the cache are counted beside `input_tokens`, not among them.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
pub(crate) struct UsageWire {
    #[serde(default, deserialize_with = "lenient::count")]
    input_tokens: Option<u64>,
    #[serde(default, deserialize_with = "lenient::count")]
    output_tokens: Option<u64>,
    #[serde(default, deserialize_with = "lenient::count")]
    cache_read_input_tokens: Option<u64>,
    #[serde(default, deserialize_with = "lenient::count")]
    cache_creation_input_tokens: Option<u64>,
    #[serde(default)]
    output_tokens_details: Option<OutputDetails>,
}

#[derive(Debug, Clone, Copy, Default, Deserialize)]
struct OutputDetails {
    #[serde(default, deserialize_with = "lenient::count")]
    thinking_tokens: Option<u64>,
}

impl From<UsageWire> for Usage {
    fn from(wire: UsageWire) -> Self {
        let (cached, cache_write) = (wire.cache_read_input_tokens, wire.cache_creation_input_tokens);
        let plain = wire.input_tokens.unwrap_or_default();
        Self {
            input: plain.saturating_add(cached.unwrap_or_default()).saturating_add(cache_write.unwrap_or_default()),
            output: wire.output_tokens.unwrap_or_default(),
            cached,
            cache_write,
            reasoning: wire.output_tokens_details.and_then(|details| details.thinking_tokens),
        }
    }
}

/// Writes `usage` for a message.
pub(super) fn write_usage(usage: &Usage, out: &mut Object<'_>) {
    let (cached, written) = (usage.cached.unwrap_or_default(), usage.cache_write.unwrap_or_default());
    out.put("input_tokens", usage.input.saturating_sub(cached).saturating_sub(written));
    out.put("cache_creation_input_tokens", written);
    out.put("cache_read_input_tokens", cached);
    out.put("output_tokens", usage.output);
    if let Some(reasoning) = usage.reasoning {
        out.object("output_tokens_details", |out| out.put("thinking_tokens", reasoning));
    }
}
