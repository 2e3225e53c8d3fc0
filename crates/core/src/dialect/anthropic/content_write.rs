//! Writes the blocks of Anthropic messages.

use serde_json::{Map, Value, json};

use crate::canonical::{Given, Image, Losses, Part, Rest, Thought, ToolCall, ToolResult, arguments_object};

/// The field of a block that other dialects' clients may know too.
const CACHE: &[&str] = &["cache_control"];

/// Writes parts as blocks. Blank texts are left out: the API refuses them, and they say nothing.
pub(super) fn write_blocks(parts: Vec<Part>, losses: &mut Losses) -> Vec<Value> {
    let mut blocks = Vec::with_capacity(parts.len());
    for part in parts {
        match part {
            Part::Text { text, rest } => {
                let mut block = Map::new();
                block.insert("type".to_owned(), "text".into());
                let blank = text.trim().is_empty();
                block.insert("text".to_owned(), text.into());
                rest.carry(CACHE, &mut block, losses);
                if !blank {
                    blocks.push(block.into());
                }
            }
            Part::Refusal(text) => blocks.push(json!({"type": "text", "text": text.value})),
            Part::Image { image, detail, rest } => {
                losses.unless(detail, &"auto".to_owned());
                let mut block = Map::new();
                block.insert("type".to_owned(), "image".into());
                block.insert("source".to_owned(), write_source(image.value));
                rest.carry(CACHE, &mut block, losses);
                blocks.push(block.into());
            }
            Part::Thought(thought) => blocks.extend(write_thought(thought, losses)),
            Part::ToolCall(call) => blocks.push(write_call(call, losses)),
            Part::ToolResult(result) => blocks.push(write_result(result, losses)),
            Part::File { url, name, rest } => blocks.extend(write_file(url, name, rest, losses)),
            Part::Other(given) => losses.add(given.at),
        }
    }
    blocks
}

fn write_source(image: Image) -> Value {
    match image {
        Image::Url(url) => json!({"type": "url", "url": url}),
        Image::Base64 { media_type, data } => json!({"type": "base64", "media_type": media_type, "data": data}),
    }
}

/// Only sealed thoughts are accepted back; others are refused, so they are left out and reported.
fn write_thought(thought: Thought, losses: &mut Losses) -> Option<Value> {
    let Thought { text, signature, sealed, at } = thought;
    match (signature, sealed) {
        (Some(signature), _) => Some(json!({"type": "thinking", "thinking": text, "signature": signature.value})),
        (None, Some(data)) => Some(json!({"type": "redacted_thinking", "data": data.value})),
        (None, None) => {
            losses.add(at);
            None
        }
    }
}

fn write_call(call: ToolCall, losses: &mut Losses) -> Value {
    let ToolCall { id, name, arguments, rest } = call;
    let mut block = Map::new();
    block.insert("type".to_owned(), "tool_use".into());
    block.insert("id".to_owned(), clean(id).into());
    block.insert("name".to_owned(), name.into());
    block.insert("input".to_owned(), arguments_object(&arguments).into());
    rest.carry(CACHE, &mut block, losses);
    block.into()
}

fn write_result(result: ToolResult, losses: &mut Losses) -> Value {
    let ToolResult { id, name: _, parts, is_error, rest } = result;
    let mut block = Map::new();
    block.insert("type".to_owned(), "tool_result".into());
    block.insert("tool_use_id".to_owned(), clean(id).into());
    let mut content = write_blocks(parts, losses);
    let value = match content.as_mut_slice() {
        [] => None,
        [only] if only["type"] == "text" && only.as_object().is_some_and(|block| block.len() == 2) => {
            Some(only["text"].take())
        }
        _ => Some(content.into()),
    };
    block.extend(value.map(|content| ("content".to_owned(), content)));
    block.extend(is_error.map(|given| ("is_error".to_owned(), given.value.into())));
    rest.carry(CACHE, &mut block, losses);
    block.into()
}

/// A document. The API takes PDF files and plain texts.
fn write_file(url: Given<String>, name: Option<Given<String>>, rest: Rest, losses: &mut Losses) -> Option<Value> {
    let pdf = url.value.strip_prefix("data:application/pdf;base64,");
    let Some(data) = pdf else {
        losses.add(url.at);
        losses.given(name);
        rest.lose(losses);
        return None;
    };
    let mut block = Map::new();
    block.insert("type".to_owned(), "document".into());
    block.insert("source".to_owned(), json!({"type": "base64", "media_type": "application/pdf", "data": data}));
    block.extend(name.map(|name| ("title".to_owned(), name.value.into())));
    rest.carry(CACHE, &mut block, losses);
    Some(block.into())
}

/// The API takes letters, digits, `_` and `-` in ids. The change is the same for a call and for its result.
fn clean(id: String) -> String {
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if id.chars().all(fits) { id } else { id.chars().map(|c| if fits(c) { c } else { '_' }).collect() }
}
