//! Cuts a provider's stream into events and reads them.

use super::route::surface;
use crate::{
    canonical::Event,
    codec::{DEFAULT_LIMIT, NdjsonDecoder, SseDecoder},
    dialect::{Framing, ReadStream, StreamFault, anthropic, completions, ollama, openai},
    operation::Operation,
};

/// How a provider's stream is cut into events.
#[derive(Debug)]
pub(super) enum Frames {
    Sse(SseDecoder),
    Ndjson(NdjsonDecoder),
}

impl Frames {
    /// For a provider's answer to this operation.
    pub(super) fn new(provider: Operation) -> Self {
        match surface(provider).framing() {
            Framing::Sse => Self::Sse(SseDecoder::new(DEFAULT_LIMIT)),
            Framing::Ndjson => Self::Ndjson(NdjsonDecoder::new(DEFAULT_LIMIT)),
        }
    }

    /// How many bytes of an unfinished event wait.
    pub(super) fn held(&self) -> usize {
        match self {
            Self::Sse(decoder) => decoder.held(),
            Self::Ndjson(decoder) => decoder.held(),
        }
    }

    /// Reads on: every event that `bytes` completes goes to `reader`.
    pub(super) fn feed(
        &mut self,
        bytes: &[u8],
        reader: &mut dyn ReadStream,
        sink: &mut dyn FnMut(Event<'_>),
    ) -> Result<(), StreamFault> {
        match self {
            Self::Sse(decoder) => decoder.feed(bytes, |event| reader.read(event.name, event.data, sink)),
            Self::Ndjson(decoder) => decoder.feed(bytes, |line| reader.read("", line, sink)),
        }
    }

    /// Nothing more comes, and HTTP vouches for that: an event whose blank line was left out is read all the same, and
    /// a stream whose last event was left out ends.
    pub(super) fn close(
        &mut self,
        reader: &mut dyn ReadStream,
        sink: &mut dyn FnMut(Event<'_>),
    ) -> Result<(), StreamFault> {
        if self.held() > 0 {
            self.feed(b"\n\n", reader, sink)?;
        }
        reader.close(sink);
        Ok(())
    }
}

/// Reads the events of a provider's stream, by the operation that it answers.
pub(super) fn stream_reader(provider: Operation) -> Box<dyn ReadStream> {
    match provider {
        Operation::OllamaChat | Operation::OllamaGenerate => Box::new(ollama::LineReader::default()),
        Operation::Messages => Box::new(anthropic::EventReader::default()),
        Operation::Completions => Box::new(completions::TextReader::default()),
        _ => Box::new(openai::ChatReader::default()),
    }
}
