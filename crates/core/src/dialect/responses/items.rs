//! The items of a response's output.

use serde_json::{Map, Value, json};

use crate::dialect::Identity;

/// What precedes a provider's signature over a thought in `encrypted_content`.
pub(super) const SIGNED: &str = "signature:";
/// What precedes a thought that only the provider can read in `encrypted_content`.
pub(super) const SEALED: &str = "sealed:";

/// An item's id, by its place in the output.
pub(super) fn item_id(identity: &Identity, prefix: &str, index: usize) -> String {
    format!("{prefix}{}{index:02}", identity.seed)
}

/// A message with its content parts.
pub(super) fn message(id: &str, status: &str, content: Vec<Value>) -> Value {
    json!({"id": id, "type": "message", "status": status, "role": "assistant", "content": content})
}

/// A text part of a message.
pub(super) fn text_part(text: &str, logprobs: &Value) -> Value {
    json!({"type": "output_text", "annotations": [], "logprobs": logprobs, "text": text})
}

/// A part of a message that says "I will not".
pub(super) fn refusal_part(text: &str) -> Value {
    json!({"type": "refusal", "refusal": text})
}

/// A function call. Fields of the provider's own ride along: it wants them back with the call.
pub(super) fn function_call(
    id: &str,
    status: &str,
    names: [&str; 2],
    arguments: &str,
    rest: &Map<String, Value>,
) -> Value {
    let [call_id, name] = names;
    let mut item = json!({
        "id": id, "type": "function_call", "status": status, "arguments": arguments, "call_id": call_id, "name": name,
    });
    let object = item.as_object_mut().expect("an object, as just made");
    object.extend(rest.iter().map(|(name, value)| (name.clone(), value.clone())));
    item
}

/// A thought; its words stand where every client looks for them, in the summary.
pub(super) fn reasoning(id: &str, text: &str, seal: Option<&str>) -> Value {
    let summary = if text.is_empty() { json!([]) } else { json!([summary_part(text)]) };
    json!({"id": id, "type": "reasoning", "summary": summary, "encrypted_content": seal})
}

/// A part of a summary.
pub(super) fn summary_part(text: &str) -> Value {
    json!({"type": "summary_text", "text": text})
}
