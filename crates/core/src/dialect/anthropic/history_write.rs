//! Writes `system` and `messages` of a Messages request.

use serde_json::{Map, Value, json};

use super::content_write::write_blocks;
use crate::canonical::{Losses, Message, Part, Role};

/// The operator's words and the conversation.
pub(super) struct History {
    pub(super) system: Option<Value>,
    pub(super) messages: Vec<Value>,
}

/// Writes the history. The operator's words have one place, wherever they stood; neighbours of one role become one
/// message, with tool results first, as the API wants. The operator's words alone become the person's.
pub(super) fn write_history(messages: Vec<Message>, losses: &mut Losses) -> History {
    let mut system = Vec::new();
    let mut turns: Vec<(&'static str, Vec<Value>)> = Vec::new();
    for message in messages {
        let Message { role, parts, name, rest } = message;
        losses.given(name);
        rest.lose(losses);
        let role = match role {
            Role::System | Role::Developer => {
                system.extend(write_blocks(parts, losses));
                continue;
            }
            Role::User | Role::Tool => "user",
            Role::Assistant => "assistant",
        };
        let (results, others): (Vec<_>, Vec<_>) = parts.into_iter().partition(|p| matches!(p, Part::ToolResult(_)));
        let mut blocks = write_blocks(results, losses);
        blocks.extend(write_blocks(others, losses));
        match turns.last_mut() {
            _ if blocks.is_empty() => {}
            Some((last, said)) if *last == role => said.extend(blocks),
            _ => turns.push((role, blocks)),
        }
    }
    if turns.is_empty() && !system.is_empty() {
        // The API wants a message, other dialects do not: what is said is said by the person then.
        turns.push(("user", std::mem::take(&mut system)));
    }
    trim_prefill(&mut turns);
    let messages = turns.into_iter().map(|(role, blocks)| json!({"role": role, "content": short(blocks)})).collect();
    History { system: (!system.is_empty()).then(|| short(system)), messages }
}

/// An answer to be gone on with must not end in white space.
fn trim_prefill(turns: &mut [(&'static str, Vec<Value>)]) {
    let Some(("assistant", blocks)) = turns.last_mut() else { return };
    if let Some(Value::String(text)) = blocks.last_mut().and_then(|block| block.get_mut("text")) {
        text.truncate(text.trim_end().len());
    }
}

/// One plain text block as a string.
fn short(mut blocks: Vec<Value>) -> Value {
    let plain = |block: &Map<String, Value>| block.len() == 2 && block["type"] == "text";
    match blocks.as_mut_slice() {
        [only] if only.as_object().is_some_and(plain) => only["text"].take(),
        _ => blocks.into(),
    }
}
