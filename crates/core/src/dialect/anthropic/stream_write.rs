//! Writes a streamed Anthropic message.

use std::{borrow::Cow, collections::VecDeque};

use serde_json::{Map, Value};

use super::words::{stop_reason, write_usage};
use crate::{
    canonical::{Event, Stop, Usage},
    codec::write_typed_event,
    dialect::{ErrorInfo, Identity, Surface, WriteStream},
    json::Object,
};

/// The block that is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Block {
    None,
    Text,
    Thinking,
    Tool(u32),
}

/// A tool call with the arguments it has so far.
#[derive(Debug)]
struct Call {
    number: u32,
    id: String,
    name: String,
    rest: Map<String, Value>,
    json: String,
}

/// What a piece of a block is.
#[derive(Clone, Copy)]
enum Delta {
    Text,
    Thinking,
    Signature,
    Json,
}

impl Delta {
    /// Its type, and the field of its text.
    fn names(self) -> (&'static str, &'static str) {
        match self {
            Self::Text => ("text_delta", "text"),
            Self::Thinking => ("thinking_delta", "thinking"),
            Self::Signature => ("signature_delta", "signature"),
            Self::Json => ("input_json_delta", "partial_json"),
        }
    }
}

/// Writes the events of a message stream: one block at a time, each opened and closed once.
#[derive(Debug)]
pub(crate) struct EventWriter {
    identity: Identity,
    begun: bool,
    open: Block,
    /// The index of the open block, or of the next.
    index: u32,
    /// Arguments of the open call, to know when they are complete.
    json: String,
    /// Calls that wait until the open one is complete.
    waiting: VecDeque<Call>,
    /// Text that came between pieces of the open call's arguments, and waits too.
    late: String,
    stop: Option<Stop>,
    usage: Usage,
}

impl EventWriter {
    pub(crate) fn new(identity: Identity) -> Self {
        Self {
            identity,
            begun: false,
            open: Block::None,
            index: 0,
            json: String::new(),
            waiting: VecDeque::new(),
            late: String::new(),
            stop: None,
            usage: Usage::default(),
        }
    }

    fn begin(&mut self, out: &mut Vec<u8>) {
        if std::mem::replace(&mut self.begun, true) {
            return;
        }
        let Self { identity, usage, .. } = self;
        write_typed_event(out, "message_start", |out| {
            out.object("message", |out| {
                out.put("id", identity.id("msg_"));
                out.put("type", "message");
                out.put("role", "assistant");
                out.put("model", &identity.model);
                out.list("content", |_| {});
                out.null("stop_reason");
                out.null("stop_sequence");
                out.object("usage", |out| write_usage(usage, out));
            });
        });
    }

    /// Makes `block` the open one; `head` writes what it begins with.
    fn switch(&mut self, block: Block, head: impl FnOnce(&mut Object<'_>), out: &mut Vec<u8>) {
        if self.open == block {
            return;
        }
        self.close(out);
        self.open = block;
        write_typed_event(out, "content_block_start", |out| {
            out.put("index", self.index);
            out.object("content_block", head);
        });
    }

    fn close(&mut self, out: &mut Vec<u8>) {
        if self.open == Block::None {
            return;
        }
        self.open = Block::None;
        self.json.clear();
        write_typed_event(out, "content_block_stop", |out| out.put("index", self.index));
        self.index += 1;
    }

    fn delta(&self, delta: Delta, text: &str, out: &mut Vec<u8>) {
        let (kind, field) = delta.names();
        write_typed_event(out, "content_block_delta", |out| {
            out.put("index", self.index);
            out.object("delta", |out| {
                out.put("type", kind);
                out.put(field, text);
            });
        });
    }

    fn text(&mut self, text: &str, out: &mut Vec<u8>) {
        if text.is_empty() {
            return;
        }
        if matches!(self.open, Block::Tool(_)) && !self.is_complete() {
            self.late.push_str(text);
            return;
        }
        self.drain(out);
        self.say(text, out);
    }

    fn say(&mut self, text: &str, out: &mut Vec<u8>) {
        let head = |out: &mut Object<'_>| {
            out.put("type", "text");
            out.put("text", "");
        };
        self.switch(Block::Text, head, out);
        self.delta(Delta::Text, text, out);
    }

    fn think(&mut self, out: &mut Vec<u8>) {
        self.drain(out);
        let head = |out: &mut Object<'_>| {
            out.put("type", "thinking");
            out.put("thinking", "");
            out.put("signature", "");
        };
        self.switch(Block::Thinking, head, out);
    }

    fn call(&mut self, number: u32, names: [Cow<'_, str>; 2], rest: Map<String, Value>, out: &mut Vec<u8>) {
        let [id, name] = names;
        let id = if id.is_empty() { self.identity.call_id("toolu_", 0, number as usize) } else { id.into_owned() };
        self.waiting.push_back(Call { number, id, name: name.into_owned(), rest, json: String::new() });
        let complete = matches!(self.open, Block::Tool(_)) && self.is_complete();
        if self.waiting.len() == 1 && (complete || !matches!(self.open, Block::Tool(_))) {
            self.next_call(out);
        }
    }

    /// Whether the arguments of the open call are whole, so that no more can come.
    fn is_complete(&self) -> bool {
        serde_json::from_str::<serde::de::IgnoredAny>(&self.json).is_ok()
    }

    fn next_call(&mut self, out: &mut Vec<u8>) {
        let Some(Call { number, id, name, rest, json }) = self.waiting.pop_front() else { return };
        let head = |out: &mut Object<'_>| {
            out.put("type", "tool_use");
            out.put("id", id);
            out.put("name", name);
            out.object("input", |_| {});
            out.others(&rest, &["type", "id", "name", "input"]);
        };
        self.switch(Block::Tool(number), head, out);
        if !json.is_empty() {
            self.delta(Delta::Json, &json, out);
            self.json = json;
        }
    }

    fn arguments(&mut self, number: u32, json: &str, out: &mut Vec<u8>) {
        if self.open == Block::Tool(number) {
            self.json.push_str(json);
            self.delta(Delta::Json, json, out);
            return;
        }
        if let Some(call) = self.waiting.iter_mut().find(|call| call.number == number) {
            call.json.push_str(json);
        }
        if self.is_complete() {
            self.next_call(out);
        }
    }

    /// Writes out the text and the calls that wait; whatever comes next cannot be part of them.
    fn drain(&mut self, out: &mut Vec<u8>) {
        if !self.late.is_empty() {
            let text = std::mem::take(&mut self.late);
            self.say(&text, out);
        }
        while !self.waiting.is_empty() {
            self.next_call(out);
        }
    }

    fn end(&mut self, out: &mut Vec<u8>) {
        self.drain(out);
        self.close(out);
        let stop = self.stop.take().unwrap_or(Stop::End);
        let (reason, sequence) = stop_reason(&stop);
        write_typed_event(out, "message_delta", |out| {
            out.object("delta", |out| {
                out.put("stop_reason", reason);
                out.put("stop_sequence", sequence);
            });
            out.object("usage", |out| write_usage(&self.usage, out));
        });
        write_typed_event(out, "message_stop", |_| {});
    }
}

impl WriteStream for EventWriter {
    fn write(&mut self, event: Event<'_>, out: &mut Vec<u8>) {
        if event.choice().is_some_and(|choice| choice > 0) {
            return;
        }
        if event.choice().is_some() || matches!(event, Event::End) {
            self.begin(out);
        }
        match event {
            Event::Start => self.begin(out),
            Event::Ping => write_typed_event(out, "ping", |_| {}),
            Event::Text { text, .. } | Event::Refusal { text, .. } => self.text(&text, out),
            Event::Thought { text, .. } => {
                self.think(out);
                self.delta(Delta::Thinking, &text, out);
            }
            Event::Signature { signature, .. } => {
                self.think(out);
                self.delta(Delta::Signature, &signature, out);
                self.close(out);
            }
            Event::Sealed { data, .. } => {
                self.drain(out);
                self.close(out);
                let head = |out: &mut Object<'_>| {
                    out.put("type", "redacted_thinking");
                    out.put("data", data);
                };
                self.switch(Block::Text, head, out);
                self.close(out);
            }
            Event::ToolCall { call, id, name, rest, .. } => self.call(call, [id, name], rest, out),
            Event::Arguments { call, json, .. } => self.arguments(call, &json, out),
            Event::Stop { stop, .. } => self.stop = Some(stop),
            Event::Usage(usage) => self.usage.update(usage),
            Event::Timings(_) => {}
            Event::End => self.end(out),
        }
    }

    fn abort(&mut self, error: &ErrorInfo, out: &mut Vec<u8>) {
        let error = error.clone().request_id(self.identity.seed.as_str());
        out.extend_from_slice(&Surface::Anthropic.stream_error(&error));
    }
}
