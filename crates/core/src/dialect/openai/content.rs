//! The `content` of an OpenAI message: a text, or a list of parts.

use std::{borrow::Cow, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{SeqAccess, Visitor},
};
use serde_json::Value;

use crate::{
    canonical::{Fields, Given, Image, Invalid, Losses, Part, Place},
    json::{Json, List, Node, Object},
};

/// Reads `content`. An empty text says nothing and gives no part.
pub(super) fn read_content(content: Option<Given<Node<'_>>>) -> Result<Vec<Part>, Invalid> {
    let Some(Given { value, at }) = content else { return Ok(Vec::new()) };
    if let Some(text) = value.text() {
        return Ok(if text.is_empty() { Vec::new() } else { vec![Part::text(text)] });
    }
    let items = value.items().ok_or_else(|| Invalid::new(at, "a string or a list of parts"))?;
    let mut parts = Vec::with_capacity(1);
    for (i, item) in items.enumerate() {
        let part = read_part(at.at(i), item, &mut parts)?;
        parts.push(part);
    }
    Ok(parts)
}

fn read_part(at: Place, item: Node<'_>, parts: &mut Vec<Part>) -> Result<Part, Invalid> {
    if let Some(text) = item.text() {
        return Ok(Part::text(text));
    }
    let mut part = Fields::new(at, item).map_err(|_| Invalid::new(at, "a part with a type"))?;
    let file = || item.get("file").is_some_and(|file| file.get("file_data").is_some());
    match part.peek("type").as_deref() {
        Some("text") => {
            part.forget(&["type"]);
            Ok(Part::Text { text: part.required("text")?, rest: part.rest() })
        }
        Some("refusal") => {
            part.forget(&["type"]);
            let text = part.required("refusal")?;
            parts.extend(part.leftover());
            Ok(Part::Refusal(Given::new(text, at)))
        }
        Some("image_url") => read_image(part),
        Some("file") if file() => read_file(part),
        _ => Ok(Part::Other(Given::new(item.value(), at))),
    }
}

fn read_file(mut part: Fields<'_>) -> Result<Part, Invalid> {
    let at = part.place();
    part.forget(&["type"]);
    let wanted = Invalid::new(at.field("file"), "an object with file_data");
    let mut file = part.object("file")?.ok_or_else(|| wanted.clone())?;
    let url = file.string("file_data")?.ok_or(wanted)?;
    let name = file.string("filename")?;
    part.absorb(file);
    Ok(Part::File { url, name, rest: part.rest() })
}

fn read_image(mut part: Fields<'_>) -> Result<Part, Invalid> {
    let at = part.place();
    part.forget(&["type"]);
    let wanted = || Invalid::new(at.field("image_url"), "an object with a url");
    let given = part.take("image_url").ok_or_else(wanted)?;
    let (url, detail) = match given.value.text() {
        Some(url) => (url.into_owned(), None),
        None => {
            let mut inner = Fields::new(given.at, given.value)?;
            let read = (inner.required("url")?, inner.string("detail")?);
            part.absorb(inner);
            read
        }
    };
    Ok(Part::Image { image: Given::new(Image::from_url(url), at), detail, rest: part.rest() })
}

/// Takes out what a message has no place for, and reports it: texts and pictures stay.
pub(super) fn fit_content(parts: &mut Vec<Part>, losses: &mut Losses) {
    parts.retain_mut(|part| {
        match part {
            Part::Text { rest, .. } | Part::Image { rest, .. } | Part::File { rest, .. } => rest.keep(&[], losses),
            Part::Refusal(_) => {}
            Part::Other(given) if own_part(&given.value) => {}
            Part::Other(given) => losses.add(given.at),
            Part::Thought(thought) => losses.add(thought.at),
            Part::ToolCall(call) => losses.add(call.rest.at),
            Part::ToolResult(result) => losses.add(result.rest.at),
        }
        !matches!(part, Part::Thought(_) | Part::ToolCall(_) | Part::ToolResult(_))
            && !matches!(part, Part::Other(given) if !own_part(&given.value))
    });
}

/// Writes texts and pictures that [fit](fit_content): one text as a string, anything else as a list.
pub(super) fn write_content(parts: Vec<Part>, out: &mut Object<'_>) {
    match parts.as_slice() {
        [] => out.put("content", ""),
        [Part::Text { text, .. }] => out.put("content", text),
        [Part::Refusal(text)] => out.put("content", &text.value),
        _ => out.list("content", |list| parts.into_iter().for_each(|part| write_part(part, list))),
    }
}

fn write_part(part: Part, list: &mut List<'_>) {
    match part {
        Part::Text { text, .. } | Part::Refusal(Given { value: text, .. }) => list.object(|out| {
            out.put("type", "text");
            out.put("text", text);
        }),
        Part::Image { image, detail, .. } => list.object(|out| {
            out.put("type", "image_url");
            out.object("image_url", |out| {
                out.put("url", image.value.into_url());
                out.some("detail", detail.map(|given| given.value));
            });
        }),
        Part::File { url, name, .. } => list.object(|out| {
            out.put("type", "file");
            out.object("file", |out| {
                out.put("filename", name.as_ref().map_or("document.pdf", |given| &given.value));
                out.put("file_data", url.value);
            });
        }),
        Part::Other(given) => given.value.write(list.item()),
        Part::Thought(_) | Part::ToolCall(_) | Part::ToolResult(_) => {}
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
