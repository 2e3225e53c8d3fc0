//! Reads a responses request.

use super::{envelope::Envelope, input_read::read_input};
use crate::{
    canonical::{
        Fields, Format, Given, Input, Invalid, Message, Part, Place, Request, Rest, Role, Sampling, Thinking, Tool,
        ToolChoice,
    },
    dialect::openai::{set_effort, telling},
    json::Node,
};

/// Fields that point at something the client's own provider keeps. Without it the answer would be to another
/// question, so a request that needs it is refused, whatever the policy.
pub(crate) const STATEFUL: &[&str] = &["background", "conversation", "previous_response_id", "prompt"];

/// Reads the body of a responses request, and what the answer repeats of it.
///
/// # Errors
/// A field has the wrong type, or `input` is missing.
pub(crate) fn read_request(body: Node<'_>) -> Result<(Box<Request>, Envelope), Invalid> {
    let envelope = Envelope::new(body);
    let mut body = Fields::new(Place::ROOT, body)?;
    body.forget(&["model", "model_name", "stream_options"]);
    let input = body.take("input").ok_or_else(|| Invalid::new(Place::ROOT.field("input"), "a string or a list"))?;
    let mut messages = read_input(input)?;
    if let Some(text) = body.string("instructions")?.filter(|given| !given.value.is_empty()) {
        messages.insert(0, Message::new(Role::System, vec![Part::text(text.value)]));
    }
    let thinking = read_thinking(&mut body)?;
    let (format, verbosity) = read_text(&mut body)?;
    let mut sampling = Sampling {
        temperature: body.number("temperature")?,
        top_p: body.number("top_p")?,
        max_tokens: body.open_limit("max_output_tokens")?,
        top_logprobs: body.integer("top_logprobs")?,
        ..Sampling::default()
    };
    read_include(&mut body, &mut sampling)?;
    let stream = body.boolean("stream")?.is_some_and(|given| given.value);
    let request = Box::new(Request {
        stream,
        usage_wanted: true,
        input: Input::Messages(messages),
        tools: read_tools(&mut body)?,
        tool_choice: read_tool_choice(&mut body)?,
        parallel_tool_calls: body.boolean("parallel_tool_calls")?,
        format,
        thinking,
        sampling,
        user: body.string("user")?,
        service_tier: body.string("service_tier")?,
        verbosity,
        options: Rest::default(),
        rest: telling(body.rest()),
    });
    Ok((request, envelope))
}

fn read_thinking(body: &mut Fields<'_>) -> Result<Thinking, Invalid> {
    let mut thinking = Thinking::default();
    if let Some(mut reasoning) = body.object("reasoning")? {
        if let Some(given) = reasoning.string("effort")? {
            set_effort(&mut thinking, given)?;
        }
        let older = reasoning.string("generate_summary")?;
        thinking.display = reasoning.string("summary")?.or(older);
        body.absorb(reasoning);
    }
    Ok(thinking)
}

/// `include` asks for what is sent anyway, or for token probabilities; anything else stays in the rest.
fn read_include(body: &mut Fields<'_>, sampling: &mut Sampling) -> Result<(), Invalid> {
    let Some(whole) = body.look("include") else { return Ok(()) };
    let Some(list) = body.strings("include")? else { return Ok(()) };
    let known = |word: &String| match word.as_str() {
        "message.output_text.logprobs" => {
            sampling.logprobs = Some(Given::new(true, list.at));
            true
        }
        other => other == "reasoning.encrypted_content",
    };
    if list.value.iter().map(known).fold(false, |unknown, known| unknown | !known) {
        body.put_back("include", whole);
    }
    Ok(())
}

/// What form the text must have, and how long it should be.
type TextConfig = (Option<Given<Format>>, Option<Given<String>>);

fn read_text(body: &mut Fields<'_>) -> Result<TextConfig, Invalid> {
    let Some(mut text) = body.object("text")? else { return Ok((None, None)) };
    let verbosity = text.string("verbosity")?;
    let format = text.object("format")?;
    body.absorb(text);
    let Some(mut format) = format else { return Ok((None, verbosity)) };
    let at = format.place();
    let value = match format.peek("type").as_deref() {
        Some("text") => Format::Text,
        Some("json_object") => Format::Json,
        Some("json_schema") => Format::Schema {
            name: format.string("name")?,
            description: format.string("description")?,
            schema: format.value("schema").ok_or_else(|| Invalid::new(at.field("schema"), "a JSON schema"))?.value,
            strict: format.boolean("strict")?,
        },
        _ => return Ok((Some(Given::new(Format::Other(format.other()), at)), verbosity)),
    };
    format.forget(&["type"]);
    body.absorb(format);
    Ok((Some(Given::new(value, at)), verbosity))
}

fn read_tools(body: &mut Fields<'_>) -> Result<Vec<Tool>, Invalid> {
    let mut tools = Vec::new();
    for (i, value) in body.items("tools")?.into_iter().enumerate() {
        let mut tool = Fields::new(Place::ROOT.item("tools", i), value)?;
        if tool.peek("type").as_deref() != Some("function") {
            let at = tool.place();
            tools.push(Tool::Other(Given::new(tool.other(), at)));
            continue;
        }
        tool.forget(&["type"]);
        tools.push(Tool::Function {
            name: tool.required("name")?,
            description: tool.string("description")?.map(|given| given.value),
            parameters: tool.value("parameters").map(|given| given.value),
            strict: tool.boolean("strict")?,
            rest: tool.rest(),
        });
    }
    Ok(tools)
}

fn read_tool_choice(body: &mut Fields<'_>) -> Result<Option<Given<ToolChoice>>, Invalid> {
    let Some(given) = body.take("tool_choice") else { return Ok(None) };
    let value = given.value;
    let choice = match value.text() {
        Some(word) => match &*word {
            "auto" => ToolChoice::Auto,
            "none" => ToolChoice::None,
            "required" => ToolChoice::Required,
            _ => return Err(Invalid::new(given.at, "auto, none, required or a named function")),
        },
        None => match (value.get("type").and_then(Node::text), value.get("name").and_then(Node::text)) {
            (Some(kind), Some(name)) if kind == "function" => ToolChoice::Named(name.into_owned()),
            _ => ToolChoice::Other(value.value()),
        },
    };
    Ok(Some(Given::new(choice, given.at)))
}
