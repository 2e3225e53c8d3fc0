//! Writes a whole Anthropic message.

use serde_json::{Map, Value};

use super::words::{stop_reason, usage_value};
use crate::{
    canonical::{Choice, Part, Reply, Stop, Thought, ToolCall, arguments_object},
    dialect::Identity,
    json::object,
};

/// Writes a whole answer; of several answers the first.
pub(crate) fn write_reply(reply: Reply, identity: &Identity) -> Value {
    let Reply { choices, usage, timings: _, fingerprint: _, created: _ } = reply;
    let Choice { index: _, parts, stop, logprobs: _ } = choices.into_iter().next().unwrap_or_default();
    let mut content = Vec::with_capacity(parts.len());
    let mut calls = 0;
    for part in parts {
        match part {
            Part::Text { text, .. } => content.push(object! {"type": "text", "text": text}),
            Part::Refusal(text) => content.push(object! {"type": "text", "text": text.value}),
            Part::Thought(Thought { sealed: Some(data), .. }) => {
                content.push(object! {"type": "redacted_thinking", "data": data.value});
            }
            Part::Thought(Thought { text, signature, .. }) => content.push(object! {
                "type": "thinking", "thinking": text, "signature": signature.map(|seal| seal.value).unwrap_or_default(),
            }),
            Part::ToolCall(call) => {
                content.push(write_call(call, calls, identity));
                calls += 1;
            }
            Part::Image { .. } | Part::File { .. } | Part::ToolResult(_) | Part::Other(_) => {}
        }
    }
    let stop = stop.unwrap_or(Stop::End);
    let (reason, sequence) = stop_reason(&stop);
    object! {
        "id": identity.id("msg_"),
        "type": "message",
        "role": "assistant",
        "model": &*identity.model,
        "content": content,
        "stop_reason": reason,
        "stop_sequence": sequence,
        "usage": usage_value(&usage.unwrap_or_default()),
    }
}

/// A tool call.
fn write_call(call: ToolCall, position: usize, identity: &Identity) -> Value {
    let id = if call.id.is_empty() { identity.call_id("toolu_", 0, position) } else { call.id };
    let input = arguments_object(&call.arguments);
    let mut block = Map::new();
    block.insert("type".to_owned(), "tool_use".into());
    block.insert("id".to_owned(), id.into());
    block.insert("name".to_owned(), call.name.into());
    block.insert("input".to_owned(), input.into());
    block.extend(call.rest.fields);
    block.into()
}
