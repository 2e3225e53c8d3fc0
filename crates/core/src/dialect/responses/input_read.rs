//! Reads the `input` of a responses request: a text, or a list of items.

use super::items::{SEALED, SIGNED};
use crate::{
    canonical::{Fields, Given, Image, Invalid, Message, Part, Place, Role, Thought, ToolCall, ToolResult},
    json::Node,
};

/// Reads `input`. What the model said, thought and called in a row becomes one message.
pub(super) fn read_input(input: Given<Node<'_>>) -> Result<Vec<Message>, Invalid> {
    if let Some(text) = input.value.text() {
        return Ok(vec![Message::new(Role::User, vec![Part::text(text)])]);
    }
    let items = input.value.items().ok_or_else(|| Invalid::new(input.at, "a string or a list of items"))?;
    let mut messages: Vec<Message> = Vec::new();
    for (i, item) in items.enumerate() {
        let message = read_item(Fields::new(Place::ROOT.item("input", i), item)?)?;
        match messages.last_mut() {
            Some(last) if last.role == Role::Assistant && message.role == Role::Assistant => {
                last.parts.extend(message.parts);
                last.rest.join(message.rest);
            }
            _ => messages.push(message),
        }
    }
    Ok(messages)
}

fn read_item(mut item: Fields<'_>) -> Result<Message, Invalid> {
    let at = item.place();
    let kind = item.peek("type").unwrap_or("message".into());
    item.forget(&["type", "status"]);
    match &*kind {
        "message" => read_message(item),
        "function_call" => {
            item.forget(&["id"]);
            let call = ToolCall {
                id: item.required("call_id")?,
                name: item.required("name")?,
                arguments: item.required("arguments")?,
                rest: item.rest(),
            };
            Ok(Message::new(Role::Assistant, vec![Part::ToolCall(call)]))
        }
        "function_call_output" => {
            item.forget(&["id"]);
            let id = item.required("call_id")?;
            let parts = read_content(item.take("output"))?;
            let result = ToolResult { id, name: None, parts, is_error: None, rest: item.rest() };
            Ok(Message::new(Role::Tool, vec![Part::ToolResult(result)]))
        }
        "reasoning" => {
            let thought = read_reasoning(&mut item)?;
            Ok(Message { rest: item.rest(), ..Message::new(Role::Assistant, vec![Part::Thought(thought)]) })
        }
        _ => {
            let other = Part::Other(Given::new(item.other(), at));
            Ok(Message::new(Role::Assistant, vec![other]))
        }
    }
}

fn read_message(mut item: Fields<'_>) -> Result<Message, Invalid> {
    item.forget(&["id", "phase"]);
    let role = match item.required("role")?.as_str() {
        "user" => Role::User,
        "assistant" => Role::Assistant,
        "system" => Role::System,
        "developer" => Role::Developer,
        _ => return Err(Invalid::new(item.place().field("role"), "user, assistant, system or developer")),
    };
    let parts = read_content(item.take("content"))?;
    Ok(Message { role, parts, name: None, rest: item.rest() })
}

fn read_content(content: Option<Given<Node<'_>>>) -> Result<Vec<Part>, Invalid> {
    let Some(Given { value, at }) = content else { return Ok(Vec::new()) };
    if let Some(text) = value.text() {
        return Ok(if text.is_empty() { Vec::new() } else { vec![Part::text(text)] });
    }
    let items = value.items().ok_or_else(|| Invalid::new(at, "a string or a list of parts"))?;
    let mut parts = Vec::with_capacity(1);
    for (i, item) in items.enumerate() {
        let part = read_part(Fields::new(at.at(i), item)?, &mut parts)?;
        parts.push(part);
    }
    Ok(parts)
}

fn read_part(mut part: Fields<'_>, parts: &mut Vec<Part>) -> Result<Part, Invalid> {
    let at = part.place();
    match &*part.peek("type").unwrap_or_default() {
        "input_text" | "output_text" | "text" => {
            part.forget(&["type", "annotations", "logprobs"]);
            Ok(Part::Text { text: part.required("text")?, rest: part.rest() })
        }
        "refusal" => {
            part.forget(&["type"]);
            let text = part.required("refusal")?;
            parts.extend(part.leftover());
            Ok(Part::Refusal(Given::new(text, at)))
        }
        "input_image" if part.peek("image_url").is_some() => {
            part.forget(&["type"]);
            let image = Given::new(Image::from_url(part.required("image_url")?), at);
            Ok(Part::Image { image, detail: part.string("detail")?, rest: part.rest() })
        }
        "input_file" if part.peek("file_data").is_some() => {
            part.forget(&["type"]);
            let url = part.string("file_data")?.ok_or_else(|| Invalid::new(at, "a file"))?;
            let name = part.string("filename")?;
            Ok(Part::File { url, name, rest: part.rest() })
        }
        _ => Ok(Part::Other(Given::new(part.other(), at))),
    }
}

/// A thought: its words in `content` or `summary`, its seal in `encrypted_content`.
fn read_reasoning(item: &mut Fields<'_>) -> Result<Thought, Invalid> {
    let at = item.place();
    let mut text = String::new();
    for name in ["summary", "content"] {
        let mut words = Vec::new();
        for (i, piece) in item.items(name)?.into_iter().enumerate() {
            let mut piece = Fields::new(at.item(name, i), piece)?;
            words.extend(piece.string("text")?.map(|given| given.value));
            piece.forget(&["type"]);
            item.absorb(piece);
        }
        if !words.is_empty() {
            text = words.join("\n\n");
        }
    }
    let (mut signature, mut sealed) = (None, None);
    let seal = item.look("encrypted_content");
    if let (Some(Given { value, at }), Some(seal)) = (item.string("encrypted_content")?, seal) {
        match (value.strip_prefix(SIGNED), value.strip_prefix(SEALED)) {
            (Some(seal), _) => signature = Some(Given::new(seal.to_owned(), at)),
            (_, Some(data)) => sealed = Some(Given::new(data.to_owned(), at)),
            // Another provider's seal: nobody here can use it, so it is reported.
            (None, None) => item.put_back("encrypted_content", seal),
        }
    }
    item.forget(&["id"]);
    Ok(Thought { text, signature, sealed, at })
}
