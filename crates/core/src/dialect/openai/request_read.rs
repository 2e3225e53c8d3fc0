//! Reads an OpenAI chat request.

use super::{history_read::read_messages, switch};
use crate::{
    canonical::{
        Effort, Fields, Format, Given, Input, Invalid, Place, Request, Rest, Sampling, Thinking, Tool, ToolChoice,
    },
    json::Node,
};

/// Reads the body of a chat request.
///
/// # Errors
/// A field has the wrong type, or `messages` is missing or empty.
pub(crate) fn read_request(body: Node<'_>) -> Result<Box<Request>, Invalid> {
    let mut body = Fields::new(Place::ROOT, body)?;
    body.forget(&["model", "model_name"]);
    let messages = body.messages()?;
    let (stream, usage_wanted) = read_stream(&mut body)?;
    let mut sampling = read_sampling(&mut body)?;
    let options = read_foreign_options(&mut body, &mut sampling)?;
    Ok(Box::new(Request {
        stream,
        usage_wanted,
        input: Input::Messages(read_messages(messages)?),
        tools: read_tools(&mut body)?,
        tool_choice: read_tool_choice(&mut body)?,
        parallel_tool_calls: body.boolean("parallel_tool_calls")?,
        format: read_format(&mut body)?,
        thinking: read_thinking(&mut body)?,
        sampling,
        user: body.string("user")?,
        service_tier: body.string("service_tier")?,
        verbosity: body.string("verbosity")?,
        options,
        rest: telling(body.rest()),
    }))
}

/// Leaves out fields that only say what is done anyway.
pub(crate) fn telling(mut rest: Rest) -> Rest {
    rest.fields.retain(|name, value| match name.as_str() {
        "store" | "background" => *value != false,
        "modalities" => *value != serde_json::json!(["text"]),
        "truncation" => value != "disabled",
        _ => true,
    });
    rest
}

/// Ollama's `options`, which OpenAI clients send beside OpenAI's own fields to reach Ollama's context size.
fn read_foreign_options(body: &mut Fields<'_>, sampling: &mut Sampling) -> Result<Rest, Invalid> {
    let Some(mut options) = body.object("options")? else { return Ok(Rest::default()) };
    sampling.num_ctx = sampling.num_ctx.take().or(options.number("num_ctx")?);
    Ok(options.rest())
}

/// Whether to stream, and with usage numbers.
pub(crate) fn read_stream(body: &mut Fields<'_>) -> Result<(bool, bool), Invalid> {
    let stream = body.boolean("stream")?.is_some_and(|given| given.value);
    let usage = match body.object("stream_options")? {
        Some(mut options) => {
            let wanted = options.boolean("include_usage")?.is_some_and(|given| given.value);
            options.forget(&["include_obfuscation"]);
            body.absorb(options);
            wanted
        }
        None => false,
    };
    Ok((stream, usage))
}

/// The sampling fields that OpenAI and the servers that imitate it know.
pub(crate) fn read_sampling(body: &mut Fields<'_>) -> Result<Sampling, Invalid> {
    let newer = body.open_limit("max_completion_tokens")?;
    let older = body.open_limit("max_tokens")?;
    let logit_bias = body.object("logit_bias")?.map(Fields::rest);
    let repetition = body.number("repetition_penalty")?;
    Ok(Sampling {
        temperature: body.number("temperature")?,
        top_p: body.number("top_p")?,
        top_k: body.number("top_k")?,
        min_p: body.number("min_p")?,
        typical_p: body.number("typical_p")?,
        presence_penalty: body.number("presence_penalty")?,
        frequency_penalty: body.number("frequency_penalty")?,
        repeat_penalty: body.number("repeat_penalty")?.or(repetition),
        seed: body.number("seed")?,
        max_tokens: newer.or(older),
        stop: body.strings("stop")?,
        n: body.integer("n")?,
        logprobs: body.boolean("logprobs")?,
        top_logprobs: body.integer("top_logprobs")?,
        logit_bias: logit_bias.filter(|rest| !rest.fields.is_empty()).map(|rest| Given::new(rest.fields, rest.at)),
        num_ctx: body.number("num_ctx")?,
        keep_alive: body.value("keep_alive").or(body.value("ttl")),
    })
}

fn read_thinking(body: &mut Fields<'_>) -> Result<Thinking, Invalid> {
    let mut thinking = Thinking::default();
    if let Some(given) = body.string("reasoning_effort")? {
        set_effort(&mut thinking, given)?;
    }
    if let Some(mut reasoning) = body.object("reasoning")? {
        if let Some(given) = reasoning.string("effort")? {
            set_effort(&mut thinking, given)?;
        }
        thinking.budget = reasoning.integer("max_tokens")?;
        thinking.enabled = reasoning.boolean("enabled")?.or(thinking.enabled);
        thinking.display = reasoning.string("summary")?;
        body.absorb(reasoning);
    }
    switch::read(body, &mut thinking)?;
    Ok(thinking)
}

/// `none` switches thinking off; any other word is how hard to think.
pub(crate) fn set_effort(thinking: &mut Thinking, given: Given<String>) -> Result<(), Invalid> {
    if given.value == "none" {
        thinking.enabled = Some(given.map(|_| false));
        return Ok(());
    }
    match Effort::from_word(&given.value) {
        Some(effort) => thinking.effort = Some(given.map(|_| effort)),
        None => return Err(Invalid::new(given.at, "none, minimal, low, medium, high, xhigh or max")),
    }
    Ok(())
}

fn read_tools(body: &mut Fields<'_>) -> Result<Vec<Tool>, Invalid> {
    let mut tools = Vec::new();
    for (i, value) in body.items("tools")?.into_iter().enumerate() {
        let at = Place::ROOT.item("tools", i);
        if value.get("function").is_none_or(|function| !function.is_object()) {
            tools.push(Tool::Other(Given::new(value.value(), at)));
            continue;
        }
        let mut tool = Fields::new(at, value)?;
        let mut function = tool.object("function")?.expect("an object, as just checked");
        tool.forget(&["type"]);
        let mut read = read_function(&mut function)?;
        if let Tool::Function { rest, .. } = &mut read {
            tool.absorb(function);
            *rest = tool.rest();
        }
        tools.push(read);
    }
    for (i, value) in body.items("functions")?.into_iter().enumerate() {
        let mut function = Fields::new(Place::ROOT.item("functions", i), value)?;
        let mut read = read_function(&mut function)?;
        if let Tool::Function { rest, .. } = &mut read {
            *rest = function.rest();
        }
        tools.push(read);
    }
    Ok(tools)
}

fn read_function(function: &mut Fields<'_>) -> Result<Tool, Invalid> {
    Ok(Tool::Function {
        name: function.required("name")?,
        description: function.string("description")?.map(|given| given.value),
        parameters: function.value("parameters").map(|given| given.value),
        strict: function.boolean("strict")?,
        rest: Default::default(),
    })
}

fn read_tool_choice(body: &mut Fields<'_>) -> Result<Option<Given<ToolChoice>>, Invalid> {
    let older = body.take("function_call");
    let Some(given) = body.take("tool_choice").or(older) else { return Ok(None) };
    let value = given.value;
    let choice = match value.text() {
        Some(word) => match &*word {
            "auto" => ToolChoice::Auto,
            "none" => ToolChoice::None,
            "required" | "any" => ToolChoice::Required,
            _ => return Err(Invalid::new(given.at, "auto, none, required or a named function")),
        },
        None => {
            let function = value.get("function").and_then(|function| function.get("name"));
            let name = function.or(value.get("name").filter(|_| value.get("type").is_none()));
            match name.and_then(Node::text) {
                Some(name) => ToolChoice::Named(name.into_owned()),
                None => ToolChoice::Other(value.value()),
            }
        }
    };
    Ok(Some(Given::new(choice, given.at)))
}

fn read_format(body: &mut Fields<'_>) -> Result<Option<Given<Format>>, Invalid> {
    let Some(mut fields) = body.object("response_format")? else { return Ok(None) };
    let at = fields.place();
    let format = match fields.peek("type").as_deref() {
        Some("text") => Format::Text,
        Some("json_object") => Format::Json,
        Some("json_schema") => {
            let wanted = Invalid::new(at.field("json_schema"), "an object with a schema");
            let mut inner = fields.object("json_schema")?.ok_or_else(|| wanted.clone())?;
            let format = Format::Schema {
                name: inner.string("name")?,
                description: inner.string("description")?,
                schema: inner.value("schema").ok_or(wanted)?.value,
                strict: inner.boolean("strict")?,
            };
            fields.absorb(inner);
            format
        }
        _ => return Ok(Some(Given::new(Format::Other(fields.other()), at))),
    };
    fields.forget(&["type"]);
    body.absorb(fields);
    Ok(Some(Given::new(format, at)))
}
