//! Writes a streamed LM Studio answer: OpenAI's chunks, with usage and statistics in the last one.

use super::stats::write_stats;
use crate::{
    canonical::{Event, Stop, Timings, Usage},
    codec::write_event_of,
    dialect::{
        ErrorInfo, Identity, Surface, WriteStream,
        completions::TextWriter,
        openai::{ChatWriter, finish_reason, write_usage},
    },
    json::Object,
};

/// Which of the two kinds of chunks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Chat,
    Completion,
}

/// Writes the chunks of a stream.
#[derive(Debug)]
pub(crate) struct StudioWriter {
    inner: Box<dyn WriteStream>,
    identity: Identity,
    kind: Kind,
    stop: Option<Stop>,
    usage: Usage,
    timings: Timings,
}

impl StudioWriter {
    /// Writes chat chunks.
    pub(crate) fn chat(identity: Identity) -> Self {
        let fingerprint = identity.model.clone();
        let inner = Box::new(ChatWriter::new(identity.clone(), false).fingerprint(fingerprint));
        Self::new(inner, identity, Kind::Chat)
    }

    /// Writes text completion chunks.
    pub(crate) fn completion(identity: Identity) -> Self {
        Self::new(Box::new(TextWriter::new(identity.clone(), false)), identity, Kind::Completion)
    }

    fn new(inner: Box<dyn WriteStream>, identity: Identity, kind: Kind) -> Self {
        Self { inner, identity, kind, stop: None, usage: Usage::default(), timings: Timings::default() }
    }

    /// Writes the last chunk, with all that is known at the end only.
    fn end(&mut self, out: &mut Vec<u8>) {
        let Self { identity, kind, .. } = self;
        let (prefix, object) = match kind {
            Kind::Chat => ("chatcmpl-", "chat.completion.chunk"),
            Kind::Completion => ("cmpl-", "text_completion"),
        };
        let stop = self.stop.take().unwrap_or(Stop::End);
        let choice = |out: &mut Object<'_>| {
            out.put("index", 0_u32);
            match kind {
                Kind::Chat => out.object("delta", |_| {}),
                Kind::Completion => out.put("text", ""),
            }
            out.null("logprobs");
            out.put("finish_reason", finish_reason(&stop));
        };
        write_event_of(out, |out| {
            out.put("id", identity.id(prefix));
            out.put("object", object);
            out.put("created", identity.created);
            out.put("model", &identity.model);
            out.put("system_fingerprint", &identity.model);
            out.list("choices", |list| list.object(choice));
            out.object("usage", |out| write_usage(&self.usage, out));
            write_stats(Some(&stop), Some(&self.usage), self.timings, out);
        });
    }
}

impl WriteStream for StudioWriter {
    fn write(&mut self, event: Event<'_>, out: &mut Vec<u8>) {
        match event {
            Event::Stop { choice: 0, stop } => self.stop = Some(stop),
            Event::Usage(usage) => self.usage.update(usage),
            Event::Timings(timings) => self.timings = timings,
            Event::End => {
                self.end(out);
                self.inner.write(Event::End, out);
            }
            other => self.inner.write(other, out),
        }
    }

    fn abort(&mut self, error: &ErrorInfo, out: &mut Vec<u8>) {
        out.extend_from_slice(&Surface::LmStudio.stream_error(error));
    }
}
