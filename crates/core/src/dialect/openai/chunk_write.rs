//! Writes a streamed OpenAI chat answer.

use std::borrow::Cow;

use serde_json::{Map, Value};

use super::{reply_write::write_logprobs, usage::write_usage, words::finish_reason};
use crate::{
    canonical::{Event, Usage},
    codec::write_event_of,
    dialect::{ErrorInfo, Identity, Surface, WriteStream},
    json::Object,
};

/// Writes the chunks of a chat stream.
#[derive(Debug)]
pub(crate) struct ChatWriter {
    identity: Identity,
    id: String,
    fingerprint: Option<String>,
    usage_wanted: bool,
    usage: Option<Usage>,
    /// Answers whose role is told.
    begun: Vec<u32>,
    /// The thought told so far, until its seal comes.
    thought: String,
    details: usize,
}

impl ChatWriter {
    /// A writer; the usage chunk is sent only where the client asked for it.
    pub(crate) fn new(identity: Identity, usage_wanted: bool) -> Self {
        let id = identity.id("chatcmpl-");
        Self {
            identity,
            id,
            fingerprint: None,
            usage_wanted,
            usage: None,
            begun: Vec::new(),
            thought: String::new(),
            details: 0,
        }
    }

    /// With a `system_fingerprint` in every chunk.
    pub(crate) fn fingerprint(mut self, fingerprint: String) -> Self {
        self.fingerprint = Some(fingerprint);
        self
    }

    /// Writes what every chunk begins with.
    fn head(&self, out: &mut Object<'_>) {
        out.put("id", &self.id);
        out.put("object", "chat.completion.chunk");
        out.put("created", self.identity.created);
        out.put("model", &self.identity.model);
        out.some("system_fingerprint", self.fingerprint.as_ref());
    }

    /// Writes a chunk around one delta.
    fn chunk(&self, choice: u32, delta: impl FnOnce(&mut Object<'_>), out: &mut Vec<u8>) {
        self.chunk_with(choice, delta, None, None, out);
    }

    fn chunk_with(
        &self,
        index: u32,
        delta: impl FnOnce(&mut Object<'_>),
        logprobs: Option<Value>,
        finish_reason: Option<&'static str>,
        out: &mut Vec<u8>,
    ) {
        let choice = |out: &mut Object<'_>| {
            out.put("index", index);
            out.object("delta", delta);
            write_logprobs(logprobs, out);
            out.put("finish_reason", finish_reason);
        };
        write_event_of(out, |out| {
            self.head(out);
            out.list("choices", |list| list.object(choice));
        });
    }

    /// Tells the role before anything else of an answer.
    fn begin(&mut self, choice: u32, out: &mut Vec<u8>) {
        if !self.begun.contains(&choice) {
            self.begun.push(choice);
            let delta = |out: &mut Object<'_>| {
                out.put("role", "assistant");
                out.put("content", "");
            };
            self.chunk(choice, delta, out);
        }
    }

    fn detail(&mut self, choice: u32, fill: impl FnOnce(&mut Object<'_>), out: &mut Vec<u8>) {
        let detail = |out: &mut Object<'_>| {
            fill(out);
            out.put("index", self.details);
        };
        self.chunk(choice, |out| out.list("reasoning_details", |list| list.object(detail)), out);
        self.details += 1;
    }

    fn tool_call(
        &mut self,
        choice: u32,
        call: u32,
        names: [Cow<'_, str>; 2],
        rest: &Map<String, Value>,
        out: &mut Vec<u8>,
    ) {
        let [id, name] = names;
        let id = if id.is_empty() { self.identity.call_id("call_", choice, call as usize).into() } else { id };
        let begun = |out: &mut Object<'_>| {
            out.put("index", call);
            out.put("id", id);
            out.put("type", "function");
            out.object("function", |out| {
                out.put("name", name);
                out.put("arguments", "");
            });
            out.others(rest, &["index", "id", "type", "function"]);
        };
        self.chunk(choice, |out| out.list("tool_calls", |list| list.object(begun)), out);
    }

    fn end(&self, out: &mut Vec<u8>) {
        if self.usage_wanted {
            write_event_of(out, |out| {
                self.head(out);
                out.list("choices", |_| {});
                out.object("usage", |out| write_usage(&self.usage.unwrap_or_default(), out));
            });
        }
        out.extend_from_slice(b"data: [DONE]\n\n");
    }
}

impl WriteStream for ChatWriter {
    fn write(&mut self, event: Event<'_>, out: &mut Vec<u8>) {
        if let Some(choice) = event.choice() {
            self.begin(choice, out);
        }
        match event {
            Event::Start => self.begin(0, out),
            Event::Ping | Event::Timings(_) => {}
            Event::Text { choice, text, logprobs } => {
                self.chunk_with(choice, |out| out.put("content", text), logprobs, None, out);
            }
            Event::Refusal { choice, text } => self.chunk(choice, |out| out.put("refusal", text), out),
            Event::Thought { choice, text } => {
                self.thought.push_str(&text);
                self.chunk(choice, |out| out.put("reasoning_content", text), out);
            }
            Event::Signature { choice, signature } => {
                let text = std::mem::take(&mut self.thought);
                let seal = |out: &mut Object<'_>| {
                    out.put("type", "reasoning.text");
                    out.put("text", text);
                    out.put("signature", signature);
                };
                self.detail(choice, seal, out);
            }
            Event::Sealed { choice, data } => {
                let seal = |out: &mut Object<'_>| {
                    out.put("type", "reasoning.encrypted");
                    out.put("data", data);
                };
                self.detail(choice, seal, out);
            }
            Event::ToolCall { choice, call, id, name, rest } => self.tool_call(choice, call, [id, name], &rest, out),
            Event::Arguments { choice, call, json } => {
                let piece = |out: &mut Object<'_>| {
                    out.put("index", call);
                    out.object("function", |out| out.put("arguments", json));
                };
                self.chunk(choice, |out| out.list("tool_calls", |list| list.object(piece)), out);
            }
            Event::Stop { choice, stop } => self.chunk_with(choice, |_| {}, None, Some(finish_reason(&stop)), out),
            Event::Usage(usage) => self.usage.get_or_insert_default().update(usage),
            Event::End => self.end(out),
        }
    }

    fn abort(&mut self, error: &ErrorInfo, out: &mut Vec<u8>) {
        out.extend_from_slice(&Surface::OpenAi.stream_error(error));
    }
}
