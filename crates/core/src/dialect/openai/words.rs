//! OpenAI's words for why an answer ended.

use crate::canonical::Stop;

/// What `finish_reason` says. vLLM adds `stop_reason`: the stop sequence that came up.
pub(crate) fn stop_of(finish_reason: &str, stop_reason: Option<String>) -> Stop {
    match finish_reason {
        "stop" => match stop_reason {
            Some(sequence) => Stop::Sequence(Some(sequence)),
            None => Stop::End,
        },
        "length" => Stop::Length,
        "tool_calls" | "function_call" => Stop::ToolUse,
        "content_filter" => Stop::Filtered,
        other => Stop::Other(other.to_owned()),
    }
}

/// The `finish_reason` for it. Clients know these words alone, so another provider's own word becomes `stop`.
pub(crate) fn finish_reason(stop: &Stop) -> &'static str {
    match stop {
        Stop::End | Stop::Sequence(_) | Stop::Pause | Stop::Other(_) => "stop",
        Stop::Length | Stop::ContextFull => "length",
        Stop::ToolUse => "tool_calls",
        Stop::Filtered => "content_filter",
    }
}
