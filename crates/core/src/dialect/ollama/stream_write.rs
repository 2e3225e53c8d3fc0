//! Writes a streamed Ollama answer.

use serde::Serialize;
use serde_json::{Map, Value};

use super::{
    Shape,
    reply_write::{done_reason, head, numbers, say, write_call},
};
use crate::{
    canonical::{Event, Stop, Timings, Usage},
    codec::write_line,
    dialect::{ErrorInfo, Identity, Surface, WriteStream},
};

/// A line with words in it.
#[derive(Serialize)]
struct Line<'a> {
    model: &'a str,
    created_at: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<Message<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    thinking: Option<&'a str>,
    done: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    logprobs: Option<Value>,
}

#[derive(Serialize)]
struct Message<'a> {
    role: &'static str,
    content: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    thinking: Option<&'a str>,
}

/// A tool call with the arguments it has so far.
#[derive(Debug)]
struct Call {
    id: String,
    name: String,
    arguments: String,
    rest: Map<String, Value>,
}

/// Writes the lines of a chat or generate stream.
#[derive(Debug)]
pub(crate) struct LineWriter {
    identity: Identity,
    created_at: String,
    shape: Shape,
    /// Calls that wait for the rest of their arguments.
    calls: Vec<Call>,
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

    fn line(&self, text: &str, thinking: Option<&str>, logprobs: Option<Value>, out: &mut Vec<u8>) {
        let chat = self.shape == Shape::Chat;
        let line = Line {
            model: &self.identity.model,
            created_at: &self.created_at,
            message: chat.then_some(Message { role: "assistant", content: text, thinking }),
            response: (!chat).then_some(text),
            thinking: thinking.filter(|_| !chat),
            done: false,
            logprobs,
        };
        write_line(out, &line);
    }

    /// Ollama sends a call in one piece, so they go out once all their arguments are there.
    fn calls(&mut self, out: &mut Vec<u8>) {
        let calls: Vec<_> = std::mem::take(&mut self.calls)
            .into_iter()
            .enumerate()
            .map(|(i, Call { id, name, arguments, rest })| write_call(&self.identity, i, id, &name, &arguments, rest))
            .collect();
        if calls.is_empty() {
            return;
        }
        let mut line = head(&self.identity);
        say(&mut line, self.shape, "", "", calls);
        line.insert("done".to_owned(), false.into());
        write_line(out, &line);
    }

    fn end(&mut self, out: &mut Vec<u8>) {
        self.calls(out);
        let mut line = head(&self.identity);
        say(&mut line, self.shape, "", "", Vec::new());
        line.insert("done".to_owned(), true.into());
        line.insert("done_reason".to_owned(), done_reason(self.stop.as_ref().unwrap_or(&Stop::End)).into());
        numbers(&mut line, self.usage, self.timings);
        write_line(out, &line);
    }
}

impl WriteStream for LineWriter {
    fn write(&mut self, event: Event<'_>, out: &mut Vec<u8>) {
        if event.choice().is_some_and(|choice| choice > 0) {
            return;
        }
        match event {
            Event::Text { text, logprobs, .. } => self.line(&text, None, logprobs, out),
            Event::Refusal { text, .. } => self.line(&text, None, None, out),
            Event::Thought { text, .. } => self.line("", Some(&text), None, out),
            Event::ToolCall { id, name, rest, .. } => {
                let (id, name, arguments) = (id.into_owned(), name.into_owned(), String::new());
                self.calls.push(Call { id, name, arguments, rest });
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
