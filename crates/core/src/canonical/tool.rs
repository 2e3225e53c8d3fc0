//! Tools the model may call, and what form its answer must have.

use serde_json::{Map, Value};

use super::{
    place::{Given, Place},
    rest::Rest,
};

/// A tool.
#[expect(clippy::large_enum_variant, reason = "few live at a time, and not for long")]
#[derive(Debug, Clone, PartialEq)]
pub enum Tool {
    /// A function of the client's.
    Function {
        /// Its name.
        name: String,
        /// What it is for.
        description: Option<String>,
        /// JSON schema of its arguments.
        parameters: Option<Value>,
        /// Whether the arguments must follow the schema exactly.
        strict: Option<Given<bool>>,
        /// Other fields.
        rest: Rest,
    },
    /// A tool that only the client's own provider has (web search, code execution, …).
    Other(Given<Value>),
}

/// Whether a tool is to be called.
#[derive(Debug, Clone, PartialEq)]
pub enum ToolChoice {
    /// As the model likes.
    Auto,
    /// None.
    None,
    /// At least one.
    Required,
    /// This one.
    Named(String),
    /// A choice only the client's own dialect knows.
    Other(Value),
}

/// What form the answer must have.
#[expect(clippy::large_enum_variant, reason = "few live at a time, and not for long")]
#[derive(Debug, Clone, PartialEq)]
pub enum Format {
    /// Any text.
    Text,
    /// Some JSON.
    Json,
    /// JSON after a schema.
    Schema {
        /// OpenAI's name for it.
        name: Option<Given<String>>,
        /// What it is for.
        description: Option<Given<String>>,
        /// The JSON schema.
        schema: Value,
        /// Whether to follow it exactly.
        strict: Option<Given<bool>>,
    },
    /// A form only the client's own dialect knows (grammars, …).
    Other(Value),
}

/// The arguments of a call as the object that Anthropic and Ollama have. What a model wrote as broken JSON goes under
/// `arguments` as it is: OpenAI's clients send it back with the history, and a refusal would stop them for good.
pub(crate) fn arguments_object(arguments: &str) -> Map<String, Value> {
    let text = arguments.trim();
    if text.is_empty() {
        return Map::new();
    }
    serde_json::from_str(text).unwrap_or_else(|_| Map::from_iter([("arguments".to_owned(), arguments.into())]))
}

impl Tool {
    /// The function of this name alone; all of them where there is none.
    pub(crate) fn only(mut tools: Vec<Self>, wanted: &str) -> Vec<Self> {
        let is_it = |tool: &Self| matches!(tool, Self::Function { name, .. } if name == wanted);
        if tools.iter().any(is_it) {
            tools.retain(is_it);
        }
        tools
    }

    /// Of OpenAI's `allowed_tools`: leaves out the tools that it does not name, and says the rest in plain words.
    /// Chat completions name the functions one level deeper than responses do.
    pub(crate) fn narrow(tools: &mut Vec<Self>, choice: &mut Option<Given<ToolChoice>>) {
        let Some(Given { value: plain, .. }) = choice else { return };
        let ToolChoice::Other(value) = &*plain else { return };
        if value["type"] != "allowed_tools" {
            return;
        }
        let inner = value.get("allowed_tools").unwrap_or(value);
        let Some(allowed) = inner["tools"].as_array() else { return };
        let names =
            |tool: &Value| tool["function"].get("name").or(tool.get("name")).and_then(Value::as_str).map(str::to_owned);
        let Some(allowed) = allowed.iter().map(names).collect::<Option<Vec<_>>>() else { return };
        tools.retain(|tool| match tool {
            Self::Function { name, .. } => allowed.contains(name),
            // What becomes of it is said where it is written.
            Self::Other(_) => true,
        });
        *plain = if inner["mode"] == "required" { ToolChoice::Required } else { ToolChoice::Auto };
    }

    /// Where it stood.
    #[must_use]
    pub fn place(&self) -> Place {
        match self {
            Self::Function { rest, .. } => rest.at,
            Self::Other(given) => given.at,
        }
    }
}
