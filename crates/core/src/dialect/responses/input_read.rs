//! Reads the `input` of a responses request: a text, or a list of items.

use serde_json::Value;

use super::items::{SEALED, SIGNED};
use crate::canonical::{
    Fields, Given, Image, Invalid, Message, Part, Place, Rest, Role, Thought, ToolCall, ToolResult,
};

/// Reads `input`. What the model said, thought and called in a row becomes one message.
pub(super) fn read_input(input: Given<Value>) -> Result<Vec<Message>, Invalid> {
    let items = match input.value {
        Value::String(text) => return Ok(vec![Message::new(Role::User, vec![Part::text(text)])]),
        Value::Array(items) => items,
        _ => return Err(Invalid::new(input.at, "a string or a list of items")),
    };
    let mut messages: Vec<Message> = Vec::new();
    for (i, item) in items.into_iter().enumerate() {
        let message = read_item(Fields::new(Place::ROOT.item("input", i), item)?)?;
        match messages.last_mut() {
            Some(last) if last.role == Role::Assistant && message.role == Role::Assistant => {
                last.parts.extend(message.parts);
                last.rest.fields.extend(message.rest.fields);
            }
            _ => messages.push(message),
        }
    }
    Ok(messages)
}

fn read_item(mut item: Fields) -> Result<Message, Invalid> {
    let at = item.place();
    let kind = item.peek("type").unwrap_or("message").to_owned();
    item.forget(&["type", "status"]);
    match kind.as_str() {
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
        "reasoning" => Ok(Message::new(Role::Assistant, vec![Part::Thought(read_reasoning(item)?)])),
        _ => {
            let other = Part::Other(Given::new(Value::Object(item.rest().fields), at));
            Ok(Message::new(Role::Assistant, vec![other]))
        }
    }
}

fn read_message(mut item: Fields) -> Result<Message, Invalid> {
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

fn read_content(content: Option<Given<Value>>) -> Result<Vec<Part>, Invalid> {
    let Some(Given { value, at }) = content else { return Ok(Vec::new()) };
    match value {
        Value::String(text) if text.is_empty() => Ok(Vec::new()),
        Value::String(text) => Ok(vec![Part::text(text)]),
        Value::Array(items) => {
            items.into_iter().enumerate().map(|(i, item)| read_part(Fields::new(at.at(i), item)?)).collect()
        }
        _ => Err(Invalid::new(at, "a string or a list of parts")),
    }
}

fn read_part(mut part: Fields) -> Result<Part, Invalid> {
    let at = part.place();
    match part.peek("type").unwrap_or_default() {
        "input_text" | "output_text" | "text" => {
            part.forget(&["type", "annotations", "logprobs"]);
            Ok(Part::Text { text: part.required("text")?, rest: part.rest() })
        }
        "refusal" => Ok(Part::Refusal(Given::new(part.required("refusal")?, at))),
        "input_image" if part.peek("image_url").is_some() => {
            part.forget(&["type"]);
            let image = Given::new(Image::from_url(part.required("image_url")?), at);
            Ok(Part::Image { image, detail: part.string("detail")?, rest: part.rest() })
        }
        // The same file in the words of chat completions, which other dialects know.
        "input_file" if part.peek("file_data").is_some() => {
            part.forget(&["type"]);
            let file = serde_json::json!({"type": "file", "file": part.rest().fields});
            Ok(Part::Other(Given::new(file, at)))
        }
        _ => Ok(Part::Other(Given::new(Value::Object(part.rest().fields), at))),
    }
}

/// A thought: its words in `content` or `summary`, its seal in `encrypted_content`.
fn read_reasoning(mut item: Fields) -> Result<Thought, Invalid> {
    let at = item.place();
    let mut text = String::new();
    for name in ["summary", "content"] {
        let pieces = item.list(name)?.map(|given| given.value).unwrap_or_default();
        let words: Vec<_> = pieces.iter().filter_map(|piece| piece["text"].as_str()).collect();
        if !words.is_empty() {
            text = words.join("\n\n");
        }
    }
    let seal = item.string("encrypted_content")?.map(|given| given.value);
    let (signature, sealed) = match seal {
        Some(seal) => match (seal.strip_prefix(SIGNED), seal.strip_prefix(SEALED)) {
            (Some(signature), _) => (Some(signature.to_owned()), None),
            (_, Some(data)) => (None, Some(data.to_owned())),
            // Another provider's seal: nobody here can use it, but it is no plain thought either.
            (None, None) => (None, None),
        },
        None => (None, None),
    };
    let _: Rest = item.rest();
    Ok(Thought { text, signature, sealed, at })
}
