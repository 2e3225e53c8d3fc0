//! Reads the content of Anthropic messages: a text, or a list of blocks.

use crate::{
    canonical::{Fields, Given, Image, Invalid, Message, Part, Place, Role, Thought, ToolCall, ToolResult},
    json::Node,
};

/// Reads the history.
pub(super) fn read_messages(list: Given<Vec<Node<'_>>>) -> Result<Vec<Message>, Invalid> {
    let read = |(i, value)| {
        let mut message = Fields::new(Place::ROOT.item("messages", i), value)?;
        let role = match message.required("role")?.as_str() {
            "user" => Role::User,
            "assistant" => Role::Assistant,
            "system" => Role::System,
            _ => return Err(Invalid::new(message.place().field("role"), "user or assistant")),
        };
        let place = message.place();
        let parts = read_content(message.take("content"), place)?;
        Ok(Message { role, parts, name: None, rest: message.rest() })
    };
    let mut messages = Vec::with_capacity(list.value.len());
    for item in list.value.into_iter().enumerate() {
        messages.push(read(item)?);
    }
    Ok(messages)
}

/// Reads `content` or `system`; blocks are named after the field in `place`.
pub(super) fn read_content(content: Option<Given<Node<'_>>>, place: Place) -> Result<Vec<Part>, Invalid> {
    let Some(Given { value, at }) = content else { return Ok(Vec::new()) };
    let name = if at == place.field("system") { "system" } else { "content" };
    if let Some(text) = value.text() {
        return Ok(if text.is_empty() { Vec::new() } else { vec![Part::text(text)] });
    }
    let items = value.items().ok_or_else(|| Invalid::new(at, "a string or a list of blocks"))?;
    let mut parts = Vec::with_capacity(1);
    for (i, item) in items.enumerate() {
        read_block(place.item(name, i), item, &mut parts)?;
    }
    Ok(parts)
}

/// Reads a block: one part, and a second for what a thought has that thoughts do not.
fn read_block(at: Place, item: Node<'_>, parts: &mut Vec<Part>) -> Result<(), Invalid> {
    let mut block = Fields::new(at, item)?;
    let kind = block.peek("type").unwrap_or_default();
    match &*kind {
        "document" if block.holds("source", "application/pdf") => {
            parts.push(read_document(block)?);
            return Ok(());
        }
        "document" if block.holds("source", "text/plain") => {
            parts.push(read_plain_document(block)?);
            return Ok(());
        }
        "search_result" => return read_search_result(block, parts),
        _ => {}
    }
    if !matches!(&*kind, "text" | "image" | "thinking" | "redacted_thinking" | "tool_use" | "tool_result") {
        parts.push(Part::Other(Given::new(block.other(), at)));
        return Ok(());
    }
    block.forget(&["type"]);
    let part = match &*kind {
        "text" => Part::Text { text: block.required("text")?, rest: block.rest() },
        "image" => read_image(block)?,
        "thinking" => {
            let text = block.required("thinking")?;
            let signature = block.string("signature")?.filter(|seal| !seal.value.is_empty());
            parts.extend(block.leftover());
            Part::Thought(Thought { text, signature, sealed: None, at })
        }
        "redacted_thinking" => {
            let data = Given::new(block.required("data")?, at);
            parts.extend(block.leftover());
            Part::Thought(Thought { text: String::new(), signature: None, sealed: Some(data), at })
        }
        "tool_use" => Part::ToolCall(ToolCall {
            id: block.required("id")?,
            name: block.required("name")?,
            arguments: match block.take("input") {
                Some(Given { value, .. }) if value.is_object() => value.value().to_string(),
                _ => return Err(Invalid::new(at.field("input"), "an object")),
            },
            rest: block.rest(),
        }),
        _ => Part::ToolResult(ToolResult {
            id: block.required("tool_use_id")?,
            name: None,
            parts: read_content(block.take("content"), at)?,
            is_error: block.boolean("is_error")?,
            rest: block.rest(),
        }),
    };
    parts.push(part);
    Ok(())
}

/// A PDF file in the request itself.
fn read_document(mut block: Fields<'_>) -> Result<Part, Invalid> {
    block.forget(&["type"]);
    let wanted = Invalid::new(block.place().field("source"), "a source with data");
    let mut source = block.object("source")?.ok_or_else(|| wanted.clone())?;
    let url = source.string("data")?.ok_or(wanted)?.map(|data| format!("data:application/pdf;base64,{data}"));
    source.forget(&["type", "media_type"]);
    block.absorb(source);
    let name = block.string("title")?;
    Ok(Part::File { url, name, rest: block.rest() })
}

/// A plain text in the request itself: its words are what matters to other models too.
fn read_plain_document(mut block: Fields<'_>) -> Result<Part, Invalid> {
    block.forget(&["type"]);
    let wanted = Invalid::new(block.place().field("source"), "a source with data");
    let mut source = block.object("source")?.ok_or(wanted)?;
    let text = source.required("data")?;
    source.forget(&["type", "media_type"]);
    block.absorb(source);
    Ok(Part::Text { text, rest: block.rest() })
}

/// What a search found, as the texts it consists of; where it was found is told before them.
fn read_search_result(mut block: Fields<'_>, parts: &mut Vec<Part>) -> Result<(), Invalid> {
    block.forget(&["type"]);
    let place = block.place();
    let (title, source) = (block.string("title")?, block.string("source")?);
    let head: Vec<_> = [title, source].into_iter().flatten().map(|given| given.value).collect();
    let content = block.take("content");
    parts.push(Part::Text { text: head.join("\n"), rest: block.rest() });
    parts.extend(read_content(content, place)?);
    Ok(())
}

fn read_image(mut block: Fields<'_>) -> Result<Part, Invalid> {
    let at = block.place();
    let wanted = Invalid::new(at.field("source"), "a source of type base64 or url");
    let mut source = block.object("source")?.ok_or_else(|| wanted.clone())?;
    let image = match source.peek("type").as_deref() {
        Some("base64") => {
            let data = source.required("data")?;
            Image::from_base64(source.string("media_type")?.map(|given| given.value).as_deref(), data)
        }
        Some("url") => Image::from_url(source.required("url")?),
        Some("file") => {
            let source = source.other();
            return Ok(Part::Other(Given::new(serde_json::json!({"type": "image", "source": source}), at)));
        }
        _ => return Err(wanted),
    };
    source.forget(&["type"]);
    block.absorb(source);
    Ok(Part::Image { image: Given::new(image, at), detail: None, rest: block.rest() })
}
