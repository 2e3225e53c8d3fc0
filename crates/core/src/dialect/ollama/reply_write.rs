//! Writes a whole Ollama answer, and the parts of one that its stream shares.

use std::time::Duration;

use serde_json::{Map, Value, json};

use super::Shape;
use crate::{
    canonical::{Choice, Part, Reply, Stop, Timings, Usage, arguments_object},
    dialect::Identity,
};

/// Writes a whole answer; of several answers the first.
pub(crate) fn write_reply(reply: Reply, identity: &Identity, shape: Shape) -> Value {
    let Reply { choices, usage, timings, fingerprint: _, created: _ } = reply;
    let Choice { index: _, parts, stop, logprobs } = choices.into_iter().next().unwrap_or_default();
    let (mut text, mut thinking, mut calls) = (String::new(), String::new(), Vec::new());
    for part in parts {
        match part {
            Part::Text { text: more, .. } => text.push_str(&more),
            Part::Refusal(more) => text.push_str(&more.value),
            Part::Thought(thought) => thinking.push_str(&thought.text),
            Part::ToolCall(call) => {
                calls.push(write_call(identity, calls.len(), call.id, &call.name, &call.arguments, call.rest.fields));
            }
            Part::Image { .. } | Part::File { .. } | Part::ToolResult(_) | Part::Other(_) => {}
        }
    }
    let mut out = head(identity);
    say(&mut out, shape, &text, &thinking, calls);
    out.insert("done".to_owned(), true.into());
    out.insert("done_reason".to_owned(), done_reason(&stop.unwrap_or(Stop::End)).into());
    numbers(&mut out, usage.unwrap_or_default(), timings);
    out.extend(logprobs.map(|logprobs| ("logprobs".to_owned(), logprobs)));
    out.into()
}

/// Writes the answer to a request that only loads or unloads the model.
pub(crate) fn write_loaded(identity: &Identity, shape: Shape, reason: &str) -> Vec<u8> {
    let mut out = head(identity);
    say(&mut out, shape, "", "", Vec::new());
    out.insert("done".to_owned(), true.into());
    out.insert("done_reason".to_owned(), reason.into());
    let mut body = Value::Object(out).to_string().into_bytes();
    body.push(b'\n');
    body
}

/// The fields every object begins with.
pub(super) fn head(identity: &Identity) -> Map<String, Value> {
    let mut out = Map::new();
    out.insert("model".to_owned(), identity.model.as_str().into());
    out.insert("created_at".to_owned(), identity.created_at().into());
    out
}

/// What is said, in one of the two shapes.
pub(super) fn say(out: &mut Map<String, Value>, shape: Shape, text: &str, thinking: &str, calls: Vec<Value>) {
    let mut said = Map::new();
    if shape == Shape::Chat {
        said.insert("role".to_owned(), "assistant".into());
    }
    said.insert(if shape == Shape::Chat { "content" } else { "response" }.to_owned(), text.into());
    if !thinking.is_empty() {
        said.insert("thinking".to_owned(), thinking.into());
    }
    if !calls.is_empty() {
        said.insert("tool_calls".to_owned(), calls.into());
    }
    match shape {
        Shape::Chat => drop(out.insert("message".to_owned(), said.into())),
        Shape::Generate => out.extend(said),
    }
}

/// A tool call, with the provider's own fields, which it wants back. Arguments that the model wrote as broken JSON go out as they are, under `arguments`.
pub(super) fn write_call(
    identity: &Identity,
    position: usize,
    id: String,
    name: &str,
    arguments: &str,
    rest: Map<String, Value>,
) -> Value {
    let id = if id.is_empty() { identity.call_id("call_", 0, position) } else { id };
    let arguments = arguments_object(arguments);
    let mut call = json!({"id": id, "function": {"index": position, "name": name, "arguments": arguments}});
    call.as_object_mut().expect("an object, as just made").extend(rest);
    call
}

/// The counts and durations of a final object.
pub(super) fn numbers(out: &mut Map<String, Value>, usage: Usage, timings: Timings) {
    let nanos = |time: Option<Duration>| u64::try_from(time.unwrap_or_default().as_nanos()).unwrap_or(u64::MAX);
    let output = timings.output.or(timings.total);
    out.insert("total_duration".to_owned(), nanos(timings.total).into());
    out.insert("load_duration".to_owned(), nanos(timings.load).into());
    out.insert("prompt_eval_count".to_owned(), usage.input.into());
    out.insert("prompt_eval_duration".to_owned(), nanos(timings.prompt).into());
    out.insert("eval_count".to_owned(), usage.output.into());
    out.insert("eval_duration".to_owned(), nanos(output).into());
}

/// The `done_reason` for it.
pub(super) fn done_reason(stop: &Stop) -> &str {
    match stop {
        Stop::End | Stop::Sequence(_) | Stop::ToolUse | Stop::Pause => "stop",
        Stop::Length | Stop::ContextFull => "length",
        Stop::Filtered => "content_filter",
        Stop::Other(word) => word,
    }
}
