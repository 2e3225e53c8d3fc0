//! Reads Ollama's chat and generate requests.

use super::{
    history_read::{read_images, read_messages},
    options::read_options,
};
use crate::{
    canonical::{Effort, Fields, Format, Given, Input, Invalid, Place, Prompt, Request, Thinking, Tool},
    json::Node,
};

/// Reads the body of a chat request. Without messages it asks for the model to be loaded.
///
/// # Errors
/// A field has the wrong type.
pub(crate) fn read_chat(body: Node<'_>) -> Result<Box<Request>, Invalid> {
    let mut body = Fields::new(Place::ROOT, body)?;
    let messages = read_messages(body.items("messages")?)?;
    let tools = read_tools(&mut body)?;
    finish(body, Input::Messages(messages), tools)
}

/// Reads the body of a generate request. Without a prompt it asks for the model to be loaded.
///
/// # Errors
/// A field has the wrong type.
pub(crate) fn read_generate(body: Node<'_>) -> Result<Box<Request>, Invalid> {
    let mut body = Fields::new(Place::ROOT, body)?;
    let prompt = Prompt {
        text: body.string("prompt")?.map(|given| given.value).unwrap_or_default(),
        suffix: body.string("suffix")?.filter(|given| !given.value.is_empty()),
        system: body.string("system")?,
        images: read_images(&mut body)?,
        raw: body.boolean("raw")?,
        echo: None,
        best_of: None,
    };
    finish(body, Input::Prompt(prompt), Vec::new())
}

/// Reads what both requests have.
fn finish(mut body: Fields<'_>, input: Input, tools: Vec<Tool>) -> Result<Box<Request>, Invalid> {
    body.forget(&["model", "model_name"]);
    let (sampling, options) = read_options(&mut body)?;
    Ok(Box::new(Request {
        stream: body.boolean("stream")?.is_none_or(|given| given.value),
        usage_wanted: true,
        input,
        tools,
        tool_choice: None,
        parallel_tool_calls: None,
        format: read_format(&mut body)?,
        thinking: read_think(&mut body)?,
        sampling,
        user: None,
        service_tier: None,
        verbosity: None,
        options,
        rest: body.rest(),
    }))
}

fn read_tools(body: &mut Fields<'_>) -> Result<Vec<Tool>, Invalid> {
    let mut tools = Vec::new();
    for (i, value) in body.items("tools")?.into_iter().enumerate() {
        let mut tool = Fields::new(Place::ROOT.item("tools", i), value)?;
        let wanted = Invalid::new(tool.place().field("function"), "an object with a name");
        let mut function = tool.object("function")?.ok_or(wanted)?;
        tool.forget(&["type"]);
        let name = function.required("name")?;
        let description = function.string("description")?.map(|given| given.value);
        let parameters = function.value("parameters").map(|given| given.value);
        let strict = function.boolean("strict")?;
        tool.absorb(function);
        tools.push(Tool::Function { name, description, parameters, strict, rest: tool.rest() });
    }
    Ok(tools)
}

fn read_format(body: &mut Fields<'_>) -> Result<Option<Given<Format>>, Invalid> {
    let Some(Given { value, at }) = body.take("format") else { return Ok(None) };
    let format = match value.text().as_deref() {
        Some("") => return Ok(None),
        Some("json") => Format::Json,
        None if value.is_object() => {
            Format::Schema { name: None, description: None, schema: value.value(), strict: None }
        }
        _ => return Err(Invalid::new(at, "\"json\" or a JSON schema")),
    };
    Ok(Some(Given::new(format, at)))
}

/// `think`: true, false, or an effort.
fn read_think(body: &mut Fields<'_>) -> Result<Thinking, Invalid> {
    let mut thinking = Thinking::default();
    let Some(Given { value, at }) = body.take("think") else { return Ok(thinking) };
    match (value.boolean(), value.text().and_then(|word| Effort::from_word(&word))) {
        (Some(on), _) => thinking.enabled = Some(Given::new(on, at)),
        (None, Some(effort)) => thinking.effort = Some(Given::new(effort, at)),
        (None, None) => return Err(Invalid::new(at, "true, false, low, medium, high or max")),
    }
    Ok(thinking)
}
