//! Writes an OpenAI chat request.

use serde_json::Number;

use super::{family::Family, flavour::Flavour, history_write::write_messages};
use crate::{
    canonical::{
        Format, Given, Input, Losses, Message, Request, Rest, Sampling, Thinking, Tool, ToolChoice, keep_seconds,
    },
    json::{Json, List, Object},
};

/// Fields without canonical meaning that OpenAI's chat has.
const OWN: &[&str] = &[
    "audio",
    "metadata",
    "modalities",
    "moderation",
    "prediction",
    "prompt_cache_key",
    "prompt_cache_options",
    "prompt_cache_retention",
    "safety_identifier",
    "store",
    "web_search_options",
];

/// Fields that vLLM adds to them.
const VLLM: &[&str] = &[
    "add_generation_prompt",
    "allowed_token_ids",
    "bad_words",
    "cache_salt",
    "chat_template",
    "chat_template_kwargs",
    "documents",
    "guided_choice",
    "guided_grammar",
    "guided_json",
    "guided_regex",
    "ignore_eos",
    "include_stop_str_in_output",
    "length_penalty",
    "min_tokens",
    "mm_processor_kwargs",
    "priority",
    "prompt_logprobs",
    "return_token_ids",
    "skip_special_tokens",
    "stop_token_ids",
    "structured_outputs",
    "truncate_prompt_tokens",
    "use_beam_search",
    "vllm_xargs",
];

/// Writes the body of a chat request.
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
        mut rest,
    } = *request;
    let family = Family::of(model, flavour);
    out.put("model", model);
    let messages = conversation(input, losses);
    out.list("messages", |list| write_messages(messages, flavour, losses, list));
    write_stream(stream, out);
    write_tools(tools, (tool_choice, parallel_tool_calls), flavour, out, losses);
    if let Some(format) = format {
        write_format(format, flavour, out, losses);
    }
    let effort = write_thinking(thinking, (flavour, family), &mut rest, out, losses);
    family.spare(effort, &mut sampling, losses);
    write_sampling(sampling, flavour, model, out, losses);
    out.some("user", user.map(|given| given.value));
    match service_tier {
        Some(tier) if flavour == Flavour::OpenAi => out.put("service_tier", tier.value),
        other => losses.unless(other, &"auto".to_owned()),
    }
    match verbosity {
        Some(given) if flavour == Flavour::OpenAi => out.put("verbosity", given.value),
        other => losses.given(other),
    }
    options.lose(losses);
    match flavour {
        Flavour::Vllm => rest.carry(VLLM, out, losses),
        Flavour::OpenAi => rest.carry(OWN, out, losses),
        Flavour::LmStudio => rest.carry(&["draft_model"], out, losses),
    }
}

/// Writes whether to stream, always with usage numbers.
pub(crate) fn write_stream(stream: bool, out: &mut Object<'_>) {
    out.put("stream", stream);
    if stream {
        out.object("stream_options", |out| out.put("include_usage", true));
    }
}

/// A prompt as a conversation of one message.
fn conversation(input: Input, losses: &mut Losses) -> Vec<Message> {
    let prompt = match input {
        Input::Messages(messages) => return messages,
        Input::Prompt(prompt) => prompt,
    };
    prompt.into_messages(losses)
}

/// Tools, and whether to call them. A choice without tools would be refused, so it goes with them.
fn write_tools(
    mut tools: Vec<Tool>,
    (mut choice, parallel): (Option<Given<ToolChoice>>, Option<Given<bool>>),
    flavour: Flavour,
    out: &mut Object<'_>,
    losses: &mut Losses,
) {
    // LM Studio takes words alone for the choice: "one of them" of one tool says the same as its name.
    if flavour == Flavour::LmStudio
        && let Some(Given { value, .. }) = &mut choice
        && let ToolChoice::Named(name) = value
    {
        tools = Tool::only(tools, name);
        *value = ToolChoice::Required;
    }
    tools.retain_mut(|tool| match tool {
        Tool::Other(given) => {
            let own = given.value["type"] == "custom" && given.value.get("custom").is_some();
            if !own {
                losses.add(given.at);
            }
            own
        }
        Tool::Function { rest, .. } => {
            rest.keep(&[], losses);
            true
        }
    });
    if tools.is_empty() {
        losses.unless(choice.filter(|given| given.value != ToolChoice::None), &ToolChoice::Auto);
        losses.unless(parallel, &true);
        return;
    }
    out.list("tools", |list| tools.into_iter().for_each(|tool| write_tool(tool, list)));
    if let Some(choice) = choice {
        write_choice(choice, out, losses);
    }
    out.some("parallel_tool_calls", parallel.map(|given| given.value));
}

fn write_tool(tool: Tool, list: &mut List<'_>) {
    match tool {
        Tool::Other(given) => given.value.write(list.item()),
        Tool::Function { name, description, parameters, strict, rest: _ } => list.object(|out| {
            out.put("type", "function");
            out.object("function", |out| {
                out.put("name", name);
                out.some("description", description);
                out.some("parameters", parameters);
                out.some("strict", strict.map(|given| given.value));
            });
        }),
    }
}

fn write_choice(choice: Given<ToolChoice>, out: &mut Object<'_>, losses: &mut Losses) {
    match choice.value {
        ToolChoice::Auto => out.put("tool_choice", "auto"),
        ToolChoice::None => out.put("tool_choice", "none"),
        ToolChoice::Required => out.put("tool_choice", "required"),
        ToolChoice::Named(name) => out.object("tool_choice", |out| {
            out.put("type", "function");
            out.object("function", |out| out.put("name", name));
        }),
        ToolChoice::Other(value) if value.get("allowed_tools").or(value.get("custom")).is_some() => {
            out.put("tool_choice", value);
        }
        ToolChoice::Other(_) => losses.add(choice.at),
    }
}

fn write_format(format: Given<Format>, flavour: Flavour, out: &mut Object<'_>, losses: &mut Losses) {
    match format.value {
        Format::Text => out.object("response_format", |out| out.put("type", "text")),
        // LM Studio knows JSON by a schema only; this one is that of any object.
        Format::Json if flavour == Flavour::LmStudio => write_schema(out, |out| {
            out.put("name", "answer");
            out.object("schema", |out| out.put("type", "object"));
        }),
        Format::Json => out.object("response_format", |out| out.put("type", "json_object")),
        Format::Schema { name, description, schema, strict } => write_schema(out, |out| {
            out.put("name", name.as_ref().map_or("answer", |given| &given.value));
            out.some("description", description.map(|given| given.value));
            out.put("schema", schema);
            out.some("strict", strict.map(|given| given.value));
        }),
        Format::Other(_) => losses.add(format.at),
    }
}

fn write_schema(out: &mut Object<'_>, fill: impl FnOnce(&mut Object<'_>)) {
    out.object("response_format", |out| {
        out.put("type", "json_schema");
        out.object("json_schema", fill);
    });
}

/// Returns the effort that it wrote.
fn write_thinking(
    thinking: Thinking,
    (flavour, family): (Flavour, Family),
    rest: &mut Rest,
    out: &mut Object<'_>,
    losses: &mut Losses,
) -> Option<&'static str> {
    let effort = thinking.as_effort();
    let Thinking { enabled, effort: asked, budget, display } = thinking;
    losses.given(display.filter(|given| !matches!(given.value.as_str(), "auto" | "summarized")));
    let on = enabled.as_ref().is_none_or(|given| given.value);
    if let Some(effort) = effort.filter(|_| on) {
        let word = family.effort(effort);
        out.some("reasoning_effort", word);
        if word.is_none() {
            losses.given(enabled);
            losses.given(asked);
            losses.given(budget);
        }
        return word;
    }
    let enabled = enabled?;
    match flavour {
        // The chat templates of Qwen and others read the one name, those of DeepSeek and Granite the other.
        Flavour::Vllm => {
            out.object("chat_template_kwargs", |out| {
                out.put("enable_thinking", enabled.value);
                out.put("thinking", enabled.value);
            });
            // The client's own stand in the same place.
            if rest.fields.shift_remove("chat_template_kwargs").is_some() {
                losses.add(rest.at.name("chat_template_kwargs"));
            }
        }
        _ if !enabled.value && family.can_rest() => {
            out.put("reasoning_effort", "none");
            return Some("none");
        }
        _ if !enabled.value && family == Family::Plain => {}
        _ => losses.add(enabled.at),
    }
    None
}

/// Writes the sampling fields into `out`, each under the name that this server reads.
pub(crate) fn write_sampling(
    sampling: Sampling,
    flavour: Flavour,
    model: &str,
    out: &mut Object<'_>,
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
        max_tokens,
        stop,
        n,
        logprobs,
        top_logprobs,
        logit_bias,
        num_ctx,
        keep_alive,
    } = sampling;
    let mut number = |name: &'static str, given: Option<Given<Number>>, known: bool| match given {
        Some(given) if known => out.put(name, given.value),
        other => losses.given(other),
    };
    let local = flavour != Flavour::OpenAi;
    let repeat = if flavour == Flavour::Vllm { "repetition_penalty" } else { "repeat_penalty" };
    number("temperature", temperature, true);
    number("top_p", top_p, true);
    number("top_k", top_k, local);
    number("min_p", min_p, local);
    number("typical_p", typical_p, false);
    number("presence_penalty", presence_penalty, true);
    number("frequency_penalty", frequency_penalty, true);
    number(repeat, repeat_penalty, local);
    number("seed", seed, true);
    number("num_ctx", num_ctx, false);
    // A limit below zero is none, which is what leaving the field out says.
    if let Some(limit) = max_tokens.filter(|given| given.value > 0) {
        out.put(flavour.max_tokens(model), limit.value);
    }
    out.some("stop", stop.map(|given| given.value).filter(|texts| !texts.is_empty()));
    out.some("n", n.map(|given| given.value));
    out.some("logprobs", logprobs.map(|given| given.value));
    out.some("top_logprobs", top_logprobs.map(|given| given.value));
    out.some("logit_bias", logit_bias.map(|given| given.value));
    // Below zero it means "for ever", which LM Studio has no word for.
    let whole = |seconds: f64| (seconds >= 0.0).then(|| seconds.ceil() as u64);
    match keep_alive.map(|given| (keep_seconds(&given.value).and_then(whole), given.at)) {
        Some((Some(seconds), _)) if flavour == Flavour::LmStudio => out.put("ttl", seconds),
        Some((_, at)) => losses.add(at),
        None => {}
    }
}
