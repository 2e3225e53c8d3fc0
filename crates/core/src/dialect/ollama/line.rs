//! One object of an Ollama answer: the whole of it, or a line of its stream.

use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;

use crate::{
    canonical::{Choice, Part, Place, Reply, Rest, Stop, Thought, Timings, ToolCall, Usage},
    dialect::{Text, lenient},
    json::Node,
};

/// A chat or generate object.
#[derive(Deserialize)]
pub(super) struct Line<'a> {
    #[serde(default, borrow)]
    pub(super) message: Option<Said<'a>>,
    #[serde(default, borrow)]
    pub(super) response: Option<Text<'a>>,
    #[serde(default, borrow)]
    pub(super) thinking: Option<Text<'a>>,
    #[serde(default)]
    pub(super) done: bool,
    #[serde(default)]
    pub(super) done_reason: Option<String>,
    #[serde(default)]
    pub(super) error: Option<Value>,
    #[serde(default)]
    pub(super) logprobs: Option<Value>,
    #[serde(default, deserialize_with = "lenient::count")]
    prompt_eval_count: Option<u64>,
    #[serde(default, deserialize_with = "lenient::count")]
    eval_count: Option<u64>,
    #[serde(default, deserialize_with = "lenient::count")]
    total_duration: Option<u64>,
    #[serde(default, deserialize_with = "lenient::count")]
    load_duration: Option<u64>,
    #[serde(default, deserialize_with = "lenient::count")]
    prompt_eval_duration: Option<u64>,
    #[serde(default, deserialize_with = "lenient::count")]
    eval_duration: Option<u64>,
}

#[derive(Deserialize)]
pub(super) struct Said<'a> {
    #[serde(default, borrow)]
    pub(super) content: Option<Text<'a>>,
    #[serde(default, borrow)]
    pub(super) thinking: Option<Text<'a>>,
    #[serde(default)]
    pub(super) tool_calls: Option<Vec<Call>>,
}

#[derive(Deserialize)]
pub(super) struct Call {
    #[serde(default)]
    pub(super) id: Option<String>,
    pub(super) function: Function,
}

#[derive(Deserialize)]
pub(super) struct Function {
    pub(super) name: String,
    #[serde(default)]
    arguments: Value,
}

impl Function {
    /// The arguments as text. Servers that imitate Ollama write them as text themselves.
    pub(super) fn arguments(&self) -> String {
        match &self.arguments {
            Value::Null => "{}".to_owned(),
            Value::String(text) => text.clone(),
            other => other.to_string(),
        }
    }
}

impl Line<'_> {
    /// The usage. Ollama leaves the prompt's count out when its cache had all of it.
    pub(super) fn usage(&self) -> Usage {
        Usage {
            input: self.prompt_eval_count.unwrap_or_default(),
            output: self.eval_count.unwrap_or_default(),
            ..Usage::default()
        }
    }

    /// The durations; nanoseconds on the wire.
    pub(super) fn timings(&self) -> Timings {
        Timings {
            total: self.total_duration.map(Duration::from_nanos),
            load: self.load_duration.map(Duration::from_nanos),
            prompt: self.prompt_eval_duration.map(Duration::from_nanos),
            output: self.eval_duration.map(Duration::from_nanos),
        }
    }
}

/// What `done_reason` says; tool calls have no word of their own there.
pub(super) fn stop_of(reason: Option<&str>, called: bool) -> Stop {
    match reason {
        Some("length") => Stop::Length,
        None | Some("stop" | "") if called => Stop::ToolUse,
        None | Some("stop" | "") => Stop::End,
        Some(other) => Stop::Other(other.to_owned()),
    }
}

/// Reads the body of a whole answer.
///
/// # Errors
/// It is no Ollama answer.
pub(crate) fn read_reply(root: Node<'_>) -> Result<Reply, serde_json::Error> {
    let line = Line::deserialize(root)?;
    if line.message.is_none() && line.response.is_none() {
        return Err(serde::de::Error::custom("neither message nor response"));
    }
    let (usage, timings) = (line.usage(), line.timings());
    let said = line.message.unwrap_or(Said { content: line.response, thinking: line.thinking, tool_calls: None });
    let calls = said.tool_calls.unwrap_or_default();
    let mut parts = Vec::with_capacity(1 + calls.len());
    if let Some(text) = filled(said.thinking) {
        parts.push(Part::Thought(Thought::plain(text, Place::ROOT)));
    }
    parts.extend(filled(said.content).map(Part::text));
    let stop = stop_of(line.done_reason.as_deref(), !calls.is_empty());
    parts.extend(calls.into_iter().map(|call| {
        Part::ToolCall(ToolCall {
            id: call.id.unwrap_or_default(),
            arguments: call.function.arguments(),
            name: call.function.name,
            rest: Rest::default(),
        })
    }));
    let logprobs = line.logprobs.filter(Value::is_array);
    Ok(Reply {
        choices: vec![Choice { index: 0, parts, stop: Some(stop), logprobs }],
        usage: Some(usage),
        timings,
        ..Reply::default()
    })
}

fn filled(text: Option<Text<'_>>) -> Option<String> {
    text.map(|text| text.0.into_owned()).filter(|text| !text.is_empty())
}
