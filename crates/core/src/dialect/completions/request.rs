//! Reads and writes requests for text completions.

use std::borrow::Cow;

use crate::{
    canonical::{Fields, Given, Input, Invalid, Losses, Place, Prompt, Request, Rest, Thinking},
    dialect::openai::{Flavour, read_sampling, read_stream, telling, write_sampling, write_stream},
    json::{Node, Object},
};

/// Reads the body of a completion request.
///
/// # Errors
/// A field has the wrong type, or there is more than one prompt, which other providers do not take.
pub(crate) fn read_request(body: Node<'_>) -> Result<Box<Request>, Invalid> {
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
    Ok(Box::new(Request {
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
    }))
}

fn read_prompt(prompt: Option<Given<Node<'_>>>) -> Result<String, Invalid> {
    let Some(Given { value, at }) = prompt else { return Ok(String::new()) };
    let mut items = value.items().into_iter().flatten();
    let (text, wanted) = match (items.next(), items.next()) {
        (None, _) => (value.text(), "one text; this model's provider takes no lists of prompts"),
        (Some(first), _) if first.text().is_none() => (None, "a text; this model's provider takes no token numbers"),
        (Some(only), None) => (only.text(), "one text"),
        (Some(_), Some(_)) => (None, "one text; this model's provider takes no lists of prompts"),
    };
    text.map(Cow::into_owned).ok_or_else(|| Invalid::new(at, wanted))
}

/// Writes the body of a completion request.
pub(crate) fn write_request(
    request: Box<Request>,
    model: &str,
    flavour: Flavour,
    losses: &mut Losses,
    out: &mut Object<'_>,
) {
    let Request {
        stream,
        usage_wanted: _,
        input,
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
    } = *request;
    let Input::Prompt(prompt) = input else { return };
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
    out.put("model", model);
    out.put("prompt", text);
    write_stream(stream, out);
    out.some("suffix", suffix.map(|given| given.value));
    out.some("echo", echo.map(|given| given.value));
    out.some("best_of", best_of.map(|given| given.value));
    let wanted = sampling.logprobs.take().is_some_and(|given| given.value);
    let top = sampling.top_logprobs.take().map_or(1, |given| given.value);
    out.some("logprobs", wanted.then_some(top));
    write_sampling(sampling, flavour, model, out, losses);
    out.some("user", user.map(|given| given.value));
    options.lose(losses);
    rest.lose(losses);
}
