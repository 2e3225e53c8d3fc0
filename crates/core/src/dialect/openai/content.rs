//! The `content` of an OpenAI message: a text, or a list of parts.

use std::{borrow::Cow, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{SeqAccess, Visitor},
};
use serde_json::{Map, Value, json};

use crate::canonical::{Fields, Given, Image, Invalid, Losses, Part, Place};

/// Reads `content`. An empty text says nothing and gives no part.
pub(super) fn read_content(content: Option<Given<Value>>) -> Result<Vec<Part>, Invalid> {
    let Some(Given { value, at }) = content else { return Ok(Vec::new()) };
    match value {
        Value::String(text) if text.is_empty() => Ok(Vec::new()),
        Value::String(text) => Ok(vec![Part::text(text)]),
        Value::Array(items) => {
            let mut parts = Vec::with_capacity(items.len());
            for (i, item) in items.into_iter().enumerate() {
                let part = read_part(at.at(i), item, &mut parts)?;
                parts.push(part);
            }
            Ok(parts)
        }
        _ => Err(Invalid::new(at, "a string or a list of parts")),
    }
}

fn read_part(at: Place, item: Value, parts: &mut Vec<Part>) -> Result<Part, Invalid> {
    let Value::Object(_) = &item else {
        return match item {
            Value::String(text) => Ok(Part::text(text)),
            _ => Err(Invalid::new(at, "a part with a type")),
        };
    };
    match item.get("type").and_then(Value::as_str) {
        Some("text") => {
            let mut part = Fields::new(at, item)?;
            part.forget(&["type"]);
            Ok(Part::Text { text: part.required("text")?, rest: part.rest() })
        }
        Some("refusal") => {
            let mut part = Fields::new(at, item)?;
            part.forget(&["type"]);
            let text = part.required("refusal")?;
            parts.extend(part.leftover());
            Ok(Part::Refusal(Given::new(text, at)))
        }
        Some("image_url") => read_image(at, item),
        Some("file") if item.pointer("/file/file_data").is_some() => read_file(at, item),
        _ => Ok(Part::Other(Given::new(item, at))),
    }
}

fn read_file(at: Place, item: Value) -> Result<Part, Invalid> {
    let mut part = Fields::new(at, item)?;
    part.forget(&["type"]);
    let wanted = Invalid::new(at.field("file"), "an object with file_data");
    let mut file = part.object("file")?.ok_or_else(|| wanted.clone())?;
    let url = file.string("file_data")?.ok_or(wanted)?;
    let name = file.string("filename")?;
    part.absorb(file);
    Ok(Part::File { url, name, rest: part.rest() })
}

fn read_image(at: Place, item: Value) -> Result<Part, Invalid> {
    let mut part = Fields::new(at, item)?;
    part.forget(&["type"]);
    let wanted = Invalid::new(at.field("image_url"), "an object with a url");
    let (url, detail) = match part.take("image_url") {
        Some(Given { value: Value::String(url), .. }) => (url, None),
        Some(Given { value, at }) => {
            let mut inner = Fields::new(at, value)?;
            let read = (inner.required("url")?, inner.string("detail")?);
            part.absorb(inner);
            read
        }
        None => return Err(wanted),
    };
    Ok(Part::Image { image: Given::new(Image::from_url(url), at), detail, rest: part.rest() })
}

/// Writes texts and pictures: one text as a string, anything else as a list. `None` when there is nothing.
pub(super) fn write_content(parts: Vec<Part>, losses: &mut Losses) -> Option<Value> {
    let mut items = Vec::with_capacity(parts.len());
    for part in parts {
        match part {
            Part::Text { text, rest } => {
                rest.lose(losses);
                items.push(json!({"type": "text", "text": text}));
            }
            Part::Image { image, detail, rest } => {
                rest.lose(losses);
                let mut url = Map::new();
                url.insert("url".to_owned(), image.value.into_url().into());
                if let Some(detail) = detail {
                    url.insert("detail".to_owned(), detail.value.into());
                }
                items.push(json!({"type": "image_url", "image_url": url}));
            }
            Part::File { url, name, rest } => {
                rest.lose(losses);
                let name = name.map_or_else(|| "document.pdf".to_owned(), |given| given.value);
                items.push(json!({"type": "file", "file": {"filename": name, "file_data": url.value}}));
            }
            Part::Refusal(text) => items.push(json!({"type": "text", "text": text.value})),
            Part::Other(Given { value, at }) => match own_part(&value) {
                true => items.push(value),
                false => losses.add(at),
            },
            Part::Thought(thought) => losses.add(thought.at),
            Part::ToolCall(call) => losses.add(call.rest.at),
            Part::ToolResult(result) => losses.add(result.rest.at),
        }
    }
    match items.len() {
        0 => None,
        1 if items[0]["type"] == "text" => Some(items.swap_remove(0)["text"].take()),
        _ => Some(items.into()),
    }
}

/// Whether a part without canonical meaning is one of OpenAI's own.
fn own_part(value: &Value) -> bool {
    matches!(value["type"].as_str(), Some("input_audio" | "file" | "video_url"))
}

/// The `content` of a piece of a streamed message. Texts are borrowed where they have no escapes.
pub(super) enum Content<'a> {
    Text(Cow<'a, str>),
    Parts(Vec<Value>),
}

impl<'de: 'a, 'a> Deserialize<'de> for Content<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ContentVisitor)
    }
}

struct ContentVisitor;

impl<'de> Visitor<'de> for ContentVisitor {
    type Value = Content<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string or a list of parts")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Content<'de>, E> {
        Ok(Content::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Content<'de>, E> {
        Ok(Content::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Content<'de>, A::Error> {
        let mut parts = Vec::new();
        while let Some(part) = items.next_element()? {
            parts.push(part);
        }
        Ok(Content::Parts(parts))
    }
}
