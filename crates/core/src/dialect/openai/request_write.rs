//! Writes an OpenAI chat request.

use serde_json::{Map, Number, Value, json};

use super::{flavour::Flavour, history_write::write_messages};
use crate::canonical::{
    Format, Given, Input, Losses, Message, Request, Sampling, Thinking, Tool, ToolChoice, keep_seconds,
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
pub(crate) fn write_request(request: Request, model: &str, flavour: Flavour, losses: &mut Losses) -> Value {
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
    let mut out = Map::new();
    out.insert("model".to_owned(), model.into());
    let messages = write_messages(conversation(input, losses), flavour, losses);
    out.insert("messages".to_owned(), messages.into());
    out.insert("stream".to_owned(), stream.into());
    if stream {
        out.insert("stream_options".to_owned(), json!({"include_usage": true}));
    }
    write_tools(tools, (tool_choice, parallel_tool_calls), flavour, &mut out, losses);
    if let Some(format) = format {
        write_format(format, flavour, &mut out, losses);
    }
    write_thinking(thinking, flavour, &mut out, losses);
    write_sampling(sampling, flavour, model, &mut out, losses);
    if let Some(user) = user {
        out.insert("user".to_owned(), user.value.into());
    }
    if let Some(tier) = service_tier {
        match flavour {
            Flavour::OpenAi => drop(out.insert("service_tier".to_owned(), tier.value.into())),
            _ => losses.unless(Some(tier), &"auto".to_owned()),
        }
    }
    match verbosity {
        Some(given) if flavour == Flavour::OpenAi => drop(out.insert("verbosity".to_owned(), given.value.into())),
        other => losses.given(other),
    }
    options.lose(losses);
    match flavour {
        Flavour::Vllm => rest.carry(VLLM, &mut out, losses),
        Flavour::OpenAi => rest.carry(OWN, &mut out, losses),
        Flavour::LmStudio => rest.carry(&["draft_model"], &mut out, losses),
    }
    out.into()
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
    out: &mut Map<String, Value>,
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
    let mut written = Vec::with_capacity(tools.len());
    for tool in tools {
        match tool {
            Tool::Other(given) if given.value["type"] == "custom" && given.value.get("custom").is_some() => {
                written.push(given.value);
            }
            Tool::Other(given) => losses.add(given.at),
            Tool::Function { name, description, parameters, strict, rest } => {
                let mut function = Map::new();
                function.insert("name".to_owned(), name.into());
                if let Some(description) = description {
                    function.insert("description".to_owned(), description.into());
                }
                function.extend(parameters.map(|schema| ("parameters".to_owned(), schema)));
                function.extend(strict.map(|strict| ("strict".to_owned(), strict.value.into())));
                rest.lose(losses);
                written.push(json!({"type": "function", "function": function}));
            }
        }
    }
    if written.is_empty() {
        losses.unless(choice.filter(|given| given.value != ToolChoice::None), &ToolChoice::Auto);
        losses.unless(parallel, &true);
        return;
    }
    out.insert("tools".to_owned(), written.into());
    let choice = choice.and_then(|given| match given.value {
        ToolChoice::Auto => Some("auto".into()),
        ToolChoice::None => Some("none".into()),
        ToolChoice::Required => Some("required".into()),
        ToolChoice::Named(name) => Some(json!({"type": "function", "function": {"name": name}})),
        ToolChoice::Other(value) if value.get("allowed_tools").or(value.get("custom")).is_some() => Some(value),
        ToolChoice::Other(_) => {
            losses.add(given.at);
            None
        }
    });
    out.extend(choice.map(|choice| ("tool_choice".to_owned(), choice)));
    out.extend(parallel.map(|given| ("parallel_tool_calls".to_owned(), given.value.into())));
}

fn write_format(format: Given<Format>, flavour: Flavour, out: &mut Map<String, Value>, losses: &mut Losses) {
    let value = match format.value {
        Format::Text => json!({"type": "text"}),
        // LM Studio knows JSON by a schema only; this one is that of any object.
        Format::Json if flavour == Flavour::LmStudio => {
            json!({"type": "json_schema", "json_schema": {"name": "answer", "schema": {"type": "object"}}})
        }
        Format::Json => json!({"type": "json_object"}),
        Format::Schema { name, description, schema, strict } => {
            let mut inner = Map::new();
            inner.insert("name".to_owned(), name.map_or_else(|| "answer".to_owned(), |given| given.value).into());
            inner.extend(description.map(|given| ("description".to_owned(), given.value.into())));
            inner.insert("schema".to_owned(), schema);
            inner.extend(strict.map(|given| ("strict".to_owned(), given.value.into())));
            json!({"type": "json_schema", "json_schema": inner})
        }
        Format::Other(_) => return losses.add(format.at),
    };
    out.insert("response_format".to_owned(), value);
}

fn write_thinking(thinking: Thinking, flavour: Flavour, out: &mut Map<String, Value>, losses: &mut Losses) {
    let effort = thinking.as_effort();
    let Thinking { enabled, effort: _, budget: _, display } = thinking;
    losses.given(display.filter(|given| !matches!(given.value.as_str(), "auto" | "summarized")));
    let on = enabled.as_ref().is_none_or(|given| given.value);
    if let Some(effort) = effort.filter(|_| on) {
        out.insert("reasoning_effort".to_owned(), effort.word().into());
        return;
    }
    let Some(enabled) = enabled else { return };
    match flavour {
        // The chat templates of Qwen and others read the one name, those of DeepSeek and Granite the other.
        Flavour::Vllm => {
            let switch = json!({"enable_thinking": enabled.value, "thinking": enabled.value});
            out.insert("chat_template_kwargs".to_owned(), switch);
        }
        _ => losses.add(enabled.at),
    }
}

/// Writes the sampling fields into `out`, each under the name that this server reads.
pub(crate) fn write_sampling(
    sampling: Sampling,
    flavour: Flavour,
    model: &str,
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
        max_tokens,
        stop,
        n,
        logprobs,
        top_logprobs,
        logit_bias,
        num_ctx,
        keep_alive,
    } = sampling;
    let mut number = |name: &str, given: Option<Given<Number>>, known: bool| match given {
        Some(given) if known => drop(out.insert(name.to_owned(), given.value.into())),
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
        out.insert(flavour.max_tokens(model).to_owned(), limit.value.into());
    }
    let others = [
        ("stop", stop.filter(|given| !given.value.is_empty()).map(|given| given.value.into())),
        ("n", n.map(|given| given.value.into())),
        ("logprobs", logprobs.map(|given| given.value.into())),
        ("top_logprobs", top_logprobs.map(|given| given.value.into())),
        ("logit_bias", logit_bias.map(|given| given.value.into())),
    ];
    out.extend(others.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))));
    // Below zero it means "for ever", which LM Studio has no word for.
    let whole = |seconds: f64| (seconds >= 0.0).then(|| seconds.ceil() as u64);
    match keep_alive.map(|given| (keep_seconds(&given.value).and_then(whole), given.at)) {
        Some((Some(seconds), _)) if flavour == Flavour::LmStudio => drop(out.insert("ttl".to_owned(), seconds.into())),
        Some((_, at)) => losses.add(at),
        None => {}
    }
}
