//! Writes the `messages` of an Ollama chat request.

use serde_json::{Map, Value, json};

use crate::{
    canonical::{Given, Image, Losses, Message, Part, Role, ToolCall, arguments_object},
    dialect::{ImageUrl, TranslateError},
};

/// What a message says, in Ollama's fields.
#[derive(Default)]
pub(super) struct Words {
    pub(super) text: String,
    pub(super) images: Vec<String>,
    thinking: String,
    calls: Vec<Value>,
}

/// Writes the history.
///
/// # Errors
/// A picture by URL.
pub(super) fn write_messages(messages: Vec<Message>, losses: &mut Losses) -> Result<Vec<Value>, TranslateError> {
    let mut out: Vec<Value> = Vec::with_capacity(messages.len());
    for message in messages {
        let Message { role, parts, name, rest } = message;
        losses.given(name);
        rest.lose(losses);
        let mut said = Vec::new();
        for part in parts {
            match part {
                Part::ToolResult(result) => {
                    losses.unless(result.is_error, &false);
                    result.rest.lose(losses);
                    let words = Words::of(result.parts, losses)?;
                    let mut tool = words.into_message("tool");
                    tool.extend(result.name.map(|name| ("tool_name".to_owned(), name.into())));
                    tool.insert("tool_call_id".to_owned(), result.id.into());
                    out.push(tool.into());
                }
                other => said.push(other),
            }
        }
        let role = match role {
            Role::System | Role::Developer => "system",
            Role::User => "user",
            Role::Assistant => "assistant",
            Role::Tool if said.is_empty() => continue,
            Role::Tool => "user",
        };
        if said.is_empty() {
            if out.last().is_none_or(|last| last["role"] != "tool") {
                out.push(Words::default().into_message(role).into());
            }
            continue;
        }
        let words = Words::of(said, losses)?;
        // Of parts that Ollama has no place for, nothing is left.
        if !words.is_empty() {
            out.push(words.into_message(role).into());
        }
    }
    Ok(out)
}

impl Words {
    /// Gathers parts: texts joined by line breaks, as Ollama has one text a message.
    pub(super) fn of(parts: Vec<Part>, losses: &mut Losses) -> Result<Self, TranslateError> {
        let mut words = Self::default();
        for part in parts {
            match part {
                Part::Text { text, rest } => {
                    rest.lose(losses);
                    words.say(&text);
                }
                Part::Refusal(text) => words.say(&text.value),
                Part::Image { image, detail, rest } => {
                    losses.unless(detail, &"auto".to_owned());
                    rest.lose(losses);
                    words.images.push(base64(image)?);
                }
                Part::Thought(thought) if thought.text.is_empty() => losses.add(thought.at),
                Part::Thought(thought) => {
                    losses.given(thought.signature);
                    losses.given(thought.sealed);
                    words.thinking.push_str(&thought.text);
                }
                Part::File { url, name, rest } => {
                    losses.add(url.at);
                    losses.given(name);
                    rest.lose(losses);
                }
                Part::ToolCall(call) => words.calls.push(write_call(call, losses)),
                Part::ToolResult(result) => losses.add(result.rest.at),
                Part::Other(other) => losses.add(other.at),
            }
        }
        Ok(words)
    }

    fn is_empty(&self) -> bool {
        self.text.is_empty() && self.images.is_empty() && self.thinking.is_empty() && self.calls.is_empty()
    }

    fn say(&mut self, text: &str) {
        if !self.text.is_empty() {
            self.text.push('\n');
        }
        self.text.push_str(text);
    }

    fn into_message(self, role: &str) -> Map<String, Value> {
        let mut out = Map::new();
        out.insert("role".to_owned(), role.into());
        out.insert("content".to_owned(), self.text.into());
        if !self.thinking.is_empty() {
            out.insert("thinking".to_owned(), self.thinking.into());
        }
        if !self.images.is_empty() {
            out.insert("images".to_owned(), self.images.into());
        }
        if !self.calls.is_empty() {
            out.insert("tool_calls".to_owned(), self.calls.into());
        }
        out
    }
}

/// Ollama takes bytes only. The translator has put in what it could; a URL left over is an error with that URL.
pub(super) fn base64(image: Given<Image>) -> Result<String, TranslateError> {
    match image.value {
        Image::Base64 { data, .. } => Ok(data),
        Image::Url(url) => Err(TranslateError::Images { urls: vec![ImageUrl::new(url, image.at)], target: "ollama" }),
    }
}

fn write_call(call: ToolCall, losses: &mut Losses) -> Value {
    let ToolCall { id, name, arguments, rest } = call;
    rest.lose(losses);
    json!({"id": id, "function": {"name": name, "arguments": arguments_object(&arguments)}})
}
