//! Reads a streamed Anthropic message.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::{Map, Value};

use super::words::{UsageWire, stop_of};
use crate::{
    canonical::{Event, Stop},
    dialect::{ErrorInfo, ReadStream, StreamFault, Text},
    json::Document,
};

#[derive(Deserialize)]
struct Wire<'a> {
    #[serde(rename = "type", borrow)]
    kind: Text<'a>,
    #[serde(default)]
    index: u32,
    #[serde(default, borrow)]
    delta: Option<Delta<'a>>,
    #[serde(default, borrow)]
    content_block: Option<Block<'a>>,
    #[serde(default)]
    message: Option<Message>,
    #[serde(default)]
    usage: Option<UsageWire>,
}

#[derive(Deserialize)]
struct Message {
    #[serde(default)]
    usage: Option<UsageWire>,
}

#[derive(Deserialize)]
struct Block<'a> {
    #[serde(rename = "type", borrow)]
    kind: Text<'a>,
    #[serde(default, borrow)]
    text: Option<Text<'a>>,
    #[serde(default, borrow)]
    thinking: Option<Text<'a>>,
    #[serde(default, borrow)]
    signature: Option<Text<'a>>,
    #[serde(default, borrow)]
    data: Option<Text<'a>>,
    #[serde(default, borrow)]
    id: Option<Text<'a>>,
    #[serde(default, borrow)]
    name: Option<Text<'a>>,
    #[serde(default)]
    input: Option<Value>,
}

#[derive(Deserialize)]
struct Delta<'a> {
    #[serde(rename = "type", default, borrow)]
    kind: Option<Text<'a>>,
    #[serde(default, borrow)]
    text: Option<Text<'a>>,
    #[serde(default, borrow)]
    thinking: Option<Text<'a>>,
    #[serde(default, borrow)]
    signature: Option<Text<'a>>,
    #[serde(default, borrow)]
    partial_json: Option<Text<'a>>,
    #[serde(default)]
    stop_reason: Option<String>,
    #[serde(default)]
    stop_sequence: Option<String>,
}

/// A tool call that is open.
#[derive(Debug)]
struct Open {
    index: u32,
    call: u32,
    /// What to say at its end if no piece of its arguments came.
    input: String,
}

/// Reads the events of a message stream. Event names are not needed: the data names its type.
#[derive(Debug, Default)]
pub(crate) struct EventReader {
    calls: u32,
    open: Option<Open>,
    stopped: bool,
    done: bool,
}

impl ReadStream for EventReader {
    fn read(&mut self, _: &str, data: &[u8], sink: &mut dyn FnMut(Event<'_>)) -> Result<(), StreamFault> {
        if self.done {
            return Ok(());
        }
        let document = Document::new(data)?;
        let wire = Wire::deserialize(document.root())?;
        match &*wire.kind.0 {
            "message_start" => {
                sink(Event::Start);
                if let Some(usage) = wire.message.and_then(|message| message.usage) {
                    sink(Event::Usage(usage.into()));
                }
            }
            "ping" => sink(Event::Ping),
            "content_block_start" => {
                if let Some(block) = wire.content_block {
                    self.begin(wire.index, block, sink);
                }
            }
            "content_block_delta" => {
                if let Some(delta) = wire.delta {
                    self.delta(wire.index, delta, sink);
                }
            }
            "content_block_stop" => self.close(wire.index, sink),
            "message_delta" => {
                if let Some(usage) = wire.usage {
                    sink(Event::Usage(usage.into()));
                }
                let delta = wire.delta.and_then(|delta| Some((delta.stop_reason?, delta.stop_sequence)));
                if let Some((reason, sequence)) = delta {
                    self.stop(stop_of(&reason, sequence), sink);
                }
            }
            "message_stop" => {
                self.done = true;
                self.stop(Stop::End, sink);
                sink(Event::End);
            }
            "error" => {
                let value = document.root().value();
                return Err(StreamFault::Provider(ErrorInfo::from_value(200, &value)));
            }
            _ => {}
        }
        Ok(())
    }

    fn is_done(&self) -> bool {
        self.done
    }
}

impl EventReader {
    fn begin(&mut self, index: u32, block: Block<'_>, sink: &mut dyn FnMut(Event<'_>)) {
        let choice = 0;
        match &*block.kind.0 {
            "text" => {
                if let Some(text) = filled(block.text) {
                    sink(Event::Text { choice, text, logprobs: None });
                }
            }
            "thinking" => {
                if let Some(text) = filled(block.thinking) {
                    sink(Event::Thought { choice, text });
                }
                if let Some(signature) = filled(block.signature) {
                    sink(Event::Signature { choice, signature });
                }
            }
            "redacted_thinking" => {
                if let Some(data) = filled(block.data) {
                    sink(Event::Sealed { choice, data });
                }
            }
            "tool_use" => {
                let call = self.calls;
                self.calls += 1;
                let (id, name) = (text_of(block.id), text_of(block.name));
                let input = block.input.filter(Value::is_object).map_or_else(|| "{}".to_owned(), |v| v.to_string());
                self.open = Some(Open { index, call, input });
                sink(Event::ToolCall { choice, call, id, name, rest: Map::new() });
            }
            _ => {}
        }
    }

    fn delta(&mut self, index: u32, delta: Delta<'_>, sink: &mut dyn FnMut(Event<'_>)) {
        let choice = 0;
        match delta.kind.as_ref().map(|kind| &*kind.0) {
            Some("text_delta") => {
                if let Some(text) = filled(delta.text) {
                    sink(Event::Text { choice, text, logprobs: None });
                }
            }
            Some("thinking_delta") => {
                if let Some(text) = filled(delta.thinking) {
                    sink(Event::Thought { choice, text });
                }
            }
            Some("signature_delta") => {
                if let Some(signature) = filled(delta.signature) {
                    sink(Event::Signature { choice, signature });
                }
            }
            Some("input_json_delta") => {
                let Some(open) = self.open.as_mut().filter(|open| open.index == index) else { return };
                if let Some(json) = filled(delta.partial_json) {
                    open.input.clear();
                    sink(Event::Arguments { choice, call: open.call, json });
                }
            }
            _ => {}
        }
    }

    /// A call without pieces of arguments has its arguments in its beginning: most often none, which is `{}`.
    fn close(&mut self, index: u32, sink: &mut dyn FnMut(Event<'_>)) {
        let Some(open) = self.open.take_if(|open| open.index == index) else { return };
        if !open.input.is_empty() {
            sink(Event::Arguments { choice: 0, call: open.call, json: open.input.into() });
        }
    }

    fn stop(&mut self, stop: Stop, sink: &mut dyn FnMut(Event<'_>)) {
        if !std::mem::replace(&mut self.stopped, true) {
            let stop = if stop == Stop::End && self.calls > 0 { Stop::ToolUse } else { stop };
            sink(Event::Stop { choice: 0, stop });
        }
    }
}

fn filled(text: Option<Text<'_>>) -> Option<Cow<'_, str>> {
    text.map(|text| text.0).filter(|text| !text.is_empty())
}

fn text_of(text: Option<Text<'_>>) -> Cow<'_, str> {
    text.map(|text| text.0).unwrap_or_default()
}
