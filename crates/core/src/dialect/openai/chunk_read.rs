//! Reads a streamed OpenAI chat answer.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::{Map, Value};

use super::{
    arguments,
    content::Content,
    reply_read::{Said, said, text_of},
    usage::UsageWire,
    words::stop_of,
};
use crate::{
    canonical::{Event, Stop},
    dialect::{ErrorInfo, ReadStream, StreamFault, Text, call_assembly::Calls, lenient},
    json::Document,
};

#[derive(Deserialize)]
struct Chunk<'a> {
    #[serde(default, borrow)]
    choices: Option<Vec<ChunkChoice<'a>>>,
    #[serde(default, deserialize_with = "lenient::any")]
    usage: Option<UsageWire>,
    #[serde(default)]
    error: Option<Value>,
}

#[derive(Deserialize)]
struct ChunkChoice<'a> {
    #[serde(default)]
    index: u32,
    #[serde(default, borrow)]
    delta: Option<Delta<'a>>,
    #[serde(default, borrow)]
    finish_reason: Option<Text<'a>>,
    #[serde(default)]
    stop_reason: Option<Value>,
    #[serde(default)]
    logprobs: Option<Logprobs>,
}

#[derive(Deserialize)]
struct Logprobs {
    #[serde(default)]
    content: Option<Value>,
}

#[derive(Deserialize)]
struct Delta<'a> {
    #[serde(default, borrow)]
    content: Option<Content<'a>>,
    #[serde(default, borrow)]
    refusal: Option<Text<'a>>,
    #[serde(default, borrow)]
    reasoning_content: Option<Text<'a>>,
    #[serde(default, borrow)]
    reasoning: Option<Text<'a>>,
    #[serde(default, borrow)]
    tool_calls: Option<Vec<CallDelta<'a>>>,
    #[serde(default, borrow)]
    function_call: Option<FunctionDelta<'a>>,
}

#[derive(Deserialize)]
struct CallDelta<'a> {
    #[serde(default)]
    index: Option<u32>,
    #[serde(default, borrow)]
    id: Option<Text<'a>>,
    #[serde(default, borrow)]
    function: Option<FunctionDelta<'a>>,
    #[serde(flatten)]
    rest: Map<String, Value>,
}

#[derive(Deserialize)]
struct FunctionDelta<'a> {
    #[serde(default, borrow)]
    name: Option<Text<'a>>,
    #[serde(default, borrow, deserialize_with = "arguments::piece")]
    arguments: Option<Text<'a>>,
}

/// One answer of the stream.
#[derive(Debug, Default)]
struct State {
    index: u32,
    calls: Calls,
    stopped: bool,
}

/// Reads the events of a chat stream.
#[derive(Debug, Default)]
pub(crate) struct ChatReader {
    states: Vec<State>,
    started: bool,
    done: bool,
}

impl ReadStream for ChatReader {
    fn read(&mut self, name: &str, data: &[u8], sink: &mut dyn FnMut(Event<'_>)) -> Result<(), StreamFault> {
        if self.done {
            return Ok(());
        }
        if data.trim_ascii() == b"[DONE]" {
            self.end(sink);
            return Ok(());
        }
        if name == "error" {
            let value = Document::new(data)?.root().value();
            return Err(StreamFault::Provider(ErrorInfo::from_value(200, &value)));
        }
        let document = Document::new(data)?;
        let chunk = Chunk::deserialize(document.root())?;
        if let Some(error) = chunk.error {
            return Err(StreamFault::Provider(ErrorInfo::from_value(200, &error)));
        }
        if !std::mem::replace(&mut self.started, true) {
            sink(Event::Start);
        }
        for choice in chunk.choices.unwrap_or_default() {
            self.choice(choice, sink);
        }
        if let Some(usage) = chunk.usage {
            sink(Event::Usage(usage.into()));
        }
        Ok(())
    }

    fn is_done(&self) -> bool {
        self.done
    }

    fn close(&mut self, sink: &mut dyn FnMut(Event<'_>)) {
        if !self.done && !self.states.is_empty() && self.states.iter().all(|state| state.stopped) {
            self.end(sink);
        }
    }
}

impl ChatReader {
    fn choice(&mut self, wire: ChunkChoice<'_>, sink: &mut dyn FnMut(Event<'_>)) {
        let choice = wire.index;
        let at = match self.states.iter().position(|state| state.index == choice) {
            Some(at) => at,
            None => {
                self.states.push(State { index: choice, ..State::default() });
                self.states.len() - 1
            }
        };
        let state = &mut self.states[at];
        if state.stopped {
            return;
        }
        if let Some(delta) = wire.delta {
            let logprobs = wire.logprobs.and_then(|logprobs| logprobs.content).filter(Value::is_array);
            state.delta(choice, delta, logprobs, sink);
        }
        if let Some(word) = wire.finish_reason.filter(|word| !word.0.is_empty()) {
            state.stop(stop_of(&word.0, text_of(wire.stop_reason)), sink);
        }
    }

    /// Ends the stream; an answer that the provider never stopped by word stops here.
    fn end(&mut self, sink: &mut dyn FnMut(Event<'_>)) {
        self.done = true;
        if self.states.is_empty() {
            self.states.push(State::default());
        }
        for state in self.states.iter_mut().filter(|state| !state.stopped) {
            state.stop(Stop::End, sink);
        }
        sink(Event::End);
    }
}

impl State {
    fn delta(&mut self, choice: u32, delta: Delta<'_>, logprobs: Option<Value>, sink: &mut dyn FnMut(Event<'_>)) {
        if let Some(text) = filled(delta.reasoning_content.or(delta.reasoning)) {
            sink(Event::Thought { choice, text });
        }
        let content = match delta.content {
            Some(Content::Text(text)) => Some(text),
            Some(Content::Parts(parts)) => {
                parts.iter().filter_map(said).for_each(|said| match said {
                    Said::Text(text) => sink(Event::Text { choice, text: text.into(), logprobs: None }),
                    Said::Thought(text) => sink(Event::Thought { choice, text: text.into() }),
                });
                None
            }
            None => None,
        };
        match content.filter(|text| !text.is_empty()) {
            Some(text) => sink(Event::Text { choice, text, logprobs }),
            None if logprobs.is_some() => sink(Event::Text { choice, text: Cow::Borrowed(""), logprobs }),
            None => {}
        }
        if let Some(text) = filled(delta.refusal) {
            sink(Event::Refusal { choice, text });
        }
        let older = delta.function_call.map(|function| CallDelta {
            index: Some(0),
            id: None,
            function: Some(function),
            rest: Map::new(),
        });
        for call in delta.tool_calls.unwrap_or_default().into_iter().chain(older) {
            let (name, json) = call.function.map_or((None, None), |function| (function.name, function.arguments));
            let mut rest = call.rest;
            rest.retain(|name, value| name != "type" && !value.is_null());
            self.calls.delta(choice, (call.index, filled(call.id), filled(name), filled(json), rest), sink);
        }
    }

    fn stop(&mut self, stop: Stop, sink: &mut dyn FnMut(Event<'_>)) {
        self.stopped = true;
        self.calls.flush(self.index, sink);
        let stop = if stop == Stop::End && self.calls.any() { Stop::ToolUse } else { stop };
        sink(Event::Stop { choice: self.index, stop });
    }
}

fn filled(text: Option<Text<'_>>) -> Option<Cow<'_, str>> {
    text.map(|text| text.0).filter(|text| !text.is_empty())
}
