//! Writes the `messages` of an OpenAI chat request.

use serde_json::{Map, Value, json};

use super::{content::write_content, flavour::Flavour};
use crate::canonical::{Losses, Message, Part, Rest, Role, Thought, ToolCall, ToolResult};

/// Fields of a tool call that are OpenAI's, or those of servers that speak its dialect.
const CALL_FIELDS: &[&str] = &["extra_content", "provider_specific_fields", "thought_signature"];

/// Writes the history.
pub(super) fn write_messages(messages: Vec<Message>, flavour: Flavour, losses: &mut Losses) -> Vec<Value> {
    let mut out = Vec::with_capacity(messages.len());
    for message in messages {
        match message.role {
            Role::Assistant => out.push(write_assistant(message, flavour, losses)),
            Role::User | Role::Tool => write_user(message, &mut out, losses),
            Role::Developer if flavour == Flavour::OpenAi => out.push(write_plain("developer", message, losses)),
            Role::System | Role::Developer => out.push(write_plain("system", message, losses)),
        }
    }
    out
}

fn write_plain(role: &str, message: Message, losses: &mut Losses) -> Value {
    let Message { role: _, parts, name, rest } = message;
    let content = write_content(parts, losses).unwrap_or_else(|| "".into());
    let mut out = Map::new();
    out.insert("role".to_owned(), role.into());
    out.insert("content".to_owned(), content);
    if let Some(name) = name {
        out.insert("name".to_owned(), name.value.into());
    }
    rest.lose(losses);
    out.into()
}

/// Tool results become messages of their own, before what the person says.
fn write_user(message: Message, out: &mut Vec<Value>, losses: &mut Losses) {
    let mut said = Vec::new();
    let mut shown = Vec::new();
    for part in message.parts {
        match part {
            Part::ToolResult(result) => out.push(write_result(result, &mut shown, losses)),
            other => said.push(other),
        }
    }
    let only_results = message.role == Role::Tool && said.is_empty();
    let nothing_else = said.is_empty() && out.last().is_some_and(|last| last["role"] == "tool");
    shown.append(&mut said);
    if !shown.is_empty() || !(only_results || nothing_else) {
        let message = Message { role: Role::User, parts: shown, name: message.name, rest: message.rest };
        out.push(write_plain("user", message, losses));
    } else {
        message.rest.lose(losses);
    }
}

/// A tool's message takes text alone; its pictures go to the next user message.
fn write_result(result: ToolResult, shown: &mut Vec<Part>, losses: &mut Losses) -> Value {
    let ToolResult { id, name: _, parts, is_error, rest } = result;
    rest.lose(losses);
    losses.unless(is_error, &false);
    let (pictures, texts): (Vec<_>, Vec<_>) = parts.into_iter().partition(|part| matches!(part, Part::Image { .. }));
    if !pictures.is_empty() {
        shown.push(Part::text(format!("The result of tool call {id}:")));
        shown.extend(pictures);
    }
    let content = write_content(texts, losses).unwrap_or_else(|| "".into());
    json!({"role": "tool", "tool_call_id": id, "content": content})
}

fn write_assistant(message: Message, flavour: Flavour, losses: &mut Losses) -> Value {
    let Message { role: _, parts, name, rest } = message;
    let (mut text, mut refusal, mut thought) = (None::<String>, None::<String>, String::new());
    let mut calls = Vec::new();
    for part in parts {
        match part {
            Part::Text { text: more, rest } => {
                rest.lose(losses);
                text.get_or_insert_default().push_str(&more);
            }
            Part::Refusal(more) => refusal.get_or_insert_default().push_str(&more.value),
            Part::ToolCall(call) => calls.push(write_call(call, losses)),
            Part::Thought(part) => write_thought(part, flavour, &mut thought, losses),
            Part::Image { image, .. } => losses.add(image.at),
            Part::File { url, .. } => losses.add(url.at),
            Part::ToolResult(ToolResult { rest: Rest { at, .. }, .. }) => losses.add(at),
            Part::Other(other) => losses.add(other.at),
        }
    }
    let mut out = Map::new();
    out.insert("role".to_owned(), "assistant".into());
    let empty = calls.is_empty() && refusal.is_none();
    out.insert("content".to_owned(), text.or(empty.then(String::new)).into());
    for field in flavour.thought_fields().iter().filter(|_| !thought.is_empty()) {
        out.insert((*field).to_owned(), thought.clone().into());
    }
    if let Some(refusal) = refusal {
        out.insert("refusal".to_owned(), refusal.into());
    }
    if !calls.is_empty() {
        out.insert("tool_calls".to_owned(), calls.into());
    }
    if let Some(name) = name {
        out.insert("name".to_owned(), name.value.into());
    }
    rest.lose(losses);
    out.into()
}

fn write_call(call: ToolCall, losses: &mut Losses) -> Value {
    let ToolCall { id, name, arguments, rest } = call;
    let mut out = Map::new();
    out.insert("id".to_owned(), id.into());
    out.insert("type".to_owned(), "function".into());
    out.insert("function".to_owned(), json!({"name": name, "arguments": arguments}));
    rest.carry(CALL_FIELDS, &mut out, losses);
    out.into()
}

/// Thoughts go back as plain text where the server reads them; seals are another provider's and mean nothing here.
fn write_thought(thought: Thought, flavour: Flavour, text: &mut String, losses: &mut Losses) {
    let Thought { text: words, signature, sealed, at } = thought;
    if flavour.thought_fields().is_empty() || words.is_empty() {
        losses.add(at);
        return;
    }
    losses.given(signature);
    losses.given(sealed);
    text.push_str(&words);
}
