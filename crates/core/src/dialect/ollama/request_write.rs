//! Writes Ollama's chat and generate requests.

use serde_json::{Map, Value, json};

use super::{
    history_write::{base64, write_messages},
    options::write_options,
    schema,
};
use crate::{
    canonical::{Effort, Format, Given, Input, Losses, Prompt, Request, Thinking, Tool, ToolChoice},
    dialect::TranslateError,
};

/// Fields without canonical meaning that Ollama has beside `options`.
const OWN: &[&str] = &["shift", "template", "truncate"];

/// Writes the body of a chat request.
///
/// # Errors
/// A picture by URL, or nothing of the messages that Ollama has a place for.
pub(crate) fn write_chat(request: Request, model: &str, losses: &mut Losses) -> Result<Value, TranslateError> {
    let mut request = request;
    let messages = match std::mem::replace(&mut request.input, Input::Messages(Vec::new())) {
        Input::Messages(messages) => messages,
        Input::Prompt(prompt) => prompt.into_messages(losses),
    };
    let messages = write_messages(messages, losses)?;
    if messages.is_empty() {
        // It would take the request for a wish to load the model, and answer with nothing.
        let field = losses.fields().first().cloned().unwrap_or_else(|| "messages".to_owned());
        return Err(TranslateError::Unsupported { field, target: "ollama" });
    }
    let mut out = Map::new();
    out.insert("model".to_owned(), model.into());
    out.insert("messages".to_owned(), messages.into());
    finish(request, model, &mut out, losses);
    Ok(out.into())
}

/// Writes the body of a generate request, for a prompt without a conversation.
///
/// # Errors
/// A picture by URL.
pub(crate) fn write_generate(
    request: Request,
    prompt: Prompt,
    model: &str,
    losses: &mut Losses,
) -> Result<Value, TranslateError> {
    let Prompt { text, suffix, system, images, raw, echo, best_of } = prompt;
    losses.unless(echo, &false);
    losses.unless(best_of, &1);
    let mut out = Map::new();
    out.insert("model".to_owned(), model.into());
    out.insert("prompt".to_owned(), text.into());
    out.extend(suffix.map(|given| ("suffix".to_owned(), given.value.into())));
    out.extend(system.map(|given| ("system".to_owned(), given.value.into())));
    out.extend(raw.map(|given| ("raw".to_owned(), given.value.into())));
    let images = images.into_iter().map(base64).collect::<Result<Vec<_>, _>>()?;
    if !images.is_empty() {
        out.insert("images".to_owned(), images.into());
    }
    finish(request, model, &mut out, losses);
    Ok(out.into())
}

/// Writes what both requests have.
fn finish(request: Request, model: &str, out: &mut Map<String, Value>, losses: &mut Losses) {
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
    } = request;
    out.insert("stream".to_owned(), stream.into());
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

fn write_tools(tools: Vec<Tool>, out: &mut Map<String, Value>, losses: &mut Losses) {
    let mut written = Vec::with_capacity(tools.len());
    for tool in tools {
        match tool {
            Tool::Other(given) => losses.add(given.at),
            Tool::Function { name, description, parameters, strict, rest } => {
                losses.unless(strict, &false);
                rest.lose(losses);
                let parameters = schema::arguments(parameters);
                let mut function = Map::new();
                function.insert("name".to_owned(), name.into());
                function.extend(description.map(|text| ("description".to_owned(), text.into())));
                function.insert("parameters".to_owned(), parameters);
                written.push(json!({"type": "function", "function": function}));
            }
        }
    }
    if !written.is_empty() {
        out.insert("tools".to_owned(), written.into());
    }
}

fn write_format(format: Given<Format>, out: &mut Map<String, Value>, losses: &mut Losses) {
    let value = match format.value {
        Format::Text => return,
        Format::Json => "json".into(),
        // Ollama constrains the sampling by the schema, which is as strict as can be. The name steers nothing there.
        Format::Schema { name: _, description, schema, strict: _ } => {
            losses.given(description);
            schema
        }
        Format::Other(_) => return losses.add(format.at),
    };
    out.insert("format".to_owned(), value);
}

/// gpt-oss takes an effort and nothing else; other models refuse efforts and take yes or no.
fn write_think(thinking: &Thinking, model: &str, out: &mut Map<String, Value>) {
    let Some(wanted) = thinking.wanted() else { return };
    let value = match thinking.as_effort().filter(|_| wanted && model.contains("gpt-oss")) {
        Some(Effort::Minimal | Effort::Low) => "low".into(),
        Some(Effort::Medium) => "medium".into(),
        Some(_) => "high".into(),
        None => wanted.into(),
    };
    out.insert("think".to_owned(), value);
}
