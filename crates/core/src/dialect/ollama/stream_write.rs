//! Writes a streamed Ollama answer.

use super::{
    Shape,
    reply_write::{Words, done_reason, write_end, write_head, write_numbers},
};
use crate::{
    canonical::{Event, Place, Rest, Stop, Timings, ToolCall, Usage},
    codec::write_line_of,
    dialect::{ErrorInfo, Identity, Surface, WriteStream},
    json::Json,
};

/// Writes the lines of a chat or generate stream.
#[derive(Debug)]
pub(crate) struct LineWriter {
    identity: Identity,
    created_at: String,
    shape: Shape,
    /// Calls that wait for the rest of their arguments.
    calls: Vec<ToolCall>,
    stop: Option<Stop>,
    usage: Usage,
    timings: Timings,
}

impl LineWriter {
    pub(crate) fn new(identity: Identity, shape: Shape) -> Self {
        Self {
            created_at: identity.created_at(),
            identity,
            shape,
            calls: Vec::new(),
            stop: None,
            usage: Usage::default(),
            timings: Timings::default(),
        }
    }

    fn line(&self, words: &Words<'_>, logprobs: Option<impl Json>, out: &mut Vec<u8>) {
        write_line_of(out, |out| {
            write_head(&self.identity, &self.created_at, out);
            words.write(&self.identity, self.shape, out);
            out.put("done", false);
            out.some("logprobs", logprobs);
        });
    }

    fn end(&mut self, out: &mut Vec<u8>) {
        // Ollama sends a call in one piece, so they go out once all their arguments are there.
        let calls = std::mem::take(&mut self.calls);
        if !calls.is_empty() {
            self.line(&Words { calls: &calls, ..Words::default() }, None::<bool>, out);
        }
        write_line_of(out, |out| {
            write_head(&self.identity, &self.created_at, out);
            Words::default().write(&self.identity, self.shape, out);
            write_end(self.stop.as_ref().map_or("stop", done_reason), out);
            write_numbers(self.usage, self.timings, out);
        });
    }
}

impl WriteStream for LineWriter {
    fn write(&mut self, event: Event<'_>, out: &mut Vec<u8>) {
        if event.choice().is_some_and(|choice| choice > 0) {
            return;
        }
        match event {
            Event::Text { text, logprobs, .. } => {
                self.line(&Words { text: &text, ..Words::default() }, logprobs, out);
            }
            Event::Refusal { text, .. } => self.line(&Words { text: &text, ..Words::default() }, None::<bool>, out),
            Event::Thought { text, .. } => {
                self.line(&Words { thinking: &text, ..Words::default() }, None::<bool>, out);
            }
            Event::ToolCall { id, name, rest, .. } => {
                let (id, name, arguments) = (id.into_owned(), name.into_owned(), String::new());
                self.calls.push(ToolCall { id, name, arguments, rest: Rest { at: Place::ROOT, fields: rest } });
            }
            Event::Arguments { call, json, .. } => {
                if let Some(call) = self.calls.get_mut(call as usize) {
                    call.arguments.push_str(&json);
                }
            }
            Event::Stop { stop, .. } => self.stop = Some(stop),
            Event::Usage(usage) => self.usage.update(usage),
            Event::Timings(timings) => self.timings = timings,
            Event::End => self.end(out),
            Event::Start | Event::Ping | Event::Signature { .. } | Event::Sealed { .. } => {}
        }
    }

    fn abort(&mut self, error: &ErrorInfo, out: &mut Vec<u8>) {
        out.extend_from_slice(&Surface::Ollama.stream_error(error));
    }
}
