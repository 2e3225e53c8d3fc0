//! Writes a whole OpenAI chat answer.

use serde_json::{Map, Value, json};

use super::{usage::usage_value, words::finish_reason};
use crate::{
    canonical::{Choice, Part, Reply, Stop, Thought},
    dialect::Identity,
    json::object,
};

/// Writes a whole answer.
pub(crate) fn write_reply(reply: Reply, identity: &Identity) -> Value {
    let Reply { choices, usage, timings: _, fingerprint, created } = reply;
    let mut out = object! {
        "id": identity.id("chatcmpl-"),
        "object": "chat.completion",
        "created": created.unwrap_or(identity.created),
        "model": &*identity.model,
        "choices": choices.into_iter().map(|choice| write_choice(choice, identity)).collect::<Vec<_>>(),
        "usage": usage_value(&usage.unwrap_or_default()),
    };
    if let Some(fingerprint) = fingerprint {
        out["system_fingerprint"] = fingerprint.into();
    }
    out
}

fn write_choice(choice: Choice, identity: &Identity) -> Value {
    let Choice { index, parts, stop, logprobs } = choice;
    object! {
        "index": index,
        "message": write_message(parts, index, identity),
        "logprobs": logprobs.map(|content| object! {"content": content, "refusal": Value::Null}),
        "finish_reason": finish_reason(&stop.unwrap_or(Stop::End)),
    }
}

fn write_message(parts: Vec<Part>, choice: u32, identity: &Identity) -> Value {
    let (mut text, mut refusal, mut thought) = (None::<String>, None::<String>, None::<String>);
    let (mut calls, mut details) = (Vec::<Value>::new(), Vec::new());
    for part in parts {
        match part {
            Part::Text { text: more, .. } => text.get_or_insert_default().push_str(&more),
            Part::Refusal(more) => refusal.get_or_insert_default().push_str(&more.value),
            Part::Thought(part) => {
                if !part.text.is_empty() {
                    thought.get_or_insert_default().push_str(&part.text);
                }
                details.extend(write_detail(part, details.len()));
            }
            Part::ToolCall(call) => {
                let id = if call.id.is_empty() { identity.call_id("call_", choice, calls.len()) } else { call.id };
                let mut out = Map::new();
                out.insert("id".to_owned(), id.into());
                out.insert("type".to_owned(), "function".into());
                let arguments = if call.arguments.is_empty() { "{}".to_owned() } else { call.arguments };
                out.insert("function".to_owned(), object! {"name": call.name, "arguments": arguments});
                out.extend(call.rest.fields);
                calls.push(out.into());
            }
            Part::Image { .. } | Part::File { .. } | Part::ToolResult(_) | Part::Other(_) => {}
        }
    }
    let empty = calls.is_empty() && refusal.is_none();
    let mut message = Map::new();
    message.insert("role".to_owned(), "assistant".into());
    message.insert("content".to_owned(), text.or(empty.then(String::new)).into());
    message.insert("refusal".to_owned(), refusal.into());
    message.extend(thought.map(|text| ("reasoning_content".to_owned(), text.into())));
    if !details.is_empty() {
        message.insert("reasoning_details".to_owned(), details.into());
    }
    if !calls.is_empty() {
        message.insert("tool_calls".to_owned(), calls.into());
    }
    message.into()
}

/// A sealed thought as an entry of `reasoning_details`, the form in which clients send seals back.
fn write_detail(thought: Thought, index: usize) -> Option<Value> {
    match thought {
        Thought { sealed: Some(data), .. } => {
            Some(json!({"type": "reasoning.encrypted", "data": data.value, "index": index}))
        }
        Thought { signature: Some(signature), text, .. } if !signature.value.is_empty() => {
            Some(json!({"type": "reasoning.text", "text": text, "signature": signature.value, "index": index}))
        }
        _ => None,
    }
}
