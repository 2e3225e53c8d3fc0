//! Writes a Messages request.

use serde_json::{Number, Value};

use super::{
    generation::Generation,
    history_write::History,
    schema,
    thinking_write::{can_resume, write_thinking},
};
use crate::{
    canonical::{Format, Given, Input, Losses, Request, Rest, Sampling, Tool, ToolChoice},
    json::Object,
};

/// Fields without canonical meaning that the Messages API has.
const OWN: &[&str] = &["cache_control", "container", "context_management", "inference_geo", "mcp_servers"];

/// Writes the body of a Messages request.
pub(crate) fn write_request(request: Box<Request>, model: &str, losses: &mut Losses, out: &mut Object<'_>) {
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
    let generation = Generation::of(model);
    let messages = match input {
        Input::Messages(messages) => messages,
        Input::Prompt(prompt) => prompt.into_messages(losses),
    };
    let forced =
        matches!(tool_choice.as_ref().map(|given| &given.value), Some(ToolChoice::Required | ToolChoice::Named(_)))
            && !tools.is_empty();
    let possible = !forced && (generation.thinks_by_effort() || can_resume(&messages));
    let history = History::of(messages, losses);
    out.put("model", model);
    let limit = sampling.max_tokens.take();
    let thinks = write_thinking(thinking, limit, possible, generation, out, losses);
    history.write(out);
    out.put("stream", stream);
    write_tools(tools, (tool_choice, parallel_tool_calls), generation, out, losses);
    let schema = format.and_then(|format| fit_format(format, generation, losses));
    if thinks.effort.is_some() || schema.is_some() {
        out.object("output_config", |out| {
            out.some("effort", thinks.effort);
            if let Some(schema) = schema {
                out.object("format", |out| {
                    out.put("type", "json_schema");
                    out.put("schema", schema);
                });
            }
        });
    }
    write_sampling(sampling, thinks.thinks, generation, out, losses);
    if let Some(user) = user {
        out.object("metadata", |out| out.put("user_id", user.value));
    }
    match service_tier.as_ref().map(|given| given.value.as_str()) {
        Some("auto") => out.put("service_tier", "auto"),
        Some("default") => out.put("service_tier", "standard_only"),
        _ => losses.given(service_tier),
    }
    losses.given(verbosity);
    options.lose(losses);
    rest.carry(OWN, out, losses);
}

fn write_tools(
    mut tools: Vec<Tool>,
    (choice, parallel): (Option<Given<ToolChoice>>, Option<Given<bool>>),
    generation: Generation,
    out: &mut Object<'_>,
    losses: &mut Losses,
) {
    tools.retain_mut(|tool| match tool {
        Tool::Other(given) => {
            losses.add(given.at);
            false
        }
        Tool::Function { parameters, strict, rest, .. } => {
            fit_function(parameters, strict, rest, generation, losses);
            true
        }
    });
    if tools.is_empty() {
        losses.unless(choice.filter(|given| given.value != ToolChoice::None), &ToolChoice::Auto);
        losses.unless(parallel, &true);
        return;
    }
    out.objects("tools", tools, write_tool);
    let serial = parallel.is_some_and(|given| !given.value);
    let choice = choice.map(|given| match given.value {
        ToolChoice::Other(_) => {
            losses.add(given.at);
            ToolChoice::Auto
        }
        choice => choice,
    });
    if choice.is_some() || serial {
        out.object("tool_choice", |out| write_choice(&choice.unwrap_or(ToolChoice::Auto), serial, out));
    }
}

/// Makes the schema one that the API takes, and leaves `strict` only where the model can be held to it.
fn fit_function(
    parameters: &mut Option<Value>,
    strict: &mut Option<Given<bool>>,
    rest: &mut Rest,
    generation: Generation,
    losses: &mut Losses,
) {
    let mut arguments = schema::arguments(parameters.take());
    match strict {
        Some(strict) if strict.value && generation.takes_schemas() => {
            if schema::fit(&mut arguments) {
                losses.add(strict.at);
            }
        }
        other => losses.unless(other.take(), &false),
    }
    *parameters = Some(arguments);
    rest.keep(&["cache_control"], losses);
}

fn write_tool(tool: Tool, out: &mut Object<'_>) {
    let Tool::Function { name, description, parameters, strict, rest } = tool else { return };
    out.put("name", name);
    out.some("description", description);
    out.some("strict", strict.map(|given| given.value));
    out.some("input_schema", parameters);
    out.others(&rest.fields, &[]);
}

fn write_choice(choice: &ToolChoice, serial: bool, out: &mut Object<'_>) {
    match choice {
        ToolChoice::Auto | ToolChoice::Other(_) => out.put("type", "auto"),
        ToolChoice::None => return out.put("type", "none"),
        ToolChoice::Required => out.put("type", "any"),
        ToolChoice::Named(name) => {
            out.put("type", "tool");
            out.put("name", name);
        }
    }
    if serial {
        out.put("disable_parallel_tool_use", true);
    }
}

/// The schema that the answer must follow, as the API takes it.
fn fit_format(format: Given<Format>, generation: Generation, losses: &mut Losses) -> Option<Value> {
    let at = format.at;
    match format.value {
        Format::Text => None,
        // The name steers nothing here, and the schema is always followed exactly.
        Format::Schema { name: _, description, mut schema, strict: _ } if generation.takes_schemas() => {
            losses.given(description);
            if schema::fit(&mut schema) {
                losses.add(at);
            }
            Some(schema)
        }
        Format::Schema { .. } | Format::Json | Format::Other(_) => {
            losses.add(at);
            None
        }
    }
}

/// Writes the sampling fields. A thinking model takes neither a temperature nor `top_k`, and `top_p` only near 1.
fn write_sampling(sampling: Sampling, thinks: bool, generation: Generation, out: &mut Object<'_>, losses: &mut Losses) {
    let Sampling {
        temperature,
        top_p,
        top_k,
        min_p,
        typical_p,
        presence_penalty,
        frequency_penalty,
        repeat_penalty,
        seed,
        max_tokens: _,
        stop,
        n,
        logprobs,
        top_logprobs,
        logit_bias,
        num_ctx,
        keep_alive,
    } = sampling;
    for given in [min_p, seed, num_ctx] {
        losses.given(given);
    }
    for (given, neutral) in [(typical_p, 1.0), (presence_penalty, 0.0), (frequency_penalty, 0.0), (repeat_penalty, 1.0)]
    {
        losses.given(given.filter(|given| given.value.as_f64() != Some(neutral)));
    }
    losses.unless(n, &1);
    losses.unless(logprobs, &false);
    losses.unless(top_logprobs, &0);
    losses.given(logit_bias);
    losses.given(keep_alive);
    write_warmth(temperature, top_p, thinks, generation, out, losses);
    match top_k {
        Some(given) if thinks || !generation.takes_sampling() => losses.add(given.at),
        Some(given) => out.put("top_k", given.value),
        None => {}
    }
    if let Some(Given { value, at }) = stop {
        let (blank, stops): (Vec<_>, Vec<_>) = value.into_iter().partition(|text| text.trim().is_empty());
        if !blank.is_empty() {
            losses.add(at);
        }
        if !stops.is_empty() {
            out.put("stop_sequences", stops);
        }
    }
}

/// `temperature` goes up to 1 here and to 2 elsewhere. Newer models take one of the two fields, not both; the newest, none.
fn write_warmth(
    temperature: Option<Given<Number>>,
    top_p: Option<Given<Number>>,
    thinks: bool,
    generation: Generation,
    out: &mut Object<'_>,
    losses: &mut Losses,
) {
    let neutral = |given: &Given<Number>| given.value.as_f64() == Some(1.0);
    if !generation.takes_sampling() {
        losses.given(temperature.filter(|given| !neutral(given)));
        losses.given(top_p.filter(|given| !neutral(given)));
        return;
    }
    let warm = temperature.is_some();
    match temperature {
        Some(given) if thinks => losses.given(Some(given).filter(|given| !neutral(given))),
        Some(given) if given.value.as_f64().is_some_and(|value| value > 1.0) => {
            out.put("temperature", 1.0);
            losses.add(given.at);
        }
        Some(given) => out.put("temperature", given.value),
        None => {}
    }
    match top_p {
        Some(given) if thinks && given.value.as_f64().is_none_or(|value| value < 0.95) => losses.add(given.at),
        Some(given) if warm && generation.takes_one_of_temperature_and_top_p() => {
            losses.given(Some(given).filter(|given| !neutral(given)));
        }
        Some(given) => out.put("top_p", given.value),
        None => {}
    }
}
