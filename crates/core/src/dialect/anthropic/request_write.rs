//! Writes a Messages request.

use serde_json::{Map, Number, Value, json};

use super::{
    generation::Generation,
    history_write::write_history,
    schema,
    thinking_write::{can_resume, output_config, write_thinking},
};
use crate::canonical::{Format, Given, Input, Losses, Request, Sampling, Tool, ToolChoice};

/// Fields without canonical meaning that the Messages API has.
const OWN: &[&str] = &["cache_control", "container", "context_management", "inference_geo", "mcp_servers"];

/// Writes the body of a Messages request.
pub(crate) fn write_request(request: Request, model: &str, losses: &mut Losses) -> Value {
    let Request {
        stream,
        usage_wanted: _,
        input,
        tools,
        tool_choice,
        parallel_tool_calls,
        format,
        thinking,
        sampling,
        user,
        service_tier,
        verbosity,
        options,
        rest,
    } = request;
    let generation = Generation::of(model);
    let messages = match input {
        Input::Messages(messages) => messages,
        Input::Prompt(prompt) => prompt.into_messages(losses),
    };
    let forced =
        matches!(tool_choice.as_ref().map(|given| &given.value), Some(ToolChoice::Required | ToolChoice::Named(_)))
            && !tools.is_empty();
    let possible = !forced && (generation.thinks_by_effort() || can_resume(&messages));
    let history = write_history(messages, losses);
    let mut out = Map::new();
    out.insert("model".to_owned(), model.into());
    let mut sampling = sampling;
    let limit = sampling.max_tokens.take();
    let thinks = write_thinking(thinking, limit, possible, generation, &mut out, losses);
    out.extend(history.system.map(|system| ("system".to_owned(), system)));
    out.insert("messages".to_owned(), history.messages.into());
    out.insert("stream".to_owned(), stream.into());
    write_tools(tools, tool_choice, parallel_tool_calls, generation, &mut out, losses);
    if let Some(format) = format {
        write_format(format, generation, &mut out, losses);
    }
    write_sampling(sampling, thinks, generation, &mut out, losses);
    out.extend(user.map(|user| ("metadata".to_owned(), json!({"user_id": user.value}))));
    match service_tier.as_ref().map(|given| given.value.as_str()) {
        Some("auto") => drop(out.insert("service_tier".to_owned(), "auto".into())),
        Some("default") => drop(out.insert("service_tier".to_owned(), "standard_only".into())),
        _ => losses.given(service_tier),
    }
    losses.given(verbosity);
    options.lose(losses);
    rest.carry(OWN, &mut out, losses);
    out.into()
}

fn write_tools(
    tools: Vec<Tool>,
    choice: Option<Given<ToolChoice>>,
    parallel: Option<Given<bool>>,
    generation: Generation,
    out: &mut Map<String, Value>,
    losses: &mut Losses,
) {
    let mut written = Vec::with_capacity(tools.len());
    for tool in tools {
        match tool {
            Tool::Other(given) => losses.add(given.at),
            Tool::Function { name, description, parameters, strict, rest } => {
                let mut value = Map::new();
                value.insert("name".to_owned(), name.into());
                value.extend(description.map(|text| ("description".to_owned(), text.into())));
                let mut arguments = schema::arguments(parameters);
                match strict {
                    Some(strict) if strict.value && generation.takes_schemas() => {
                        value.insert("strict".to_owned(), true.into());
                        if schema::fit(&mut arguments) {
                            losses.add(strict.at);
                        }
                    }
                    other => losses.unless(other, &false),
                }
                value.insert("input_schema".to_owned(), arguments);
                rest.carry(&["cache_control"], &mut value, losses);
                written.push(value.into());
            }
        }
    }
    if written.is_empty() {
        losses.unless(choice.filter(|given| given.value != ToolChoice::None), &ToolChoice::Auto);
        losses.unless(parallel, &true);
        return;
    }
    out.insert("tools".to_owned(), Value::Array(written));
    let serial = parallel.is_some_and(|given| !given.value);
    let mut value = match choice {
        None if !serial => return,
        None => json!({"type": "auto"}),
        Some(given) => match given.value {
            ToolChoice::Auto => json!({"type": "auto"}),
            ToolChoice::None => json!({"type": "none"}),
            ToolChoice::Required => json!({"type": "any"}),
            ToolChoice::Named(name) => json!({"type": "tool", "name": name}),
            ToolChoice::Other(_) => {
                losses.add(given.at);
                json!({"type": "auto"})
            }
        },
    };
    if serial && value["type"] != "none" {
        value["disable_parallel_tool_use"] = true.into();
    }
    out.insert("tool_choice".to_owned(), value);
}

fn write_format(format: Given<Format>, generation: Generation, out: &mut Map<String, Value>, losses: &mut Losses) {
    let at = format.at;
    match format.value {
        Format::Text => {}
        // The name steers nothing here, and the schema is always followed exactly.
        Format::Schema { name: _, description, mut schema, strict: _ } if generation.takes_schemas() => {
            losses.given(description);
            if schema::fit(&mut schema) {
                losses.add(at);
            }
            output_config(out).insert("format".to_owned(), json!({"type": "json_schema", "schema": schema}));
        }
        Format::Schema { .. } | Format::Json | Format::Other(_) => losses.add(at),
    }
}

/// Writes the sampling fields. A thinking model takes neither a temperature nor `top_k`, and `top_p` only near 1.
fn write_sampling(
    sampling: Sampling,
    thinks: bool,
    generation: Generation,
    out: &mut Map<String, Value>,
    losses: &mut Losses,
) {
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
        Some(given) => drop(out.insert("top_k".to_owned(), given.value.into())),
        None => {}
    }
    if let Some(Given { value, at }) = stop {
        let (blank, stops): (Vec<_>, Vec<_>) = value.into_iter().partition(|text| text.trim().is_empty());
        if !blank.is_empty() {
            losses.add(at);
        }
        if !stops.is_empty() {
            out.insert("stop_sequences".to_owned(), stops.into());
        }
    }
}

/// `temperature` goes up to 1 here and to 2 elsewhere. Newer models take one of the two fields, not both; the newest, none.
fn write_warmth(
    temperature: Option<Given<Number>>,
    top_p: Option<Given<Number>>,
    thinks: bool,
    generation: Generation,
    out: &mut Map<String, Value>,
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
            out.insert("temperature".to_owned(), json!(1.0));
            losses.add(given.at);
        }
        Some(given) => drop(out.insert("temperature".to_owned(), given.value.into())),
        None => {}
    }
    match top_p {
        Some(given) if thinks && given.value.as_f64().is_none_or(|value| value < 0.95) => losses.add(given.at),
        Some(given) if warm && generation.takes_one_of_temperature_and_top_p() => {
            losses.given(Some(given).filter(|given| !neutral(given)));
        }
        Some(given) => drop(out.insert("top_p".to_owned(), given.value.into())),
        None => {}
    }
}
