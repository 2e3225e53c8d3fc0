//! Writes the `messages` of an Ollama chat request.

use crate::{
    canonical::{Given, Image, Losses, Message, Part, Role, ToolCall, arguments_object},
    dialect::{ImageUrl, TranslateError},
    json::{List, Object},
};

/// What a message says, in Ollama's fields.
#[derive(Default)]
pub(super) struct Words {
    pub(super) text: String,
    pub(super) images: Vec<String>,
    thinking: String,
    calls: Vec<ToolCall>,
}

/// Writes the history.
///
/// # Errors
/// A picture by URL, or nothing that Ollama has a place for.
pub(super) fn write_messages(
    messages: Vec<Message>,
    losses: &mut Losses,
    list: &mut List<'_>,
) -> Result<(), TranslateError> {
    // Whether the message before is a tool's.
    let mut after_tool = false;
    for message in messages {
        let Message { role, mut parts, name, rest } = message;
        losses.given(name);
        rest.lose(losses);
        for part in parts.extract_if(.., |part| matches!(part, Part::ToolResult(_))) {
            let Part::ToolResult(result) = part else { continue };
            losses.unless(result.is_error, &false);
            result.rest.lose(losses);
            let words = Words::of(result.parts, losses)?;
            list.object(|out| {
                words.write("tool", out);
                out.some("tool_name", result.name);
                out.put("tool_call_id", result.id);
            });
            after_tool = true;
        }
        let role = match role {
            Role::System | Role::Developer => "system",
            Role::User => "user",
            Role::Assistant => "assistant",
            Role::Tool if parts.is_empty() => continue,
            Role::Tool => "user",
        };
        let nothing = parts.is_empty();
        let words = Words::of(parts, losses)?;
        // Of parts that Ollama has no place for, nothing is left.
        if if nothing { !after_tool } else { !words.is_empty() } {
            list.object(|out| words.write(role, out));
            after_tool = false;
        }
    }
    if list.is_empty() {
        // It would take the request for a wish to load the model, and answer with nothing.
        let field = losses.fields().first().cloned().unwrap_or_else(|| "messages".to_owned());
        return Err(TranslateError::Unsupported { field, target: "ollama" });
    }
    Ok(())
}

impl Words {
    /// Gathers parts: texts joined by line breaks, as Ollama has one text a message.
    pub(super) fn of(parts: Vec<Part>, losses: &mut Losses) -> Result<Self, TranslateError> {
        let mut words = Self::default();
        for part in parts {
            match part {
                Part::Text { text, rest } => {
                    rest.lose(losses);
                    words.say(text);
                }
                Part::Refusal(text) => words.say(text.value),
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
                Part::ToolCall(mut call) => {
                    call.rest.keep(&[], losses);
                    words.calls.push(call);
                }
                Part::ToolResult(result) => losses.add(result.rest.at),
                Part::Other(other) => losses.add(other.at),
            }
        }
        Ok(words)
    }

    fn is_empty(&self) -> bool {
        self.text.is_empty() && self.images.is_empty() && self.thinking.is_empty() && self.calls.is_empty()
    }

    fn say(&mut self, text: String) {
        if self.text.is_empty() {
            self.text = text;
        } else {
            self.text.push('\n');
            self.text.push_str(&text);
        }
    }

    fn write(self, role: &str, out: &mut Object<'_>) {
        out.put("role", role);
        out.put("content", self.text);
        if !self.thinking.is_empty() {
            out.put("thinking", self.thinking);
        }
        if !self.images.is_empty() {
            out.put("images", self.images);
        }
        if !self.calls.is_empty() {
            out.objects("tool_calls", self.calls, write_call);
        }
    }
}

/// Ollama takes bytes only. The translator has put in what it could; a URL left over is an error with that URL.
pub(super) fn base64(image: Given<Image>) -> Result<String, TranslateError> {
    match image.value {
        Image::Base64 { data, .. } => Ok(data),
        Image::Url(url) => Err(TranslateError::Images { urls: vec![ImageUrl::new(url, image.at)], target: "ollama" }),
    }
}

fn write_call(call: ToolCall, out: &mut Object<'_>) {
    let ToolCall { id, name, arguments, rest: _ } = call;
    out.put("id", id);
    out.object("function", |out| {
        out.put("name", name);
        out.put("arguments", arguments_object(&arguments));
    });
}
