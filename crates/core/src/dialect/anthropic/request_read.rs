//! Reads a Messages request.

use super::content_read::{read_content, read_messages};
use crate::{
    canonical::{
        Effort, Fields, Format, Given, Input, Invalid, Message, Place, Request, Rest, Role, Sampling, Thinking, Tool,
        ToolChoice,
    },
    json::Node,
};

/// Reads the body of a Messages request, or of a request to count its tokens.
///
/// # Errors
/// A field has the wrong type, or `messages` is missing or empty.
pub(crate) fn read_request(body: Node<'_>) -> Result<Box<Request>, Invalid> {
    let mut body = Fields::new(Place::ROOT, body)?;
    body.forget(&["model", "model_name"]);
    let list = body.messages()?;
    let mut messages = read_messages(list)?;
    let system = read_content(body.take("system"), Place::ROOT)?;
    if !system.is_empty() {
        messages.insert(0, Message::new(Role::System, system));
    }
    let (tool_choice, parallel_tool_calls) = read_tool_choice(&mut body)?;
    let mut thinking = read_thinking(&mut body)?;
    let format = read_output(&mut body, &mut thinking)?;
    Ok(Box::new(Request {
        stream: body.boolean("stream")?.is_some_and(|given| given.value),
        usage_wanted: true,
        input: Input::Messages(messages),
        tools: read_tools(&mut body)?,
        tool_choice,
        parallel_tool_calls,
        format,
        thinking,
        sampling: Sampling {
            temperature: body.number("temperature")?,
            top_p: body.number("top_p")?,
            top_k: body.number("top_k")?,
            max_tokens: body.limit("max_tokens")?,
            stop: body.strings("stop_sequences")?,
            ..Sampling::default()
        },
        user: read_user(&mut body)?,
        service_tier: read_tier(&mut body)?,
        verbosity: None,
        options: Rest::default(),
        rest: body.rest(),
    }))
}

/// `user_id`; other metadata stays in the rest.
fn read_user(body: &mut Fields<'_>) -> Result<Option<Given<String>>, Invalid> {
    let Some(mut metadata) = body.object("metadata")? else { return Ok(None) };
    let user = metadata.string("user_id")?;
    body.absorb(metadata);
    Ok(user)
}

/// `auto` means the same as with OpenAI; `standard_only` is OpenAI's `default`.
fn read_tier(body: &mut Fields<'_>) -> Result<Option<Given<String>>, Invalid> {
    let tier = body.string("service_tier")?;
    Ok(tier.map(|given| given.map(|word| if word == "standard_only" { "default".to_owned() } else { word })))
}

fn read_tools(body: &mut Fields<'_>) -> Result<Vec<Tool>, Invalid> {
    let mut tools = Vec::new();
    for (i, value) in body.items("tools")?.into_iter().enumerate() {
        let mut tool = Fields::new(Place::ROOT.item("tools", i), value)?;
        if tool.peek("type").is_some_and(|kind| kind != "custom") {
            let at = tool.place();
            tools.push(Tool::Other(Given::new(tool.other(), at)));
            continue;
        }
        tool.forget(&["type"]);
        tools.push(Tool::Function {
            name: tool.required("name")?,
            description: tool.string("description")?.map(|given| given.value),
            parameters: tool.value("input_schema").map(|given| given.value),
            strict: tool.boolean("strict")?,
            rest: tool.rest(),
        });
    }
    Ok(tools)
}

/// Which tool to call, and whether several at once.
type Choice = (Option<Given<ToolChoice>>, Option<Given<bool>>);

fn read_tool_choice(body: &mut Fields<'_>) -> Result<Choice, Invalid> {
    let Some(mut fields) = body.object("tool_choice")? else { return Ok((None, None)) };
    let at = fields.place();
    let parallel = fields.boolean("disable_parallel_tool_use")?.map(|given| given.map(|disabled| !disabled));
    let choice = match fields.required("type")?.as_str() {
        "auto" => ToolChoice::Auto,
        "any" => ToolChoice::Required,
        "none" => ToolChoice::None,
        "tool" => ToolChoice::Named(fields.required("name")?),
        _ => return Err(Invalid::new(at.field("type"), "auto, any, tool or none")),
    };
    body.absorb(fields);
    Ok((Some(Given::new(choice, at)), parallel))
}

fn read_thinking(body: &mut Fields<'_>) -> Result<Thinking, Invalid> {
    let mut thinking = Thinking::default();
    let Some(mut fields) = body.object("thinking")? else { return Ok(thinking) };
    let at = fields.place();
    thinking.enabled = match fields.required("type")?.as_str() {
        "disabled" => Some(Given::new(false, at)),
        _ => Some(Given::new(true, at)),
    };
    thinking.budget = fields.integer("budget_tokens")?;
    thinking.display = fields.string("display")?;
    body.absorb(fields);
    Ok(thinking)
}

/// `output_config`: the effort, and the form of the answer (`output_format` in its time as a beta).
fn read_output(body: &mut Fields<'_>, thinking: &mut Thinking) -> Result<Option<Given<Format>>, Invalid> {
    let mut format = body.object("output_format")?;
    if let Some(mut config) = body.object("output_config")? {
        format = config.object("format")?.or(format);
        if let Some(given) = config.string("effort")? {
            let wanted = "low, medium, high, xhigh or max";
            let effort = Effort::from_word(&given.value).ok_or_else(|| Invalid::new(given.at, wanted))?;
            thinking.effort = Some(given.map(|_| effort));
        }
        body.absorb(config);
    }
    let Some(mut format) = format else { return Ok(None) };
    let at = format.place();
    if format.peek("type").as_deref() != Some("json_schema") {
        return Ok(Some(Given::new(Format::Other(format.other()), at)));
    }
    let schema = format.value("schema").ok_or_else(|| Invalid::new(at.field("schema"), "a JSON schema"))?.value;
    format.forget(&["type"]);
    body.absorb(format);
    Ok(Some(Given::new(Format::Schema { name: None, description: None, schema, strict: None }, at)))
}
