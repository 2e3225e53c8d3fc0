//! Writes the `messages` of an OpenAI chat request.

use super::{
    content::{fit_content, write_content},
    flavour::Flavour,
};
use crate::{
    canonical::{Losses, Message, Part, Rest, Role, Thought, ToolCall, ToolResult, append},
    json::{List, Object},
};

/// Fields of a tool call that are OpenAI's, or those of servers that speak its dialect.
const CALL_FIELDS: &[&str] = &["extra_content", "provider_specific_fields", "thought_signature"];

/// Writes the history.
pub(super) fn write_messages(messages: Vec<Message>, flavour: Flavour, losses: &mut Losses, list: &mut List<'_>) {
    // Whether the message before is a tool's.
    let mut after_tool = false;
    for message in messages {
        match message.role {
            Role::Assistant => list.object(|out| write_assistant(message, flavour, losses, out)),
            Role::User | Role::Tool => {
                after_tool = write_user(message, after_tool, losses, list);
                continue;
            }
            Role::Developer if flavour == Flavour::OpenAi => {
                list.object(|out| write_plain("developer", message, losses, out));
            }
            Role::System | Role::Developer => list.object(|out| write_plain("system", message, losses, out)),
        }
        after_tool = false;
    }
}

fn write_plain(role: &str, message: Message, losses: &mut Losses, out: &mut Object<'_>) {
    let Message { role: _, mut parts, name, rest } = message;
    fit_content(&mut parts, losses);
    out.put("role", role);
    write_content(parts, out);
    out.some("name", name.map(|given| given.value));
    rest.lose(losses);
}

/// Tool results become messages of their own, before what the person says. Returns whether the last message is a
/// tool's.
fn write_user(message: Message, mut after_tool: bool, losses: &mut Losses, list: &mut List<'_>) -> bool {
    let Message { role, mut parts, name, rest } = message;
    let mut shown = Vec::new();
    for part in parts.extract_if(.., |part| matches!(part, Part::ToolResult(_))) {
        if let Part::ToolResult(result) = part {
            list.object(|out| write_result(result, &mut shown, losses, out));
            after_tool = true;
        }
    }
    let nothing_else = parts.is_empty() && (after_tool || role == Role::Tool);
    // What the results show comes first.
    parts.splice(..0, shown);
    if parts.is_empty() && nothing_else {
        rest.lose(losses);
        return after_tool;
    }
    list.object(|out| write_plain("user", Message { role: Role::User, parts, name, rest }, losses, out));
    false
}

/// A tool's message takes text alone; its pictures go to the next user message.
fn write_result(result: ToolResult, shown: &mut Vec<Part>, losses: &mut Losses, out: &mut Object<'_>) {
    let ToolResult { id, name: _, parts, is_error, rest } = result;
    rest.lose(losses);
    losses.unless(is_error, &false);
    let (pictures, mut texts): (Vec<_>, Vec<_>) =
        parts.into_iter().partition(|part| matches!(part, Part::Image { .. }));
    if !pictures.is_empty() {
        shown.push(Part::text(format!("The result of tool call {id}:")));
        shown.extend(pictures);
    }
    fit_content(&mut texts, losses);
    out.put("role", "tool");
    out.put("tool_call_id", id);
    write_content(texts, out);
}

fn write_assistant(message: Message, flavour: Flavour, losses: &mut Losses, out: &mut Object<'_>) {
    let Message { role: _, parts, name, rest } = message;
    let (mut text, mut refusal, mut thought) = (None, None, None);
    let mut calls = Vec::new();
    for part in parts {
        match part {
            Part::Text { text: more, rest } => {
                rest.lose(losses);
                append(&mut text, more);
            }
            Part::Refusal(more) => append(&mut refusal, more.value),
            Part::ToolCall(mut call) => {
                call.rest.keep(CALL_FIELDS, losses);
                calls.push(call);
            }
            Part::Thought(part) => read_thought(part, flavour, &mut thought, losses),
            Part::Image { image, .. } => losses.add(image.at),
            Part::File { url, .. } => losses.add(url.at),
            Part::ToolResult(ToolResult { rest: Rest { at, .. }, .. }) => losses.add(at),
            Part::Other(other) => losses.add(other.at),
        }
    }
    out.put("role", "assistant");
    let empty = calls.is_empty() && refusal.is_none();
    out.put("content", text.or(empty.then(String::new)));
    for field in flavour.thought_fields() {
        out.some(field, thought.as_ref());
    }
    out.some("refusal", refusal);
    if !calls.is_empty() {
        out.objects("tool_calls", calls, write_call);
    }
    out.some("name", name.map(|given| given.value));
    rest.lose(losses);
}

fn write_call(call: ToolCall, out: &mut Object<'_>) {
    let ToolCall { id, name, arguments, rest } = call;
    out.put("id", id);
    out.put("type", "function");
    out.object("function", |out| {
        out.put("name", name);
        out.put("arguments", arguments);
    });
    out.others(&rest.fields, &[]);
}

/// Thoughts go back as plain text where the server reads them; seals are another provider's and mean nothing here.
fn read_thought(thought: Thought, flavour: Flavour, text: &mut Option<String>, losses: &mut Losses) {
    let Thought { text: words, signature, sealed, at } = thought;
    if flavour.thought_fields().is_empty() || words.is_empty() {
        losses.add(at);
        return;
    }
    losses.given(signature);
    losses.given(sealed);
    append(text, words);
}
