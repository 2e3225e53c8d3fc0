//! What a request asks for, read from any dialect into one plain form.

mod anthropic;
mod ollama;
mod openai;
mod responses;

use serde_json::Value;

use crate::{route::Surface, words};

/// A tool on offer.
#[derive(Clone, Debug)]
pub(crate) struct Tool {
    pub(crate) name: String,
    pub(crate) schema: Value,
}

/// Which tools may be called.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Choice {
    #[default]
    Auto,
    None,
    Named(String),
}

/// A request in one plain form.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ask {
    pub(crate) model: String,
    pub(crate) stream: bool,
    pub(crate) system: Option<String>,
    /// The text of the last user turn, or the prompt.
    pub(crate) said: String,
    /// The texts of the tool results at the end of the history.
    pub(crate) results: Vec<String>,
    pub(crate) images: usize,
    pub(crate) tools: Vec<Tool>,
    pub(crate) choice: Choice,
    pub(crate) serial_calls: bool,
    pub(crate) schema: Option<Value>,
    pub(crate) json: bool,
    pub(crate) max_tokens: Option<usize>,
    pub(crate) stops: Vec<String>,
    pub(crate) think: bool,
    pub(crate) usage_in_stream: bool,
    pub(crate) n: usize,
    pub(crate) logprobs: bool,
    /// Texts to embed, or the pieces of a batched prompt.
    pub(crate) inputs: Vec<String>,
    pub(crate) dimensions: Option<usize>,
    pub(crate) base64: bool,
    pub(crate) echo: bool,
    /// No messages and no prompt: Ollama's way to load or unload a model.
    pub(crate) load_only: bool,
    pub(crate) unload: bool,
    pub(crate) prompt_tokens: usize,
    pub(crate) body: Value,
}

/// Reads the request of a surface.
///
/// # Errors
/// The message for the client when a field that must be there is not, or has the wrong type.
pub(crate) fn read(surface: Surface, body: &[u8]) -> Result<Ask, String> {
    let value: Value =
        serde_json::from_slice(body).map_err(|error| format!("could not parse the JSON body: {error}"))?;
    if !value.is_object() {
        return Err("the body must be a JSON object".to_owned());
    }
    let mut ask = Ask { n: 1, ..Ask::default() };
    let model = value["model"].as_str().or_else(|| value["name"].as_str());
    ask.model = model.ok_or("you must provide a model parameter")?.to_owned();
    match surface {
        Surface::Chat | Surface::LmChat => openai::chat(&mut ask, &value)?,
        Surface::Completions | Surface::LmCompletions => openai::completion(&mut ask, &value)?,
        Surface::Embeddings | Surface::LmEmbeddings => openai::embeddings(&mut ask, &value)?,
        Surface::Responses => responses::read(&mut ask, &value)?,
        Surface::OllamaChat => ollama::chat(&mut ask, &value)?,
        Surface::OllamaGenerate => ollama::generate(&mut ask, &value)?,
        Surface::OllamaEmbed => ollama::embed(&mut ask, &value)?,
        Surface::OllamaEmbeddings => ollama::embeddings(&mut ask, &value)?,
        Surface::Messages | Surface::CountTokens => anthropic::read(&mut ask, &value, surface)?,
        _ => {}
    }
    ask.body = value;
    Ok(ask)
}

impl Ask {
    /// What is answered when the script says not to read.
    pub(crate) fn unread() -> Self {
        Self { model: "unread".to_owned(), n: 1, ..Self::default() }
    }

    /// Adds a turn in the order of the history; `text` is all its text.
    fn turn(&mut self, role: &str, text: &str) {
        self.prompt_tokens += words::count(text) + 3;
        match role {
            "system" | "developer" => self.add_system(text),
            "tool" | "function" => self.results.push(text.to_owned()),
            "user" => {
                self.results.clear();
                text.clone_into(&mut self.said);
            }
            _ => self.results.clear(),
        }
    }

    fn add_system(&mut self, text: &str) {
        match &mut self.system {
            Some(system) => {
                system.push('\n');
                system.push_str(text);
            }
            None => self.system = Some(text.to_owned()),
        }
    }

    fn offer(&mut self, name: Option<&str>, schema: &Value) -> Result<(), String> {
        let name = name.ok_or("a tool needs a name")?.to_owned();
        self.prompt_tokens += 8 + schema.as_object().map_or(0, |schema| schema.len() * 4);
        self.tools.push(Tool { name, schema: schema.clone() });
        Ok(())
    }
}

fn array<'v>(value: &'v Value, name: &str) -> Result<&'v [Value], String> {
    value[name].as_array().map(Vec::as_slice).ok_or_else(|| format!("`{name}` must be an array"))
}

fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::Null => Vec::new(),
        Value::String(text) => vec![text.clone()],
        Value::Array(items) if !items.is_empty() && items.iter().all(Value::is_number) => {
            vec![value.to_string()]
        }
        Value::Array(items) => {
            items.iter().map(|item| item.as_str().map_or_else(|| item.to_string(), str::to_owned)).collect()
        }
        other => vec![other.to_string()],
    }
}

fn size(value: &Value) -> Option<usize> {
    value.as_u64().and_then(|n| usize::try_from(n).ok())
}
