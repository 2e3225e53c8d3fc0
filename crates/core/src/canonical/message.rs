//! What was said so far: messages and their parts.

use serde_json::Value;

use super::{
    place::{Given, Place},
    rest::Rest,
};

/// Who says a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// The operator, in the older word.
    System,
    /// The operator, in OpenAI's newer word.
    Developer,
    /// The person.
    User,
    /// The model.
    Assistant,
    /// A tool that the model called; its message holds tool results only.
    Tool,
}

/// One message.
#[derive(Debug, Clone, PartialEq)]
pub struct Message {
    /// Who says it.
    pub role: Role,
    /// What is said, in order.
    pub parts: Vec<Part>,
    /// The speaker's name (OpenAI).
    pub name: Option<Given<String>>,
    /// Other fields of the message.
    pub rest: Rest,
}

/// A piece of a message or of an answer.
#[derive(Debug, Clone, PartialEq)]
pub enum Part {
    /// Words.
    Text {
        /// The words.
        text: String,
        /// Other fields of the part, such as `cache_control`.
        rest: Rest,
    },
    /// The model's words for "I will not".
    Refusal(Given<String>),
    /// A picture.
    Image {
        /// Where its bytes are.
        image: Given<Image>,
        /// OpenAI's `detail`.
        detail: Option<Given<String>>,
        /// Other fields of the part.
        rest: Rest,
    },
    /// A document, such as a PDF.
    File {
        /// A `data:` URL.
        url: Given<String>,
        /// Its name.
        name: Option<Given<String>>,
        /// Other fields of the part.
        rest: Rest,
    },
    /// What the model thought before it spoke.
    Thought(Thought),
    /// The model wants a tool called.
    ToolCall(ToolCall),
    /// What the tool said.
    ToolResult(ToolResult),
    /// Anything else (audio, uploaded files): carried only where both sides have the same dialect.
    Other(Given<Value>),
}

/// Where a picture's bytes are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Image {
    /// To be fetched by whoever answers.
    Url(String),
    /// Here, as base64.
    Base64 {
        /// Such as `image/png`; guessed from the first bytes where the client did not say.
        media_type: String,
        /// The bytes, in base64.
        data: String,
    },
}

/// Reasoning in a message.
#[derive(Debug, Clone, PartialEq)]
pub struct Thought {
    /// The words; empty where only the opaque form exists.
    pub text: String,
    /// The provider's seal over them, needed to send them back (Anthropic `signature`).
    pub signature: Option<Given<String>>,
    /// Reasoning that only the provider can read (Anthropic `redacted_thinking`, OpenAI `encrypted_content`).
    pub sealed: Option<Given<String>>,
    /// Where it stood.
    pub at: Place,
}

impl Thought {
    /// Words without a seal.
    #[must_use]
    pub fn plain(text: String, at: Place) -> Self {
        Self { text, signature: None, sealed: None, at }
    }

    /// Whether it has a seal, in one form or the other.
    #[must_use]
    pub fn is_sealed(&self) -> bool {
        self.sealed.is_some() || self.signature.as_ref().is_some_and(|seal| !seal.value.is_empty())
    }

    /// Leaves out seals that are empty.
    #[must_use]
    pub fn tidy(mut self) -> Self {
        self.signature = self.signature.filter(|seal| !seal.value.is_empty());
        self
    }
}

/// A tool call.
#[derive(Debug, Clone, PartialEq)]
pub struct ToolCall {
    /// The call's id; empty where the dialect has none, until the translator gives it one.
    pub id: String,
    /// The tool's name.
    pub name: String,
    /// The arguments: JSON text, as the model wrote it.
    pub arguments: String,
    /// Where it stood, and other fields (thought signatures of some providers live here).
    pub rest: Rest,
}

/// A tool's answer.
#[derive(Debug, Clone, PartialEq)]
pub struct ToolResult {
    /// The call it answers; empty where the dialect has none, until the translator finds it.
    pub id: String,
    /// The tool's name, where the client says it.
    pub name: Option<String>,
    /// What it said: texts and pictures.
    pub parts: Vec<Part>,
    /// Whether the tool failed.
    pub is_error: Option<Given<bool>>,
    /// Where it stood, and other fields.
    pub rest: Rest,
}

/// Adds words to a text that may not have begun.
pub(crate) fn append(text: &mut Option<String>, more: String) {
    match text {
        Some(text) => text.push_str(&more),
        None => *text = Some(more),
    }
}

impl Message {
    /// A message of parts alone.
    #[must_use]
    pub fn new(role: Role, parts: Vec<Part>) -> Self {
        Self { role, parts, name: None, rest: Rest::default() }
    }
}

impl Part {
    /// Plain words.
    #[must_use]
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text { text: text.into(), rest: Rest::default() }
    }
}

impl Image {
    /// Reads a URL; `data:` URLs with base64 become bytes.
    #[must_use]
    pub fn from_url(url: String) -> Self {
        let inline = url.strip_prefix("data:").and_then(|rest| rest.split_once(','));
        match inline.and_then(|(head, data)| Some((head.strip_suffix(";base64")?, data))) {
            Some((media_type, data)) => {
                let media_type = media_type.split(';').next().unwrap_or_default();
                Self::from_base64((!media_type.is_empty()).then_some(media_type), data.to_owned())
            }
            None => Self::Url(url),
        }
    }

    /// Bytes in base64. Their beginning tells the media type; where it does not, the client's word counts, which may be a
    /// common slip: Anthropic's API refuses pictures under a wrong name.
    #[must_use]
    pub fn from_base64(media_type: Option<&str>, data: String) -> Self {
        let media_type = match (told(&data), media_type) {
            (Some(told), _) => told,
            (None, Some("image/jpg")) => "image/jpeg",
            (None, Some(given)) => given,
            (None, None) => "image/png",
        };
        Self::Base64 { media_type: media_type.to_owned(), data }
    }

    /// As a URL, `data:` for bytes.
    #[must_use]
    pub fn into_url(self) -> String {
        match self {
            Self::Url(url) => url,
            Self::Base64 { media_type, data } => format!("data:{media_type};base64,{data}"),
        }
    }
}

/// The media type that a picture's first bytes tell, seen through base64.
fn told(data: &str) -> Option<&'static str> {
    const KINDS: [(&str, &str); 4] =
        [("iVBORw0KGgo", "image/png"), ("/9j/", "image/jpeg"), ("R0lGOD", "image/gif"), ("UklGR", "image/webp")];
    KINDS.iter().find(|(beginning, _)| data.starts_with(beginning)).map(|(_, told)| *told)
}
