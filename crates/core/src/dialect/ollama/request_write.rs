//! Writes Ollama's chat and generate requests.

use super::{
    history_write::{base64, write_messages},
    options::write_options,
    schema,
};
use crate::{
    canonical::{Effort, Format, Given, Input, Losses, Prompt, Request, Thinking, Tool, ToolChoice},
    dialect::TranslateError,
    json::Object,
};

/// Fields without canonical meaning that Ollama has beside `options`.
const OWN: &[&str] = &["shift", "template", "truncate"];

/// Writes the body of a chat request.
///
/// # Errors
/// A picture by URL, or nothing of the messages that Ollama has a place for.
pub(crate) fn write_chat(
    mut request: Box<Request>,
    model: &str,
    losses: &mut Losses,
    out: &mut Object<'_>,
) -> Result<(), TranslateError> {
    let messages = match request.take_input() {
        Input::Messages(messages) => messages,
        Input::Prompt(prompt) => prompt.into_messages(losses),
    };
    out.put("model", model);
    let mut done = Ok(());
    out.list("messages", |list| done = write_messages(messages, losses, list));
    finish(request, model, out, losses);
    done
}

/// Writes the body of a generate request, for a prompt without a conversation.
///
/// # Errors
/// A picture by URL.
pub(crate) fn write_generate(
    mut request: Box<Request>,
    model: &str,
    losses: &mut Losses,
    out: &mut Object<'_>,
) -> Result<(), TranslateError> {
    let Input::Prompt(prompt) = request.take_input() else { return Ok(()) };
    let Prompt { text, suffix, system, images, raw, echo, best_of } = prompt;
    losses.unless(echo, &false);
    losses.unless(best_of, &1);
    out.put("model", model);
    out.put("prompt", text);
    out.some("suffix", suffix.map(|given| given.value));
    out.some("system", system.map(|given| given.value));
    out.some("raw", raw.map(|given| given.value));
    let images = images.into_iter().map(base64).collect::<Result<Vec<_>, _>>()?;
    out.some("images", (!images.is_empty()).then_some(images));
    finish(request, model, out, losses);
    Ok(())
}

/// Writes what both requests have.
fn finish(request: Box<Request>, model: &str, out: &mut Object<'_>, losses: &mut Losses) {
    let Request {
        stream,
        usage_wanted: _,
        input: _,
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
    } = *request;
    out.put("stream", stream);
    // Ollama has no word for a choice. Without tools the model cannot call any; with one it can call no other.
    match tool_choice.as_ref().map(|given| &given.value) {
        Some(ToolChoice::None) => {}
        Some(ToolChoice::Named(name)) => write_tools(Tool::only(tools, name), out, losses),
        _ => write_tools(tools, out, losses),
    }
    losses.given(tool_choice.filter(|given| !matches!(given.value, ToolChoice::Auto | ToolChoice::None)));
    losses.unless(parallel_tool_calls, &true);
    if let Some(format) = format {
        write_format(format, out, losses);
    }
    write_think(&thinking, model, out);
    losses.given(thinking.display.filter(|given| !matches!(given.value.as_str(), "auto" | "summarized")));
    losses.given(user);
    losses.given(verbosity);
    losses.given(service_tier.filter(|given| !matches!(given.value.as_str(), "auto" | "default")));
    write_options(sampling, options, out, losses);
    rest.carry(OWN, out, losses);
}

fn write_tools(mut tools: Vec<Tool>, out: &mut Object<'_>, losses: &mut Losses) {
    tools.retain_mut(|tool| match tool {
        Tool::Other(given) => {
            losses.add(given.at);
            false
        }
        Tool::Function { parameters, strict, rest, .. } => {
            losses.unless(strict.take(), &false);
            rest.keep(&[], losses);
            *parameters = Some(schema::arguments(parameters.take()));
            true
        }
    });
    if !tools.is_empty() {
        out.objects("tools", tools, write_tool);
    }
}

fn write_tool(tool: Tool, out: &mut Object<'_>) {
    let Tool::Function { name, description, parameters, strict: _, rest: _ } = tool else { return };
    out.put("type", "function");
    out.object("function", |out| {
        out.put("name", name);
        out.some("description", description);
        out.some("parameters", parameters);
    });
}

fn write_format(format: Given<Format>, out: &mut Object<'_>, losses: &mut Losses) {
    match format.value {
        Format::Text => {}
        Format::Json => out.put("format", "json"),
        // Ollama constrains the sampling by the schema, which is as strict as can be. The name steers nothing there.
        Format::Schema { name: _, description, schema, strict: _ } => {
            losses.given(description);
            out.put("format", schema);
        }
        Format::Other(_) => losses.add(format.at),
    }
}

/// gpt-oss takes an effort and nothing else; other models refuse efforts and take yes or no.
fn write_think(thinking: &Thinking, model: &str, out: &mut Object<'_>) {
    let Some(wanted) = thinking.wanted() else { return };
    match thinking.as_effort().filter(|_| wanted && model.contains("gpt-oss")) {
        Some(Effort::Minimal | Effort::Low) => out.put("think", "low"),
        Some(Effort::Medium) => out.put("think", "medium"),
        Some(_) => out.put("think", "high"),
        None => out.put("think", wanted),
    }
}
