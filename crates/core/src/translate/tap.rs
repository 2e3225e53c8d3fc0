//! Reads usage numbers off an answer that is passed on untouched, without parsing its frames.

use std::sync::LazyLock;

use memchr::memmem;
use serde::Deserialize;

use super::route::surface;
use crate::{
    canonical::Usage,
    dialect::{Surface, anthropic, openai},
    operation::Operation,
};

/// How much of an answer's end is kept, in bytes: more than any provider writes after its usage numbers.
const TAIL: usize = 2 * 1024;
/// How much of its beginning: Anthropic's first event has the tokens read.
const HEAD: usize = 2 * 1024;
const USAGE: &[u8] = b"\"usage\"";
/// Made once: making it takes longer than looking through a short answer.
static USAGES: LazyLock<memmem::Finder<'static>> = LazyLock::new(|| memmem::Finder::new(USAGE));
/// The longest mark looked for, in bytes.
const MARK: usize = 64;

/// Looks at the bytes of an answer on their way. Costs a copy of at most 2 KiB a frame, and keeps 6 KiB at most.
#[derive(Debug)]
pub struct StreamTap {
    surface: Surface,
    /// Of dialects that tell something in it.
    head: Vec<u8>,
    tail: Vec<u8>,
    /// Whether the event that ends a stream has begun.
    ending: bool,
}

impl StreamTap {
    /// A tap for an answer to `operation`, whole or streamed.
    #[must_use]
    pub fn new(operation: Operation) -> Self {
        let surface = surface(operation);
        Self { surface, head: Vec::new(), tail: Vec::new(), ending: false }
    }

    /// Takes the next bytes.
    pub fn feed(&mut self, bytes: &[u8]) {
        if self.surface == Surface::Anthropic {
            let room = HEAD - self.head.len();
            self.head.extend_from_slice(&bytes[..room.min(bytes.len())]);
        }
        if bytes.len() >= TAIL {
            self.look(bytes);
            self.tail.clear();
            self.tail.extend_from_slice(&bytes[bytes.len() - TAIL..]);
            return;
        }
        if !self.tail.is_empty() {
            // All there will be, once: most answers that are no stream come in one piece and need less.
            self.tail.reserve_exact(2 * TAIL - self.tail.len().min(2 * TAIL));
        }
        if self.tail.len() + bytes.len() > 2 * TAIL {
            let cut = self.tail.len() - TAIL.min(self.tail.len());
            self.tail.drain(..cut);
        }
        let from = self.tail.len().saturating_sub(MARK);
        self.tail.extend_from_slice(bytes);
        if !self.ending {
            self.ending = self.ends(&self.tail[from..]);
        }
    }

    /// The usage numbers, where the answer had some.
    #[must_use]
    pub fn usage(&self) -> Option<Usage> {
        usage(self.surface, &self.head, &self.tail)
    }

    /// The usage numbers of an answer that has come whole, where it has some: the same as from a tap, without copying it.
    #[must_use]
    pub fn usage_of(operation: Operation, whole: &[u8]) -> Option<Usage> {
        usage(surface(operation), &whole[..whole.len().min(HEAD)], whole)
    }

    /// Whether a stream has come to its proper end: the last event its dialect has, with all its bytes.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        let tail = self.tail.as_slice();
        match self.surface {
            Surface::Ollama | Surface::Builtin => self.ending && tail.ends_with(b"\n"),
            Surface::OpenAi | Surface::LmStudio => {
                let last = tail.trim_ascii_end();
                blank_line(tail) && (last.ends_with(b"data: [DONE]") || last.ends_with(b"data:[DONE]"))
            }
            Surface::Anthropic | Surface::Responses | Surface::LmStudioNative => self.ending && blank_line(tail),
        }
    }

    /// Whether a stream whose framing vouches for its end may end here: its last event has come, or what says the same
    /// where some providers leave that one out, or the provider's own error. Costs nothing before it is asked.
    #[must_use]
    pub fn may_end(&self) -> bool {
        const ERRORS: [&str; 3] = ["\"error\":{", "\"error\": {", "\"error\":\""];
        let said = |marks: &[&str]| marks.iter().any(|mark| memmem::find(&self.tail, mark.as_bytes()).is_some());
        let ends: &[&str] = match self.surface {
            Surface::OpenAi | Surface::LmStudio => &["\"finish_reason\":\"", "\"finish_reason\": \""],
            Surface::Ollama | Surface::Builtin => &["\"error\": \""],
            // Events whose names stand in their data alone.
            Surface::Anthropic => &["\"message_stop\""],
            Surface::Responses => {
                &["\"response.completed\"", "\"response.incomplete\"", "\"response.failed\"", "event: error"]
            }
            Surface::LmStudioNative => &["\"chat.end\""],
        };
        self.ending || self.is_complete() || said(ends) || said(&ERRORS)
    }

    fn look(&mut self, bytes: &[u8]) {
        let from = self.tail.len().saturating_sub(MARK);
        self.tail.extend_from_slice(bytes);
        self.ending |= self.ends(&self.tail[from..]);
    }

    /// Whether these bytes hold the mark of the last event. In JSON strings the quotes and line breaks of these marks
    /// are escaped, so no text can pretend to be one.
    fn ends(&self, bytes: &[u8]) -> bool {
        let marks: &[&str] = match self.surface {
            Surface::Ollama | Surface::Builtin => &["\"done\":true", "\"done\": true", "\"total_duration\":"],
            Surface::Anthropic => &["event: message_stop", "event:message_stop"],
            Surface::Responses => {
                &["event: response.completed", "event: response.incomplete", "event: response.failed"]
            }
            Surface::LmStudioNative => &["event: chat.end", "event:chat.end"],
            Surface::OpenAi | Surface::LmStudio => &[],
        };
        marks.iter().any(|mark| memmem::find(bytes, mark.as_bytes()).is_some())
    }
}

/// The usage numbers in an answer with this beginning and this end.
fn usage(surface: Surface, head: &[u8], tail: &[u8]) -> Option<Usage> {
    // No more than is kept of any answer, in whatever pieces it came.
    let tail = &tail[tail.len().saturating_sub(TAIL)..];
    match surface {
        Surface::Ollama => {
            let (input, output) = (number(tail, "prompt_eval_count"), number(tail, "eval_count"));
            (input.is_some() || output.is_some()).then(|| Usage {
                input: input.unwrap_or_default(),
                output: output.unwrap_or_default(),
                ..Usage::default()
            })
        }
        Surface::Anthropic => {
            let first = USAGES.find_iter(head).find_map(|at| at_key(head, at));
            let last = object::<anthropic::UsageWire>(tail);
            match (first.map(|wire: anthropic::UsageWire| Usage::from(wire)), last.map(Usage::from)) {
                (Some(mut usage), Some(later)) => {
                    usage.update(later);
                    Some(usage)
                }
                (first, later) => first.or(later),
            }
        }
        _ => object::<openai::UsageWire>(tail).map(Into::into),
    }
}

fn blank_line(bytes: &[u8]) -> bool {
    bytes.ends_with(b"\n\n") || bytes.ends_with(b"\r\n\r\n") || bytes.ends_with(b"\r\r")
}

/// The last `usage` object in these bytes.
fn object<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Option<T> {
    // Forwards, which is far quicker; behind the last object there may be a `null`.
    let last = USAGES.find_iter(bytes).last()?;
    at_key(bytes, last).or_else(|| memmem::rfind_iter(&bytes[..last], USAGE).find_map(|at| at_key(bytes, at)))
}

/// The object after the key at `at`.
fn at_key<'a, T: Deserialize<'a>>(bytes: &'a [u8], at: usize) -> Option<T> {
    let after = bytes[at + USAGE.len()..].trim_ascii_start().strip_prefix(b":")?.trim_ascii_start();
    after.starts_with(b"{").then_some(())?;
    // As text where it is text: then it is checked once, and not string by string.
    match str::from_utf8(after) {
        Ok(text) => serde_json::Deserializer::from_str(text).into_iter().next()?.ok(),
        Err(_) => serde_json::Deserializer::from_slice(after).into_iter().next()?.ok(),
    }
}

/// The last number under this name.
fn number(bytes: &[u8], name: &str) -> Option<u64> {
    let key = format!("\"{name}\"");
    let at = memmem::rfind(bytes, key.as_bytes())?;
    let after = bytes[at + key.len()..].trim_ascii_start().strip_prefix(b":")?.trim_ascii_start();
    let digits = after.iter().take_while(|byte| byte.is_ascii_digit()).count();
    std::str::from_utf8(&after[..digits]).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tapped(operation: Operation, text: &str, step: usize) -> StreamTap {
        let mut tap = StreamTap::new(operation);
        text.as_bytes().chunks(step).for_each(|piece| tap.feed(piece));
        tap
    }

    #[test]
    fn usage_is_read_whatever_the_pieces() {
        let openai = "data: {\"choices\":[{\"delta\":{\"content\":\"\\\"usage\\\":{\"}}],\"usage\":null}\n\n\
                      data: {\"choices\":[],\"usage\": {\"prompt_tokens\":3,\"completion_tokens\":4,\
                      \"prompt_tokens_details\":{\"cached_tokens\":2}}}\n\ndata: [DONE]\n\n";
        let anthropic = "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"usage\":\
                         {\"input_tokens\":3,\"cache_read_input_tokens\":5,\"output_tokens\":1}}}\n\n\
                         event: message_delta\ndata: {\"usage\":{\"output_tokens\":4}}\n\n\
                         event: message_stop\ndata: {}\n\n";
        let ollama = "{\"message\":{\"content\":\"\\\"done\\\":true\"},\"done\":false}\n\
                      {\"done\":true,\"prompt_eval_count\":3,\"eval_count\":4}\n";
        for step in [1, 7, 10_000] {
            let tap = tapped(Operation::ChatCompletions, openai, step);
            let usage = tap.usage().unwrap();
            assert_eq!((usage.input, usage.output, usage.cached), (3, 4, Some(2)));
            assert!(tap.is_complete());
            let tap = tapped(Operation::Messages, anthropic, step);
            let usage = tap.usage().unwrap();
            assert_eq!((usage.input, usage.output, usage.cached), (8, 4, Some(5)));
            assert!(tap.is_complete());
            let tap = tapped(Operation::OllamaChat, ollama, step);
            assert_eq!(tap.usage().unwrap().total(), 7);
            assert!(tap.is_complete());
            for text in [openai, anthropic, ollama] {
                let operation = match text {
                    _ if text == openai => Operation::ChatCompletions,
                    _ if text == anthropic => Operation::Messages,
                    _ => Operation::OllamaChat,
                };
                for cut in 0..text.len() {
                    assert!(!tapped(operation, &text[..cut], step).is_complete(), "{operation:?} cut at {cut}");
                }
            }
        }
    }

    #[test]
    fn a_long_answer_keeps_its_end_only() {
        let text = format!("{}\"usage\":{{\"prompt_tokens\":1,\"completion_tokens\":2}}}}", "x".repeat(100_000));
        for step in [100, 9_000, 1_000_000] {
            let tap = tapped(Operation::ChatCompletions, &text, step);
            assert_eq!(tap.usage().unwrap().total(), 3, "{step}");
            assert_eq!(tap.usage(), StreamTap::usage_of(Operation::ChatCompletions, text.as_bytes()));
            assert!(tap.tail.len() <= 2 * TAIL);
        }
    }
}
