//! Writes a streamed OpenAI chat answer.

use std::{borrow::Cow, io::Write as _};

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::{usage::usage_value, words::finish_reason};
use crate::{
    canonical::{Event, Usage},
    codec::write_event,
    dialect::{ErrorInfo, Identity, Surface, WriteStream},
};

/// A chunk around one delta.
#[derive(Serialize)]
struct Chunk<'a, D: Serialize> {
    id: &'a str,
    object: &'static str,
    created: u64,
    model: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    system_fingerprint: Option<&'a str>,
    choices: [ChunkChoice<D>; 1],
}

#[derive(Serialize)]
struct ChunkChoice<D> {
    index: u32,
    delta: D,
    logprobs: Option<Value>,
    finish_reason: Option<&'static str>,
}

#[derive(Serialize, Default)]
struct Delta<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    content: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    refusal: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning_content: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning_details: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_calls: Option<Value>,
}

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

    fn chunk(&self, choice: u32, delta: &Delta<'_>, stop: Option<&'static str>, out: &mut Vec<u8>) {
        self.chunk_with(choice, delta, None, stop, out);
    }

    fn chunk_with(
        &self,
        index: u32,
        delta: &Delta<'_>,
        logprobs: Option<Value>,
        finish_reason: Option<&'static str>,
        out: &mut Vec<u8>,
    ) {
        let chunk = Chunk {
            id: &self.id,
            object: "chat.completion.chunk",
            created: self.identity.created,
            model: &self.identity.model,
            system_fingerprint: self.fingerprint.as_deref(),
            choices: [ChunkChoice { index, delta, logprobs, finish_reason }],
        };
        write_event(out, &chunk);
    }

    /// Tells the role before anything else of an answer.
    fn begin(&mut self, choice: u32, out: &mut Vec<u8>) {
        if !self.begun.contains(&choice) {
            self.begun.push(choice);
            self.chunk(choice, &Delta { role: Some("assistant"), content: Some(""), ..Delta::default() }, None, out);
        }
    }

    fn detail(&mut self, choice: u32, mut detail: Value, out: &mut Vec<u8>) {
        detail["index"] = self.details.into();
        self.details += 1;
        let delta = Delta { reasoning_details: Some(json!([detail])), ..Delta::default() };
        self.chunk(choice, &delta, None, out);
    }

    fn tool_call(
        &mut self,
        choice: u32,
        call: u32,
        names: [Cow<'_, str>; 2],
        rest: Map<String, Value>,
        out: &mut Vec<u8>,
    ) {
        let [id, name] = names;
        let id = if id.is_empty() { self.identity.call_id("call_", choice, call as usize).into() } else { id };
        let mut value = json!({
            "index": call,
            "id": id,
            "type": "function",
            "function": {"name": name, "arguments": ""},
        });
        value.as_object_mut().expect("an object, as just made").extend(rest);
        self.chunk(choice, &Delta { tool_calls: Some(json!([value])), ..Delta::default() }, None, out);
    }

    fn end(&self, out: &mut Vec<u8>) {
        if self.usage_wanted {
            let mut chunk = json!({
                "id": self.id,
                "object": "chat.completion.chunk",
                "created": self.identity.created,
                "model": self.identity.model,
                "choices": [],
                "usage": usage_value(&self.usage.unwrap_or_default()),
            });
            if let Some(fingerprint) = &self.fingerprint {
                chunk["system_fingerprint"] = fingerprint.as_str().into();
            }
            write_event(out, &chunk);
        }
        out.write_all(b"data: [DONE]\n\n").expect("a Vec takes every byte");
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
                let logprobs = logprobs.map(|content| json!({"content": content, "refusal": null}));
                self.chunk_with(choice, &Delta { content: Some(&text), ..Delta::default() }, logprobs, None, out);
            }
            Event::Refusal { choice, text } => {
                self.chunk(choice, &Delta { refusal: Some(&text), ..Delta::default() }, None, out);
            }
            Event::Thought { choice, text } => {
                self.thought.push_str(&text);
                self.chunk(choice, &Delta { reasoning_content: Some(&text), ..Delta::default() }, None, out);
            }
            Event::Signature { choice, signature } => {
                let text = std::mem::take(&mut self.thought);
                self.detail(choice, json!({"type": "reasoning.text", "text": text, "signature": signature}), out);
            }
            Event::Sealed { choice, data } => {
                self.detail(choice, json!({"type": "reasoning.encrypted", "data": data}), out);
            }
            Event::ToolCall { choice, call, id, name, rest } => self.tool_call(choice, call, [id, name], rest, out),
            Event::Arguments { choice, call, json } => {
                let piece = json!([{"index": call, "function": {"arguments": json}}]);
                self.chunk(choice, &Delta { tool_calls: Some(piece), ..Delta::default() }, None, out);
            }
            Event::Stop { choice, stop } => self.chunk(choice, &Delta::default(), Some(finish_reason(&stop)), out),
            Event::Usage(usage) => self.usage.get_or_insert_default().update(usage),
            Event::End => self.end(out),
        }
    }

    fn abort(&mut self, error: &ErrorInfo, out: &mut Vec<u8>) {
        out.extend_from_slice(&Surface::OpenAi.stream_error(error));
    }
}
