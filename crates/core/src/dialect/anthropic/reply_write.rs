//! Writes a whole Anthropic message.

use super::words::{stop_reason, write_usage};
use crate::{
    canonical::{Choice, Part, Reply, Stop, Thought, ToolCall, arguments_object},
    dialect::Identity,
    json::Object,
};

/// Writes a whole answer; of several answers the first.
pub(crate) fn write_reply(reply: Reply, identity: &Identity, out: &mut Object<'_>) {
    let Reply { choices, usage, timings: _, fingerprint: _, created: _ } = reply;
    let Choice { index: _, parts, stop, logprobs: _ } = choices.into_iter().next().unwrap_or_default();
    let stop = stop.unwrap_or(Stop::End);
    let (reason, sequence) = stop_reason(&stop);
    out.put("id", identity.id("msg_"));
    out.put("type", "message");
    out.put("role", "assistant");
    out.put("model", &identity.model);
    let mut calls = 0;
    let said = parts.into_iter().filter(is_answer);
    out.objects("content", said, |part, out| write_block(part, &mut calls, identity, out));
    out.put("stop_reason", reason);
    out.put("stop_sequence", sequence);
    out.object("usage", |out| write_usage(&usage.unwrap_or_default(), out));
}

/// Whether an answer can hold this.
fn is_answer(part: &Part) -> bool {
    matches!(part, Part::Text { .. } | Part::Refusal(_) | Part::Thought(_) | Part::ToolCall(_))
}

fn write_block(part: Part, calls: &mut usize, identity: &Identity, out: &mut Object<'_>) {
    match part {
        Part::Text { text, .. } => {
            out.put("type", "text");
            out.put("text", text);
        }
        Part::Refusal(text) => {
            out.put("type", "text");
            out.put("text", text.value);
        }
        Part::Thought(Thought { sealed: Some(data), .. }) => {
            out.put("type", "redacted_thinking");
            out.put("data", data.value);
        }
        Part::Thought(Thought { text, signature, .. }) => {
            out.put("type", "thinking");
            out.put("thinking", text);
            out.put("signature", signature.map(|seal| seal.value).unwrap_or_default());
        }
        Part::ToolCall(call) => {
            let position = *calls;
            write_call(call, || identity.call_id("toolu_", 0, position), out);
            *calls += 1;
        }
        Part::Image { .. } | Part::File { .. } | Part::ToolResult(_) | Part::Other(_) => {}
    }
}

/// A tool call; `id` makes one where the provider gave none.
fn write_call(call: ToolCall, id: impl FnOnce() -> String, out: &mut Object<'_>) {
    let ToolCall { id: own, name, arguments, rest } = call;
    out.put("type", "tool_use");
    out.put("id", if own.is_empty() { id() } else { own });
    out.put("name", name);
    out.put("input", arguments_object(&arguments));
    out.others(&rest.fields, &["type", "id", "name", "input"]);
}
