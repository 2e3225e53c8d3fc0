//! Writes a streamed LM Studio answer: OpenAI's chunks, with usage and statistics in the last one.

use serde_json::{Value, json};

use super::stats::add_stats;
use crate::{
    canonical::{Event, Stop, Timings, Usage},
    codec::write_event,
    dialect::{
        ErrorInfo, Identity, Surface, WriteStream,
        completions::TextWriter,
        openai::{ChatWriter, finish_reason, usage_value},
    },
};

/// Writes the chunks of a stream.
#[derive(Debug)]
pub(crate) struct StudioWriter {
    inner: Box<dyn WriteStream>,
    /// The last chunk, but for what is known at the end only.
    last: Value,
    stop: Option<Stop>,
    usage: Usage,
    timings: Timings,
}

impl StudioWriter {
    /// Writes chat chunks.
    pub(crate) fn chat(identity: Identity) -> Self {
        let choice = json!({"index": 0, "delta": {}, "logprobs": null});
        let last = last(identity.id("chatcmpl-"), "chat.completion.chunk", &identity, &choice);
        let fingerprint = identity.model.clone();
        Self::new(Box::new(ChatWriter::new(identity, false).fingerprint(fingerprint)), last)
    }

    /// Writes text completion chunks.
    pub(crate) fn completion(identity: Identity) -> Self {
        let choice = json!({"index": 0, "text": "", "logprobs": null});
        let last = last(identity.id("cmpl-"), "text_completion", &identity, &choice);
        Self::new(Box::new(TextWriter::new(identity, false)), last)
    }

    fn new(inner: Box<dyn WriteStream>, last: Value) -> Self {
        Self { inner, last, stop: None, usage: Usage::default(), timings: Timings::default() }
    }

    fn end(&mut self, out: &mut Vec<u8>) {
        let stop = self.stop.take().unwrap_or(Stop::End);
        self.last["choices"][0]["finish_reason"] = finish_reason(&stop).into();
        self.last["usage"] = usage_value(&self.usage);
        add_stats(&mut self.last, Some(&stop), Some(&self.usage), self.timings);
        write_event(out, &self.last);
    }
}

fn last(id: String, object: &str, identity: &Identity, choice: &Value) -> Value {
    json!({
        "id": id,
        "object": object,
        "created": identity.created,
        "model": identity.model,
        "system_fingerprint": identity.model,
        "choices": [choice],
    })
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
