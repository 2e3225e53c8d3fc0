//! Reads a request to LM Studio's own chat, `api/v1/chat` (LM Studio documentation, "Chat with a model").

use crate::{
    canonical::{Fields, Given, Image, Input, Invalid, Message, Part, Place, Request, Rest, Role, Sampling, Thinking},
    dialect::openai::{set_effort, telling},
    json::Node,
};

/// Fields that point at a conversation that LM Studio keeps.
pub(crate) const STATEFUL: &[&str] = &["previous_response_id", "thread_id"];

/// Reads the body of a request.
///
/// # Errors
/// A field has the wrong type, or `input` is missing.
pub(crate) fn read_native(body: Node<'_>) -> Result<Box<Request>, Invalid> {
    let mut body = Fields::new(Place::ROOT, body)?;
    body.forget(&["model", "model_name"]);
    let mut messages = Vec::with_capacity(2);
    if let Some(prompt) = body.string("system_prompt")?.filter(|given| !given.value.is_empty()) {
        messages.push(Message::new(Role::System, vec![Part::text(prompt.value)]));
    }
    let wanted = || Invalid::new(Place::ROOT.field("input"), "a string or a list of items");
    messages.push(Message::new(Role::User, read_input(body.take("input").ok_or_else(wanted)?)?));
    Ok(Box::new(Request {
        stream: body.boolean("stream")?.is_some_and(|given| given.value),
        usage_wanted: true,
        input: Input::Messages(messages),
        tools: Vec::new(),
        tool_choice: None,
        parallel_tool_calls: None,
        format: None,
        thinking: read_reasoning(&mut body)?,
        sampling: Sampling {
            temperature: body.number("temperature")?,
            top_p: body.number("top_p")?,
            top_k: body.number("top_k")?,
            min_p: body.number("min_p")?,
            repeat_penalty: body.number("repeat_penalty")?,
            max_tokens: body.open_limit("max_output_tokens")?,
            num_ctx: body.number("context_length")?,
            keep_alive: body.value("ttl"),
            ..Sampling::default()
        },
        user: None,
        service_tier: None,
        verbosity: None,
        options: Rest::default(),
        rest: telling(body.rest()),
    }))
}

/// A text, or texts and pictures.
fn read_input(input: Given<Node<'_>>) -> Result<Vec<Part>, Invalid> {
    if let Some(text) = input.value.text() {
        return Ok(vec![Part::text(text)]);
    }
    let items = input.value.items().ok_or_else(|| Invalid::new(input.at, "a string or a list of items"))?;
    items.enumerate().map(|(i, item)| read_item(Fields::new(Place::ROOT.item("input", i), item)?)).collect()
}

fn read_item(mut item: Fields<'_>) -> Result<Part, Invalid> {
    let at = item.place();
    match item.peek("type").as_deref() {
        Some("image") => {
            item.forget(&["type"]);
            let image = Given::new(Image::from_url(item.required("data_url")?), at);
            Ok(Part::Image { image, detail: None, rest: item.rest() })
        }
        // The documentation has both words, and both names for the text.
        Some("message" | "text") => {
            item.forget(&["type"]);
            let text = match item.string("content")?.or(item.string("text")?) {
                Some(text) => text.value,
                None => return Err(Invalid::new(at.field("content"), "a string")),
            };
            Ok(Part::Text { text, rest: item.rest() })
        }
        _ => Ok(Part::Other(Given::new(item.other(), at))),
    }
}

/// `reasoning`: `off`, `on`, or how hard.
fn read_reasoning(body: &mut Fields<'_>) -> Result<Thinking, Invalid> {
    let mut thinking = Thinking::default();
    match body.string("reasoning")? {
        Some(given) if given.value == "off" => thinking.enabled = Some(given.map(|_| false)),
        Some(given) if given.value == "on" => thinking.enabled = Some(given.map(|_| true)),
        Some(given) => set_effort(&mut thinking, given)?,
        None => {}
    }
    Ok(thinking)
}
