//! Reads and writes streamed text completions.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::Value;

use super::{logprobs, reply::finish_reason};
use crate::{
    canonical::{Event, Stop, Usage},
    codec::write_event_of,
    dialect::{
        ErrorInfo, Identity, ReadStream, StreamFault, Surface, Text, WriteStream, lenient,
        openai::{UsageWire, stop_of, write_usage},
    },
    json::{Document, Object},
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
    fn read(&mut self, name: &str, data: &[u8], sink: &mut dyn FnMut(Event<'_>)) -> Result<(), StreamFault> {
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
        let document = Document::new(data)?;
        if name == "error" {
            return Err(StreamFault::Provider(ErrorInfo::from_value(200, &document.root().value())));
        }
        let chunk = Chunk::deserialize(document.root())?;
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

    /// Writes what every chunk begins with.
    fn head(&self, out: &mut Object<'_>) {
        out.put("id", &self.id);
        out.put("object", "text_completion");
        out.put("created", self.identity.created);
        out.put("model", &self.identity.model);
    }

    fn chunk(&self, index: u32, text: &str, logprobs: Option<Value>, stop: Option<&Stop>, out: &mut Vec<u8>) {
        let choice = |out: &mut Object<'_>| {
            out.put("index", index);
            out.put("text", text);
            out.put("logprobs", logprobs);
            out.put("finish_reason", stop.map(finish_reason));
        };
        write_event_of(out, |out| {
            self.head(out);
            out.list("choices", |list| list.object(choice));
        });
    }

    fn text(&mut self, index: u32, text: &str, logprobs: Option<&Value>, out: &mut Vec<u8>) {
        let logprobs = logprobs.map(|rows| logprobs::write(rows, self.offset));
        self.offset += if logprobs.is_some() { text.chars().count() } else { 0 };
        self.chunk(index, text, logprobs, None, out);
    }

    fn end(&self, out: &mut Vec<u8>) {
        if self.usage_wanted {
            write_event_of(out, |out| {
                self.head(out);
                out.list("choices", |_| {});
                out.object("usage", |out| write_usage(&self.usage, out));
            });
        }
        out.extend_from_slice(b"data: [DONE]\n\n");
    }
}

impl WriteStream for TextWriter {
    fn write(&mut self, event: Event<'_>, out: &mut Vec<u8>) {
        match event {
            Event::Text { choice, text, logprobs } => self.text(choice, &text, logprobs.as_ref(), out),
            Event::Refusal { choice, text } => self.text(choice, &text, None, out),
            Event::Stop { choice, stop } => self.chunk(choice, "", None, Some(&stop), out),
            Event::Usage(usage) => self.usage.update(usage),
            Event::End => self.end(out),
            _ => {}
        }
    }

    fn abort(&mut self, error: &ErrorInfo, out: &mut Vec<u8>) {
        out.extend_from_slice(&Surface::OpenAi.stream_error(error));
    }
}
