//! Writes a whole Ollama answer, and the parts of one that its stream shares.

use std::time::Duration;

use super::Shape;
use crate::{
    canonical::{Choice, Part, Reply, Stop, Timings, ToolCall, Usage, append, arguments_object},
    codec::write_line_of,
    dialect::Identity,
    json::Object,
};

/// Writes a whole answer; of several answers the first.
pub(crate) fn write_reply(reply: Reply, identity: &Identity, shape: Shape, out: &mut Object<'_>) {
    let Reply { choices, usage, timings, fingerprint: _, created: _ } = reply;
    let Choice { index: _, parts, stop, logprobs } = choices.into_iter().next().unwrap_or_default();
    let (mut text, mut thinking, mut calls) = (None, None, Vec::new());
    for part in parts {
        match part {
            Part::Text { text: more, .. } => append(&mut text, more),
            Part::Refusal(more) => append(&mut text, more.value),
            Part::Thought(thought) => append(&mut thinking, thought.text),
            Part::ToolCall(call) => calls.push(call),
            Part::Image { .. } | Part::File { .. } | Part::ToolResult(_) | Part::Other(_) => {}
        }
    }
    write_head(identity, &identity.created_at(), out);
    let words = Words { text: &text.unwrap_or_default(), thinking: &thinking.unwrap_or_default(), calls: &calls };
    words.write(identity, shape, out);
    write_end(stop.as_ref().map_or("stop", done_reason), out);
    write_numbers(usage.unwrap_or_default(), timings, out);
    out.some("logprobs", logprobs);
}

/// Writes the answer to a request that only loads or unloads the model.
pub(crate) fn write_loaded(identity: &Identity, shape: Shape, reason: &str) -> Vec<u8> {
    let mut body = Vec::new();
    write_line_of(&mut body, |out| {
        write_head(identity, &identity.created_at(), out);
        Words::default().write(identity, shape, out);
        write_end(reason, out);
    });
    body
}

/// Writes the fields every object begins with.
pub(super) fn write_head(identity: &Identity, created_at: &str, out: &mut Object<'_>) {
    out.put("model", &identity.model);
    out.put("created_at", created_at);
}

/// Writes that nothing follows, and why.
pub(super) fn write_end(reason: &str, out: &mut Object<'_>) {
    out.put("done", true);
    out.put("done_reason", reason);
}

/// What an object says.
#[derive(Default)]
pub(super) struct Words<'a> {
    pub(super) text: &'a str,
    pub(super) thinking: &'a str,
    pub(super) calls: &'a [ToolCall],
}

impl Words<'_> {
    /// Writes them, in one of the two shapes.
    pub(super) fn write(&self, identity: &Identity, shape: Shape, out: &mut Object<'_>) {
        match shape {
            Shape::Chat => out.object("message", |out| {
                out.put("role", "assistant");
                out.put("content", self.text);
                self.write_more(identity, out);
            }),
            Shape::Generate => {
                out.put("response", self.text);
                self.write_more(identity, out);
            }
        }
    }

    fn write_more(&self, identity: &Identity, out: &mut Object<'_>) {
        if !self.thinking.is_empty() {
            out.put("thinking", self.thinking);
        }
        if !self.calls.is_empty() {
            out.objects("tool_calls", self.calls.iter().enumerate(), |(i, call), out| {
                write_call(identity, i, call, out);
            });
        }
    }
}

/// A tool call, with the provider's own fields, which it wants back. Arguments that the model wrote as broken JSON go
/// out as they are, under `arguments`.
fn write_call(identity: &Identity, position: usize, call: &ToolCall, out: &mut Object<'_>) {
    let ToolCall { id, name, arguments, rest } = call;
    match id.is_empty() {
        true => out.put("id", identity.call_id("call_", 0, position)),
        false => out.put("id", id),
    }
    out.object("function", |out| {
        out.put("index", position);
        out.put("name", name);
        out.put("arguments", arguments_object(arguments));
    });
    out.others(&rest.fields, &["id", "function"]);
}

/// The counts and durations of a final object.
pub(super) fn write_numbers(usage: Usage, timings: Timings, out: &mut Object<'_>) {
    let nanos = |time: Option<Duration>| u64::try_from(time.unwrap_or_default().as_nanos()).unwrap_or(u64::MAX);
    out.put("total_duration", nanos(timings.total));
    out.put("load_duration", nanos(timings.load));
    out.put("prompt_eval_count", usage.input);
    out.put("prompt_eval_duration", nanos(timings.prompt));
    out.put("eval_count", usage.output);
    out.put("eval_duration", nanos(timings.output.or(timings.total)));
}

/// The `done_reason` for it.
pub(super) fn done_reason(stop: &Stop) -> &str {
    match stop {
        Stop::End | Stop::Sequence(_) | Stop::ToolUse | Stop::Pause => "stop",
        Stop::Length | Stop::ContextFull => "length",
        Stop::Filtered => "content_filter",
        Stop::Other(word) => word,
    }
}
