//! Reads the `messages` of an OpenAI chat request.

use super::content::read_content;
use crate::{
    canonical::{Fields, Given, Invalid, Message, Part, Place, Rest, Role, Thought, ToolCall, ToolResult},
    json::Node,
};

/// Reads the history.
pub(super) fn read_messages(list: Given<Vec<Node<'_>>>) -> Result<Vec<Message>, Invalid> {
    let mut messages = Vec::with_capacity(list.value.len());
    for (i, value) in list.value.into_iter().enumerate() {
        messages.push(read_message(Fields::new(Place::ROOT.item("messages", i), value)?)?);
    }
    Ok(messages)
}

fn read_message(mut message: Fields<'_>) -> Result<Message, Invalid> {
    let role = match message.required("role")?.as_str() {
        "system" => Role::System,
        "developer" => Role::Developer,
        "user" => Role::User,
        "assistant" => return read_assistant(message),
        "tool" | "function" => return read_tool(message),
        _ => {
            let at = message.place().field("role");
            return Err(Invalid::new(at, "system, developer, user, assistant or tool"));
        }
    };
    let parts = read_content(message.take("content"))?;
    Ok(Message { role, parts, name: message.string("name")?, rest: message.rest() })
}

fn read_assistant(mut message: Fields<'_>) -> Result<Message, Invalid> {
    let mut parts = read_thoughts(&mut message)?;
    let said = read_content(message.take("content"))?;
    parts.reserve_exact(said.len());
    parts.extend(said);
    parts.extend(message.string("refusal")?.filter(|text| !text.value.is_empty()).map(Part::Refusal));
    if let Some(calls) = message.list("tool_calls")? {
        for (i, call) in calls.value.into_iter().enumerate() {
            parts.push(read_call(Fields::new(message.place().item("tool_calls", i), call)?)?);
        }
    }
    if let Some(mut call) = message.object("function_call")? {
        let name = call.required("name")?;
        let arguments = read_arguments(&mut call)?;
        parts.push(Part::ToolCall(ToolCall { id: String::new(), name, arguments, rest: call.rest() }));
    }
    message.forget_empty("annotations");
    Ok(Message { role: Role::Assistant, parts, name: message.string("name")?, rest: message.rest() })
}

/// Thoughts: `reasoning_details` where the client sends them back, for the seals in them; else the plain text.
fn read_thoughts(message: &mut Fields<'_>) -> Result<Vec<Part>, Invalid> {
    let at = message.place();
    let mut plain = None;
    for name in ["reasoning_content", "reasoning"] {
        plain = message.string(name)?.filter(|text| !text.value.is_empty()).or(plain);
    }
    let details = message.list("reasoning_details")?.filter(|list| !list.value.is_empty());
    let Some(details) = details else {
        let thought = |text: Given<String>| Thought::plain(text.value, text.at);
        return Ok(plain.map(thought).map(Part::Thought).into_iter().collect());
    };
    let mut parts = Vec::new();
    for (i, detail) in details.value.into_iter().enumerate() {
        let at = at.item("reasoning_details", i);
        let mut detail = Fields::new(at, detail)?;
        let text = detail.string("text")?.or(detail.string("summary")?).map(|given| given.value).unwrap_or_default();
        let signature = detail.string("signature")?;
        let sealed = detail.string("data")?;
        detail.forget(&["type", "id", "index", "format"]);
        message.absorb(detail);
        parts.push(Part::Thought(Thought { text, signature, sealed, at }.tidy()));
    }
    Ok(parts)
}

fn read_call(mut call: Fields<'_>) -> Result<Part, Invalid> {
    let id = call.string("id")?.map(|given| given.value).unwrap_or_default();
    if let Some(mut function) = call.object("function")? {
        let name = function.required("name")?;
        let arguments = read_arguments(&mut function)?;
        call.forget(&["type", "index"]);
        call.absorb(function);
        return Ok(Part::ToolCall(ToolCall { id, name, arguments, rest: call.rest() }));
    }
    let at = call.place();
    Ok(Part::Other(Given::new(call.other(), at)))
}

/// The arguments: text in OpenAI's dialect, but some clients send the object itself.
fn read_arguments(function: &mut Fields<'_>) -> Result<String, Invalid> {
    let Some(Given { value, at }) = function.take("arguments") else { return Ok(String::new()) };
    match value.text() {
        Some(text) => Ok(text.into_owned()),
        None if value.is_object() => Ok(value.value().to_string()),
        None => Err(Invalid::new(at, "a string of JSON")),
    }
}

fn read_tool(mut message: Fields<'_>) -> Result<Message, Invalid> {
    let id = message.string("tool_call_id")?.map(|given| given.value).unwrap_or_default();
    let name = message.string("name")?.map(|given| given.value);
    let parts = read_content(message.take("content"))?;
    let result = ToolResult { id, name, parts, is_error: None, rest: message.rest() };
    Ok(Message { role: Role::Tool, parts: vec![Part::ToolResult(result)], name: None, rest: Rest::default() })
}
