//! Reads the `messages` of an Ollama chat request.

use crate::{
    canonical::{Fields, Given, Image, Invalid, Message, Part, Place, Rest, Role, Thought, ToolCall, ToolResult},
    json::Node,
};

/// Reads the history.
pub(super) fn read_messages(items: Vec<Node<'_>>) -> Result<Vec<Message>, Invalid> {
    let mut messages = Vec::with_capacity(items.len());
    for (i, value) in items.into_iter().enumerate() {
        messages.push(read_message(Fields::new(Place::ROOT.item("messages", i), value)?)?);
    }
    Ok(messages)
}

fn read_message(mut message: Fields<'_>) -> Result<Message, Invalid> {
    let role = match message.required("role")?.as_str() {
        "system" => Role::System,
        "user" => Role::User,
        "assistant" => Role::Assistant,
        "tool" => return read_tool(message),
        _ => return Err(Invalid::new(message.place().field("role"), "system, user, assistant or tool")),
    };
    let mut parts = Vec::with_capacity(1);
    if let Some(text) = message.string("thinking")?.filter(|text| !text.value.is_empty()) {
        parts.push(Part::Thought(Thought::plain(text.value, text.at)));
    }
    parts.extend(read_words(&mut message)?);
    for (i, call) in message.items("tool_calls")?.into_iter().enumerate() {
        parts.push(read_call(Fields::new(message.place().item("tool_calls", i), call)?)?);
    }
    Ok(Message { role, parts, name: None, rest: message.rest() })
}

/// The text and the pictures of a message.
fn read_words(message: &mut Fields<'_>) -> Result<Vec<Part>, Invalid> {
    let text = message.string("content")?.map(|given| given.value).filter(|text| !text.is_empty());
    let mut parts: Vec<_> = text.map(Part::text).into_iter().collect();
    for image in read_images(message)? {
        parts.push(Part::Image { image, detail: None, rest: Rest::default() });
    }
    Ok(parts)
}

/// `images`: base64, in some clients with a `data:` prefix or as a URL.
pub(super) fn read_images(fields: &mut Fields<'_>) -> Result<Vec<Given<Image>>, Invalid> {
    let place = fields.place();
    let read = |(i, value): (usize, Node<'_>)| {
        let at = place.item("images", i);
        let text = value.text().ok_or_else(|| Invalid::new(at, "a string of base64"))?.into_owned();
        let url = ["data:", "http://", "https://"].iter().any(|scheme| text.starts_with(scheme));
        Ok(Given::new(if url { Image::from_url(text) } else { Image::from_base64(None, text) }, at))
    };
    fields.items("images")?.into_iter().enumerate().map(read).collect()
}

fn read_call(mut call: Fields<'_>) -> Result<Part, Invalid> {
    let wanted = Invalid::new(call.place().field("function"), "an object with a name");
    let mut function = call.object("function")?.ok_or(wanted)?;
    let name = function.required("name")?;
    let arguments = match function.take("arguments") {
        None => "{}".to_owned(),
        Some(Given { value, .. }) if value.is_object() => value.value().to_string(),
        Some(Given { at, .. }) => return Err(Invalid::new(at, "an object")),
    };
    let id = call.string("id")?.map(|given| given.value).unwrap_or_default();
    function.forget(&["index"]);
    call.absorb(function);
    call.forget(&["type"]);
    Ok(Part::ToolCall(ToolCall { id, name, arguments, rest: call.rest() }))
}

fn read_tool(mut message: Fields<'_>) -> Result<Message, Invalid> {
    let id = message.string("tool_call_id")?.map(|given| given.value).unwrap_or_default();
    let older = message.string("name")?;
    let name = message.string("tool_name")?.or(older).map(|given| given.value);
    let parts = read_words(&mut message)?;
    let result = ToolResult { id, name, parts, is_error: None, rest: message.rest() };
    Ok(Message::new(Role::Tool, vec![Part::ToolResult(result)]))
}
