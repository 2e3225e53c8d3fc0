//! The wire operations a client can ask for and a provider can answer.

/// One request format together with its reply format, named after the API that defines it.
///
/// A provider that has a path for an operation (see [`ApiType::path`](crate::api_type::ApiType::path))
/// speaks it natively and is sent the client's bytes untouched; any other is reached by translation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Operation {
    /// OpenAI `POST /v1/chat/completions`.
    ChatCompletions,
    /// OpenAI `POST /v1/completions` (legacy text completion).
    Completions,
    /// OpenAI `POST /v1/embeddings`.
    Embeddings,
    /// OpenAI `POST /v1/responses`.
    Responses,
    /// Ollama `POST /api/chat`.
    OllamaChat,
    /// Ollama `POST /api/generate`.
    OllamaGenerate,
    /// Ollama `POST /api/embed`.
    OllamaEmbed,
    /// Ollama `POST /api/embeddings` (older, one prompt).
    OllamaEmbeddings,
    /// LM Studio `POST /api/v0/chat/completions`.
    LmStudioChat,
    /// LM Studio `POST /api/v0/completions`.
    LmStudioCompletions,
    /// LM Studio `POST /api/v0/embeddings`.
    LmStudioEmbeddings,
    /// LM Studio `POST /api/v1/chat`, with shapes of its own.
    LmStudioNativeChat,
    /// Anthropic `POST /v1/messages`.
    Messages,
    /// Anthropic `POST /v1/messages/count_tokens`.
    CountTokens,
}

impl Operation {
    /// Every operation, in declaration order.
    pub const ALL: [Self; 14] = [
        Self::ChatCompletions,
        Self::Completions,
        Self::Embeddings,
        Self::Responses,
        Self::OllamaChat,
        Self::OllamaGenerate,
        Self::OllamaEmbed,
        Self::OllamaEmbeddings,
        Self::LmStudioChat,
        Self::LmStudioCompletions,
        Self::LmStudioEmbeddings,
        Self::LmStudioNativeChat,
        Self::Messages,
        Self::CountTokens,
    ];

    /// Whether an absent `stream` field means a streamed answer.
    ///
    /// Only Ollama's own chat and generate stream by default (its API description, "stream: default true").
    #[must_use]
    pub fn streams_by_default(self) -> bool {
        matches!(self, Self::OllamaChat | Self::OllamaGenerate)
    }
}
