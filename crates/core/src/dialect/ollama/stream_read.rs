//! Reads a streamed Ollama answer.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::{Map, Value};

use super::line::{Call, Line, Said, stop_of};
use crate::{
    canonical::Event,
    dialect::{ErrorInfo, ReadStream, StreamFault, Text},
    json::Document,
};

/// Reads the lines of a chat or generate stream.
#[derive(Debug, Default)]
pub(crate) struct LineReader {
    calls: u32,
    started: bool,
    done: bool,
}

impl ReadStream for LineReader {
    fn read(&mut self, _: &str, data: &[u8], sink: &mut dyn FnMut(Event<'_>)) -> Result<(), StreamFault> {
        if self.done {
            return Ok(());
        }
        let document = Document::new(data)?;
        let line = Line::deserialize(document.root())?;
        if line.error.is_some() {
            return Err(StreamFault::Provider(ErrorInfo::from_value(200, &document.root().value())));
        }
        if !std::mem::replace(&mut self.started, true) {
            sink(Event::Start);
        }
        let (usage, timings) = (line.usage(), line.timings());
        let said = line.message.unwrap_or(Said { content: line.response, thinking: line.thinking, tool_calls: None });
        if let Some(text) = filled(said.thinking) {
            sink(Event::Thought { choice: 0, text });
        }
        let logprobs = line.logprobs.filter(Value::is_array);
        match filled(said.content) {
            Some(text) => sink(Event::Text { choice: 0, text, logprobs }),
            None if logprobs.is_some() => sink(Event::Text { choice: 0, text: Cow::Borrowed(""), logprobs }),
            None => {}
        }
        for call in said.tool_calls.unwrap_or_default() {
            self.call(call, sink);
        }
        if line.done {
            self.done = true;
            sink(Event::Stop { choice: 0, stop: stop_of(line.done_reason.as_deref(), self.calls > 0) });
            sink(Event::Usage(usage));
            sink(Event::Timings(timings));
            sink(Event::End);
        }
        Ok(())
    }

    fn is_done(&self) -> bool {
        self.done
    }
}

impl LineReader {
    /// Ollama sends a call in one piece.
    fn call(&mut self, call: Call, sink: &mut dyn FnMut(Event<'_>)) {
        let number = self.calls;
        self.calls += 1;
        let id = call.id.unwrap_or_default().into();
        let arguments = call.function.arguments();
        sink(Event::ToolCall { choice: 0, call: number, id, name: call.function.name.into(), rest: Map::new() });
        sink(Event::Arguments { choice: 0, call: number, json: arguments.into() });
    }
}

fn filled(text: Option<Text<'_>>) -> Option<Cow<'_, str>> {
    text.map(|text| text.0).filter(|text| !text.is_empty())
}
