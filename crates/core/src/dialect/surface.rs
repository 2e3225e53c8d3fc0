//! The API a client believes it is talking to, and how that API frames streams.

/// The API of the client's side of a request. Answers, errors included, go out in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Surface {
    /// OpenAI chat completions, completions, embeddings and model lists.
    OpenAi,
    /// OpenAI responses: OpenAI's error bodies, but event names and errors of its own in streams.
    Responses,
    /// Ollama's own API.
    Ollama,
    /// Anthropic's Messages API.
    Anthropic,
    /// LM Studio's `api/v0`: OpenAI's shapes with statistics added.
    LmStudio,
    /// LM Studio's `api/v1`: shapes, event names and words for errors of its own.
    LmStudioNative,
    /// llm-router's own endpoints: `{"status": …, "body": …}` errors, streams in OpenAI's chunks.
    Builtin,
}

/// How the events of a stream are told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Framing {
    /// Server-sent events (WHATWG HTML, section 9.2).
    Sse,
    /// One JSON object a line.
    Ndjson,
}

impl Surface {
    /// Every surface, in declaration order.
    pub const ALL: [Self; 7] = [
        Self::OpenAi,
        Self::Responses,
        Self::Ollama,
        Self::Anthropic,
        Self::LmStudio,
        Self::LmStudioNative,
        Self::Builtin,
    ];

    /// The word for it in tables and logs.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::OpenAi => "openai",
            Self::Responses => "responses",
            Self::Ollama => "ollama",
            Self::Anthropic => "anthropic",
            Self::LmStudio => "lmstudio",
            Self::LmStudioNative => "lmstudio_native",
            Self::Builtin => "builtin",
        }
    }

    /// How a stream of this API is framed.
    #[must_use]
    pub fn framing(self) -> Framing {
        match self {
            Self::Ollama => Framing::Ndjson,
            Self::OpenAi
            | Self::Responses
            | Self::Anthropic
            | Self::LmStudio
            | Self::LmStudioNative
            | Self::Builtin => Framing::Sse,
        }
    }
}

impl Framing {
    /// The media type of a stream framed like this, for `content-type`.
    #[must_use]
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Sse => "text/event-stream; charset=utf-8",
            Self::Ndjson => "application/x-ndjson",
        }
    }
}
