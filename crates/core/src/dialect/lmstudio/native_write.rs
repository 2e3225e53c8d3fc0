//! Writes the answer of LM Studio's own chat, whole or as events (LM Studio documentation, "Streaming events").

use serde_json::{Map, Value, json};

use super::stats::pace;
use crate::{
    canonical::{Event, Part, Reply, Timings, Usage},
    codec::write_named_event,
    dialect::{ErrorInfo, Identity, Surface, WriteStream},
};

/// Writes a whole answer; of several answers the first.
pub(crate) fn write_native(reply: Reply, identity: &Identity) -> Value {
    let Reply { choices, usage, timings, fingerprint: _, created: _ } = reply;
    let parts = choices.into_iter().next().unwrap_or_default().parts;
    let output = parts.into_iter().filter_map(|part| {
        Some(match part {
            Part::Text { text, .. } => item("message", &text),
            Part::Refusal(text) => item("message", &text.value),
            // A seal means nothing to these clients.
            Part::Thought(thought) if !thought.text.is_empty() => item("reasoning", &thought.text),
            Part::ToolCall(call) => tool_call(&call.name, &call.arguments),
            _ => return None,
        })
    });
    result(identity, output.collect(), &usage.unwrap_or_default(), timings)
}

fn item(kind: &str, text: &str) -> Value {
    json!({"type": kind, "content": text})
}

fn tool_call(name: &str, arguments: &str) -> Value {
    let arguments = serde_json::from_str::<Map<String, Value>>(arguments).unwrap_or_default();
    json!({"type": "tool_call", "tool": name, "arguments": arguments})
}

fn result(identity: &Identity, output: Vec<Value>, usage: &Usage, timings: Timings) -> Value {
    let mut stats = json!({
        "input_tokens": usage.input,
        "total_output_tokens": usage.output,
        "reasoning_output_tokens": usage.reasoning.unwrap_or_default(),
    });
    let pace = pace(Some(usage), timings);
    if let Some(rate) = pace.rate {
        stats["tokens_per_second"] = json!(rate);
    }
    if let Some(wait) = pace.wait {
        stats["time_to_first_token_seconds"] = json!(wait.as_secs_f64());
    }
    json!({"model_instance_id": identity.model, "output": output, "stats": stats})
}

/// What is being said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Reasoning,
    Message,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Reasoning => "reasoning",
            Self::Message => "message",
        }
    }
}

/// Writes the events of a stream.
#[derive(Debug)]
pub(crate) struct NativeWriter {
    identity: Identity,
    begun: bool,
    open: Option<(Kind, String)>,
    output: Vec<Value>,
    /// Names and arguments of calls.
    calls: Vec<(String, String)>,
    usage: Usage,
    timings: Timings,
}

impl NativeWriter {
    pub(crate) fn new(identity: Identity) -> Self {
        let (usage, timings) = (Usage::default(), Timings::default());
        Self { identity, begun: false, open: None, output: Vec::new(), calls: Vec::new(), usage, timings }
    }

    fn begin(&mut self, out: &mut Vec<u8>) {
        if !std::mem::replace(&mut self.begun, true) {
            event(out, "chat.start", json!({"model_instance_id": self.identity.model}));
        }
    }

    fn say(&mut self, kind: Kind, text: &str, out: &mut Vec<u8>) {
        if text.is_empty() {
            return;
        }
        if self.open.as_ref().is_none_or(|(open, _)| *open != kind) {
            self.close(out);
            event(out, &format!("{}.start", kind.name()), json!({}));
        }
        let (_, said) = self.open.get_or_insert((kind, String::new()));
        said.push_str(text);
        event(out, &format!("{}.delta", kind.name()), json!({"content": text}));
    }

    fn close(&mut self, out: &mut Vec<u8>) {
        if let Some((kind, said)) = self.open.take() {
            event(out, &format!("{}.end", kind.name()), json!({}));
            self.output.push(item(kind.name(), &said));
        }
    }

    fn end(&mut self, out: &mut Vec<u8>) {
        self.close(out);
        let mut output = std::mem::take(&mut self.output);
        output.extend(self.calls.drain(..).map(|(name, arguments)| tool_call(&name, &arguments)));
        let result = result(&self.identity, output, &self.usage, self.timings);
        event(out, "chat.end", json!({"result": result}));
    }
}

/// An event says its name in its data too.
fn event(out: &mut Vec<u8>, name: &str, mut data: Value) {
    data["type"] = name.into();
    write_named_event(out, name, &data);
}

impl WriteStream for NativeWriter {
    fn write(&mut self, event: Event<'_>, out: &mut Vec<u8>) {
        if event.choice().is_some_and(|choice| choice > 0) {
            return;
        }
        if event.choice().is_some() || matches!(event, Event::Start | Event::End) {
            self.begin(out);
        }
        match event {
            Event::Text { text, .. } | Event::Refusal { text, .. } => self.say(Kind::Message, &text, out),
            Event::Thought { text, .. } => self.say(Kind::Reasoning, &text, out),
            Event::ToolCall { name, .. } => self.calls.push((name.into_owned(), String::new())),
            Event::Arguments { call, json, .. } => {
                if let Some((_, arguments)) = self.calls.get_mut(call as usize) {
                    arguments.push_str(&json);
                }
            }
            Event::Usage(usage) => self.usage.update(usage),
            Event::Timings(timings) => self.timings = timings,
            Event::End => self.end(out),
            Event::Start | Event::Ping | Event::Signature { .. } | Event::Sealed { .. } | Event::Stop { .. } => {}
        }
    }

    fn abort(&mut self, error: &ErrorInfo, out: &mut Vec<u8>) {
        out.extend_from_slice(&Surface::LmStudioNative.stream_error(error));
    }
}
