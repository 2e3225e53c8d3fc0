//! Reads and writes streamed text completions.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{logprobs, reply::finish_reason};
use crate::{
    canonical::{Event, Stop, Usage},
    codec::write_event,
    dialect::{
        ErrorInfo, Identity, ReadStream, StreamFault, Surface, Text, WriteStream, lenient,
        openai::{UsageWire, stop_of, usage_value},
    },
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
    text: Option<Text<'a>>,
    #[serde(default)]
    logprobs: Option<Value>,
    #[serde(default, borrow)]
    finish_reason: Option<Text<'a>>,
}

/// Reads the events of a completion stream.
#[derive(Debug, Default)]
pub(crate) struct TextReader {
    started: bool,
    /// Answers that have begun.
    begun: Vec<u32>,
    /// Those that have stopped.
    stopped: Vec<u32>,
    done: bool,
}

impl ReadStream for TextReader {
    fn read(&mut self, _: &str, data: &[u8], sink: &mut dyn FnMut(Event<'_>)) -> Result<(), StreamFault> {
        if self.done {
            return Ok(());
        }
        if data.trim_ascii() == b"[DONE]" {
            self.done = true;
            if self.stopped.is_empty() {
                sink(Event::Stop { choice: 0, stop: Stop::End });
            }
            sink(Event::End);
            return Ok(());
        }
        let chunk: Chunk<'_> = serde_json::from_slice(data)?;
        if let Some(error) = chunk.error {
            return Err(StreamFault::Provider(ErrorInfo::from_value(200, &error)));
        }
        if !std::mem::replace(&mut self.started, true) {
            sink(Event::Start);
        }
        for choice in chunk.choices.unwrap_or_default() {
            if !self.begun.contains(&choice.index) {
                self.begun.push(choice.index);
            }
            let logprobs = choice.logprobs.and_then(|columns| logprobs::read(&columns));
            let text = choice.text.map_or(Cow::Borrowed(""), |text| text.0);
            if !text.is_empty() || logprobs.is_some() {
                sink(Event::Text { choice: choice.index, text, logprobs });
            }
            let word = choice.finish_reason.filter(|word| !word.0.is_empty());
            if let Some(word) = word.filter(|_| !self.stopped.contains(&choice.index)) {
                self.stopped.push(choice.index);
                sink(Event::Stop { choice: choice.index, stop: stop_of(&word.0, None) });
            }
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
        if !self.done && !self.begun.is_empty() && self.begun.iter().all(|choice| self.stopped.contains(choice)) {
            self.done = true;
            sink(Event::End);
        }
    }
}

#[derive(Serialize)]
struct Written<'a> {
    id: &'a str,
    object: &'static str,
    created: u64,
    model: &'a str,
    choices: [WrittenChoice<'a>; 1],
}

#[derive(Serialize)]
struct WrittenChoice<'a> {
    index: u32,
    text: &'a str,
    logprobs: Option<Value>,
    finish_reason: Option<&'static str>,
}

/// Writes the chunks of a completion stream.
#[derive(Debug)]
pub(crate) struct TextWriter {
    identity: Identity,
    id: String,
    usage_wanted: bool,
    usage: Usage,
    /// How many characters the first answer has so far.
    offset: usize,
}

impl TextWriter {
    pub(crate) fn new(identity: Identity, usage_wanted: bool) -> Self {
        let id = identity.id("cmpl-");
        Self { identity, id, usage_wanted, usage: Usage::default(), offset: 0 }
    }

    fn chunk(&self, choice: WrittenChoice<'_>, out: &mut Vec<u8>) {
        let chunk = Written {
            id: &self.id,
            object: "text_completion",
            created: self.identity.created,
            model: &self.identity.model,
            choices: [choice],
        };
        write_event(out, &chunk);
    }

    fn text(&mut self, index: u32, text: &str, logprobs: Option<&Value>, out: &mut Vec<u8>) {
        let logprobs = logprobs.map(|rows| logprobs::write(rows, self.offset));
        self.offset += if logprobs.is_some() { text.chars().count() } else { 0 };
        self.chunk(WrittenChoice { index, text, logprobs, finish_reason: None }, out);
    }

    fn end(&self, out: &mut Vec<u8>) {
        if self.usage_wanted {
            let chunk = json!({
                "id": self.id,
                "object": "text_completion",
                "created": self.identity.created,
                "model": self.identity.model,
                "choices": [],
                "usage": usage_value(&self.usage),
            });
            write_event(out, &chunk);
        }
        out.extend_from_slice(b"data: [DONE]\n\n");
    }
}

impl WriteStream for TextWriter {
    fn write(&mut self, event: Event<'_>, out: &mut Vec<u8>) {
        match event {
            Event::Text { choice, text, logprobs } => self.text(choice, &text, logprobs.as_ref(), out),
            Event::Refusal { choice, text } => self.text(choice, &text, None, out),
            Event::Stop { choice, stop } => {
                let finish_reason = Some(finish_reason(&stop));
                self.chunk(WrittenChoice { index: choice, text: "", logprobs: None, finish_reason }, out);
            }
            Event::Usage(usage) => self.usage.update(usage),
            Event::End => self.end(out),
            _ => {}
        }
    }

    fn abort(&mut self, error: &ErrorInfo, out: &mut Vec<u8>) {
        out.extend_from_slice(&Surface::OpenAi.stream_error(error));
    }
}
