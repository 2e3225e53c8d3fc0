//! Reads a whole OpenAI chat answer.

use serde::Deserialize;
use serde_json::{Map, Value};

use super::{usage::UsageWire, words::stop_of};
use crate::{
    canonical::{Choice, Part, Place, Reply, Rest, Stop, Thought, ToolCall},
    dialect::lenient,
    json::Node,
};

#[derive(Deserialize)]
struct ReplyWire {
    choices: Vec<ChoiceWire>,
    #[serde(default, deserialize_with = "lenient::any")]
    usage: Option<UsageWire>,
    #[serde(default, deserialize_with = "lenient::any")]
    system_fingerprint: Option<String>,
    #[serde(default, deserialize_with = "lenient::any")]
    created: Option<f64>,
}

#[derive(Deserialize)]
struct ChoiceWire {
    #[serde(default)]
    index: Option<u32>,
    message: MessageWire,
    #[serde(default)]
    finish_reason: Option<String>,
    #[serde(default)]
    stop_reason: Option<Value>,
    #[serde(default)]
    logprobs: Option<LogprobsWire>,
}

#[derive(Deserialize)]
struct LogprobsWire {
    #[serde(default)]
    content: Option<Value>,
}

#[derive(Deserialize)]
struct MessageWire {
    #[serde(default)]
    content: Option<Value>,
    #[serde(default)]
    refusal: Option<String>,
    #[serde(default)]
    reasoning_content: Option<String>,
    #[serde(default)]
    reasoning: Option<String>,
    #[serde(default)]
    tool_calls: Option<Vec<CallWire>>,
    #[serde(default)]
    function_call: Option<FunctionWire>,
}

#[derive(Deserialize)]
struct CallWire {
    #[serde(default)]
    id: Option<String>,
    #[serde(default)]
    function: Option<FunctionWire>,
    #[serde(flatten)]
    rest: Map<String, Value>,
}

#[derive(Deserialize)]
struct FunctionWire {
    name: String,
    #[serde(default)]
    arguments: Option<Value>,
}

/// Reads the body of a whole answer.
///
/// # Errors
/// It is no chat completion.
pub(crate) fn read_reply(root: Node<'_>) -> Result<Reply, serde_json::Error> {
    let wire = ReplyWire::deserialize(root)?;
    Ok(Reply {
        choices: wire.choices.into_iter().zip(0..).map(|(choice, i)| read_choice(choice, i)).collect(),
        usage: wire.usage.map(Into::into),
        fingerprint: wire.system_fingerprint,
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a time in seconds since 1970")]
        created: wire.created.map(|seconds| seconds as u64),
        ..Reply::default()
    })
}

fn read_choice(wire: ChoiceWire, position: u32) -> Choice {
    let MessageWire { content, refusal, reasoning_content, reasoning, tool_calls, function_call } = wire.message;
    let mut parts = Vec::with_capacity(1);
    if let Some(text) = reasoning_content.or(reasoning).filter(|text| !text.is_empty()) {
        parts.push(Part::Thought(Thought::plain(text, Place::ROOT)));
    }
    match content {
        Some(Value::String(text)) if !text.is_empty() => parts.push(Part::text(text)),
        Some(Value::Array(items)) => parts.extend(items.iter().filter_map(|item| {
            Some(match said(item)? {
                Said::Thought(text) => Part::Thought(Thought::plain(text, Place::ROOT)),
                Said::Text(text) => Part::text(text),
            })
        })),
        _ => {}
    }
    let refusal = refusal.filter(|text| !text.is_empty());
    parts.extend(refusal.map(|text| Part::Refusal(crate::canonical::Given::new(text, Place::ROOT))));
    let older = function_call.map(|function| CallWire { id: None, function: Some(function), rest: Map::new() });
    let calls: Vec<_> = tool_calls.unwrap_or_default().into_iter().chain(older).filter_map(read_call).collect();
    let stop = wire.finish_reason.map(|word| match stop_of(&word, text_of(wire.stop_reason)) {
        Stop::End if !calls.is_empty() => Stop::ToolUse,
        stop => stop,
    });
    parts.extend(calls);
    let logprobs = wire.logprobs.and_then(|logprobs| logprobs.content).filter(Value::is_array);
    Choice { index: wire.index.unwrap_or(position), parts, stop, logprobs }
}

/// What a part of an answer says.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Said {
    Text(String),
    Thought(String),
}

/// Reads a part of `content` where that is a list: Mistral's reasoning models put their thoughts there.
pub(super) fn said(part: &Value) -> Option<Said> {
    let text = |value: &Value| match value {
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().filter_map(|item| item["text"].as_str()).collect(),
        _ => String::new(),
    };
    let (thought, words) = (text(&part["thinking"]), text(&part["text"]));
    match (thought.is_empty(), words.is_empty()) {
        (false, _) => Some(Said::Thought(thought)),
        (true, false) => Some(Said::Text(words)),
        (true, true) => None,
    }
}

/// A call of a function. Other kinds no translated request asks for, so nobody waits for them.
fn read_call(mut wire: CallWire) -> Option<Part> {
    wire.rest.retain(|name, _| name != "type" && name != "index");
    let function = wire.function?;
    let arguments = match function.arguments {
        Some(Value::String(text)) => text,
        Some(Value::Null) | None => String::new(),
        Some(object) => object.to_string(),
    };
    Some(Part::ToolCall(ToolCall {
        id: wire.id.unwrap_or_default(),
        name: function.name,
        arguments,
        rest: Rest { at: Place::ROOT, fields: wire.rest },
    }))
}

/// vLLM's `stop_reason`: the stop text that came up, or the number of a stop token, which tells clients nothing.
pub(super) fn text_of(stop_reason: Option<Value>) -> Option<String> {
    match stop_reason {
        Some(Value::String(text)) => Some(text),
        _ => None,
    }
}
