//! Writes a streamed Anthropic message.

use std::{borrow::Cow, collections::VecDeque};

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::words::{stop_reason, usage_value};
use crate::{
    canonical::{Event, Stop, Usage},
    codec::write_named_event,
    dialect::{ErrorInfo, Identity, Surface, WriteStream},
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
    head: Value,
    json: String,
}

#[derive(Serialize)]
struct DeltaEvent<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    index: u32,
    delta: Delta<'a>,
}

#[derive(Serialize)]
#[serde(tag = "type")]
enum Delta<'a> {
    #[serde(rename = "text_delta")]
    Text { text: &'a str },
    #[serde(rename = "thinking_delta")]
    Thinking { thinking: &'a str },
    #[serde(rename = "signature_delta")]
    Signature { signature: &'a str },
    #[serde(rename = "input_json_delta")]
    Json { partial_json: &'a str },
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
        let message = json!({
            "id": self.identity.id("msg_"),
            "type": "message",
            "role": "assistant",
            "model": self.identity.model,
            "content": [],
            "stop_reason": null,
            "stop_sequence": null,
            "usage": usage_value(&self.usage),
        });
        write_named_event(out, "message_start", &json!({"type": "message_start", "message": message}));
    }

    /// Makes `block` the open one; `head` is what it begins with.
    fn switch(&mut self, block: Block, head: impl FnOnce() -> Value, out: &mut Vec<u8>) {
        if self.open == block {
            return;
        }
        self.close(out);
        self.open = block;
        let event = json!({"type": "content_block_start", "index": self.index, "content_block": head()});
        write_named_event(out, "content_block_start", &event);
    }

    fn close(&mut self, out: &mut Vec<u8>) {
        if self.open == Block::None {
            return;
        }
        self.open = Block::None;
        self.json.clear();
        write_named_event(out, "content_block_stop", &json!({"type": "content_block_stop", "index": self.index}));
        self.index += 1;
    }

    fn delta(&self, delta: Delta<'_>, out: &mut Vec<u8>) {
        let event = DeltaEvent { kind: "content_block_delta", index: self.index, delta };
        write_named_event(out, "content_block_delta", &event);
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
        self.switch(Block::Text, || json!({"type": "text", "text": ""}), out);
        self.delta(Delta::Text { text }, out);
    }

    fn think(&mut self, out: &mut Vec<u8>) {
        self.drain(out);
        self.switch(Block::Thinking, || json!({"type": "thinking", "thinking": "", "signature": ""}), out);
    }

    fn call(&mut self, number: u32, names: [Cow<'_, str>; 2], rest: Map<String, Value>, out: &mut Vec<u8>) {
        let [id, name] = names;
        let id = if id.is_empty() { self.identity.call_id("toolu_", 0, number as usize).into() } else { id };
        let mut head = json!({"type": "tool_use", "id": id, "name": name, "input": {}});
        head.as_object_mut().expect("an object, as just made").extend(rest);
        self.waiting.push_back(Call { number, head, json: String::new() });
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
        let Some(Call { number, head, json }) = self.waiting.pop_front() else { return };
        self.switch(Block::Tool(number), || head, out);
        if !json.is_empty() {
            self.delta(Delta::Json { partial_json: &json }, out);
            self.json = json;
        }
    }

    fn arguments(&mut self, number: u32, json: &str, out: &mut Vec<u8>) {
        if self.open == Block::Tool(number) {
            self.json.push_str(json);
            self.delta(Delta::Json { partial_json: json }, out);
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
        let event = json!({
            "type": "message_delta",
            "delta": {"stop_reason": reason, "stop_sequence": sequence},
            "usage": usage_value(&self.usage),
        });
        write_named_event(out, "message_delta", &event);
        write_named_event(out, "message_stop", &json!({"type": "message_stop"}));
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
            Event::Ping => write_named_event(out, "ping", &json!({"type": "ping"})),
            Event::Text { text, .. } | Event::Refusal { text, .. } => self.text(&text, out),
            Event::Thought { text, .. } => {
                self.think(out);
                self.delta(Delta::Thinking { thinking: &text }, out);
            }
            Event::Signature { signature, .. } => {
                self.think(out);
                self.delta(Delta::Signature { signature: &signature }, out);
                self.close(out);
            }
            Event::Sealed { data, .. } => {
                self.drain(out);
                self.close(out);
                self.switch(Block::Text, || json!({"type": "redacted_thinking", "data": data}), out);
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
