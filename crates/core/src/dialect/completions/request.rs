//! Reads and writes requests for text completions.

use serde_json::{Map, Value, json};

use crate::{
    canonical::{Fields, Given, Input, Invalid, Losses, Place, Prompt, Request, Rest, Thinking},
    dialect::openai::{Flavour, read_sampling, read_stream, telling, write_sampling},
};

/// Reads the body of a completion request.
///
/// # Errors
/// A field has the wrong type, or there is more than one prompt, which other providers do not take.
pub(crate) fn read_request(body: Value) -> Result<Request, Invalid> {
    let mut body = Fields::new(Place::ROOT, body)?;
    body.forget(&["model", "model_name"]);
    let prompt = Prompt {
        text: read_prompt(body.take("prompt"))?,
        suffix: body.string("suffix")?.filter(|given| !given.value.is_empty()),
        echo: body.boolean("echo")?,
        best_of: body.integer("best_of")?,
        ..Prompt::default()
    };
    let logprobs = body.integer("logprobs")?;
    let (stream, usage_wanted) = read_stream(&mut body)?;
    let mut sampling = read_sampling(&mut body)?;
    sampling.logprobs = logprobs.as_ref().map(|given| Given::new(true, given.at));
    sampling.top_logprobs = logprobs;
    Ok(Request {
        stream,
        usage_wanted,
        input: Input::Prompt(prompt),
        tools: Vec::new(),
        tool_choice: None,
        parallel_tool_calls: None,
        format: None,
        thinking: Thinking::default(),
        sampling,
        user: body.string("user")?,
        service_tier: None,
        verbosity: None,
        options: Rest::default(),
        rest: telling(body.rest()),
    })
}

fn read_prompt(prompt: Option<Given<Value>>) -> Result<String, Invalid> {
    let Some(Given { value, at }) = prompt else { return Ok(String::new()) };
    match value {
        Value::String(text) => Ok(text),
        Value::Array(mut items) if items.len() == 1 => match items.swap_remove(0) {
            Value::String(text) => Ok(text),
            _ => Err(Invalid::new(at, "a text; this model's provider takes no token numbers")),
        },
        _ => Err(Invalid::new(at, "one text; this model's provider takes no lists of prompts")),
    }
}

/// Writes the body of a completion request.
pub(crate) fn write_request(
    request: Request,
    prompt: Prompt,
    model: &str,
    flavour: Flavour,
    losses: &mut Losses,
) -> Value {
    let Request {
        stream,
        usage_wanted: _,
        input: _,
        tools,
        tool_choice,
        parallel_tool_calls,
        format,
        thinking,
        mut sampling,
        user,
        service_tier,
        verbosity,
        options,
        rest,
    } = request;
    let Prompt { text, suffix, system, images, raw: _, echo, best_of } = prompt;
    losses.given(system.filter(|given| !given.value.is_empty()));
    for image in images {
        losses.add(image.at);
    }
    for tool in tools {
        losses.add(tool.place());
    }
    losses.given(tool_choice);
    losses.given(parallel_tool_calls);
    losses.given(format);
    losses.unless(thinking.enabled, &false);
    losses.given(thinking.effort);
    losses.given(thinking.budget);
    losses.given(service_tier);
    losses.given(verbosity);
    let mut out = Map::new();
    out.insert("model".to_owned(), model.into());
    out.insert("prompt".to_owned(), text.into());
    out.insert("stream".to_owned(), stream.into());
    if stream {
        out.insert("stream_options".to_owned(), json!({"include_usage": true}));
    }
    out.extend(suffix.map(|given| ("suffix".to_owned(), given.value.into())));
    out.extend(echo.map(|given| ("echo".to_owned(), given.value.into())));
    out.extend(best_of.map(|given| ("best_of".to_owned(), given.value.into())));
    let wanted = sampling.logprobs.take().is_some_and(|given| given.value);
    let top = sampling.top_logprobs.take().map_or(1, |given| given.value);
    if wanted {
        out.insert("logprobs".to_owned(), top.into());
    }
    write_sampling(sampling, flavour, model, &mut out, losses);
    out.extend(user.map(|user| ("user".to_owned(), user.value.into())));
    options.lose(losses);
    rest.lose(losses);
    out.into()
}
