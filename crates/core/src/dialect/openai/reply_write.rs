//! Writes a whole OpenAI chat answer.

use serde_json::Value;

use super::{usage::write_usage, words::finish_reason};
use crate::{
    canonical::{Choice, Part, Reply, Stop, Thought, ToolCall, append},
    dialect::Identity,
    json::Object,
};

/// Writes a whole answer.
pub(crate) fn write_reply(reply: Reply, identity: &Identity, out: &mut Object<'_>) {
    let Reply { choices, usage, timings: _, fingerprint, created } = reply;
    out.put("id", identity.id("chatcmpl-"));
    out.put("object", "chat.completion");
    out.put("created", created.unwrap_or(identity.created));
    out.put("model", &identity.model);
    out.objects("choices", choices, |choice, out| write_choice(choice, identity, out));
    out.object("usage", |out| write_usage(&usage.unwrap_or_default(), out));
    out.some("system_fingerprint", fingerprint);
}

fn write_choice(choice: Choice, identity: &Identity, out: &mut Object<'_>) {
    let Choice { index, parts, stop, logprobs } = choice;
    out.put("index", index);
    out.object("message", |out| write_message(parts, index, identity, out));
    write_logprobs(logprobs, out);
    out.put("finish_reason", finish_reason(&stop.unwrap_or(Stop::End)));
}

/// Writes the probabilities of the tokens, or that nobody asked for them.
pub(super) fn write_logprobs(content: Option<Value>, out: &mut Object<'_>) {
    match content {
        Some(content) => out.object("logprobs", |out| {
            out.put("content", content);
            out.null("refusal");
        }),
        None => out.null("logprobs"),
    }
}

fn write_message(parts: Vec<Part>, choice: u32, identity: &Identity, out: &mut Object<'_>) {
    let (mut text, mut refusal, mut thought) = (None, None, None);
    let (mut calls, mut details) = (Vec::new(), Vec::new());
    for part in parts {
        match part {
            Part::Text { text: more, .. } => append(&mut text, more),
            Part::Refusal(more) => append(&mut refusal, more.value),
            Part::Thought(part) => {
                details.extend(part.is_sealed().then(|| part.clone()));
                if !part.text.is_empty() {
                    append(&mut thought, part.text);
                }
            }
            Part::ToolCall(call) => calls.push(call),
            Part::Image { .. } | Part::File { .. } | Part::ToolResult(_) | Part::Other(_) => {}
        }
    }
    let empty = calls.is_empty() && refusal.is_none();
    out.put("role", "assistant");
    out.put("content", text.or(empty.then(String::new)));
    out.put("refusal", refusal);
    out.some("reasoning_content", thought);
    if !details.is_empty() {
        out.objects("reasoning_details", details.into_iter().enumerate(), write_detail);
    }
    if !calls.is_empty() {
        out.objects("tool_calls", calls.into_iter().enumerate(), |(position, call), out| {
            write_call(call, || identity.call_id("call_", choice, position), out);
        });
    }
}

/// A tool call; `id` makes one where the provider gave none.
fn write_call(call: ToolCall, id: impl FnOnce() -> String, out: &mut Object<'_>) {
    let ToolCall { id: own, name, arguments, rest } = call;
    out.put("id", if own.is_empty() { id() } else { own });
    out.put("type", "function");
    out.object("function", |out| {
        out.put("name", name);
        out.put("arguments", if arguments.is_empty() { "{}" } else { &arguments });
    });
    out.others(&rest.fields, &["id", "type", "function"]);
}

/// A sealed thought as an entry of `reasoning_details`, the form in which clients send seals back.
fn write_detail((index, thought): (usize, Thought), out: &mut Object<'_>) {
    let Thought { text, signature, sealed, at: _ } = thought;
    match sealed {
        Some(data) => {
            out.put("type", "reasoning.encrypted");
            out.put("data", data.value);
        }
        None => {
            out.put("type", "reasoning.text");
            out.put("text", text);
            out.some("signature", signature.map(|seal| seal.value));
        }
    }
    out.put("index", index);
}
