//! The paths the mock answers, and which dialect each speaks.

use http::{HeaderMap, Method};

/// Whose error bodies a path has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Dialect {
    OpenAi,
    Ollama,
    Anthropic,
}

/// One thing a provider does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Surface {
    Chat,
    Completions,
    Embeddings,
    Responses,
    Models,
    Model,
    OllamaChat,
    OllamaGenerate,
    OllamaEmbed,
    OllamaEmbeddings,
    OllamaTags,
    OllamaShow,
    OllamaPs,
    OllamaVersion,
    Root,
    LmChat,
    LmCompletions,
    LmEmbeddings,
    LmModels,
    LmModel,
    Messages,
    CountTokens,
    AnthropicModels,
    AnthropicModel,
    Health,
    Metrics,
    Control,
}

/// Where a request goes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Route {
    pub(crate) surface: Surface,
    pub(crate) dialect: Dialect,
    /// The path as counted.
    pub(crate) path: &'static str,
    get: bool,
}

impl Route {
    pub(crate) fn allows(&self, method: &Method) -> bool {
        match self.surface {
            Surface::Control => true,
            _ if self.get => method == Method::GET || method == Method::HEAD,
            _ => method == Method::POST,
        }
    }

    pub(crate) fn allow(&self) -> &'static str {
        if self.get { "GET, HEAD" } else { "POST" }
    }

    /// Whether it generates something: these are metered, take slots and obey fault scripts.
    pub(crate) fn generates(&self) -> bool {
        !self.get && !matches!(self.surface, Surface::OllamaShow | Surface::CountTokens | Surface::Control)
    }
}

const ROUTES: &[(&str, Surface, Dialect, bool)] = &[
    ("/v1/chat/completions", Surface::Chat, Dialect::OpenAi, false),
    ("/v1/completions", Surface::Completions, Dialect::OpenAi, false),
    ("/v1/embeddings", Surface::Embeddings, Dialect::OpenAi, false),
    ("/v1/responses", Surface::Responses, Dialect::OpenAi, false),
    ("/v1/models", Surface::Models, Dialect::OpenAi, true),
    ("/v1/models/", Surface::Model, Dialect::OpenAi, true),
    ("/api/chat", Surface::OllamaChat, Dialect::Ollama, false),
    ("/api/generate", Surface::OllamaGenerate, Dialect::Ollama, false),
    ("/api/embed", Surface::OllamaEmbed, Dialect::Ollama, false),
    ("/api/embeddings", Surface::OllamaEmbeddings, Dialect::Ollama, false),
    ("/api/tags", Surface::OllamaTags, Dialect::Ollama, true),
    ("/api/show", Surface::OllamaShow, Dialect::Ollama, false),
    ("/api/ps", Surface::OllamaPs, Dialect::Ollama, true),
    ("/api/version", Surface::OllamaVersion, Dialect::Ollama, true),
    ("/", Surface::Root, Dialect::Ollama, true),
    ("/api/v0/chat/completions", Surface::LmChat, Dialect::OpenAi, false),
    ("/api/v0/completions", Surface::LmCompletions, Dialect::OpenAi, false),
    ("/api/v0/embeddings", Surface::LmEmbeddings, Dialect::OpenAi, false),
    ("/api/v0/models", Surface::LmModels, Dialect::OpenAi, true),
    ("/api/v0/models/", Surface::LmModel, Dialect::OpenAi, true),
    ("/v1/messages", Surface::Messages, Dialect::Anthropic, false),
    ("/v1/messages/count_tokens", Surface::CountTokens, Dialect::Anthropic, false),
    ("/health", Surface::Health, Dialect::OpenAi, true),
    ("/metrics", Surface::Metrics, Dialect::OpenAi, true),
    ("/mock/", Surface::Control, Dialect::OpenAi, false),
];

/// Finds the route of a path. A path that ends in `/` in the list takes one more piece (model ids may hold slashes).
pub(crate) fn find(path: &str, headers: &HeaderMap) -> Option<Route> {
    let exact = ROUTES.iter().find(|(pattern, ..)| *pattern == path);
    let found = exact.or_else(|| {
        ROUTES.iter().find(|(pattern, ..)| pattern.len() > 1 && pattern.ends_with('/') && path.starts_with(pattern))
    });
    let &(path, surface, dialect, get) = found?;
    let (surface, dialect) = match surface {
        Surface::Models if headers.contains_key("anthropic-version") => (Surface::AnthropicModels, Dialect::Anthropic),
        Surface::Model if headers.contains_key("anthropic-version") => (Surface::AnthropicModel, Dialect::Anthropic),
        _ => (surface, dialect),
    };
    Some(Route { surface, dialect, path, get })
}

/// The dialect an unknown path most likely means.
pub(crate) fn guess(path: &str) -> Dialect {
    if path.starts_with("/api/") && !path.starts_with("/api/v0") { Dialect::Ollama } else { Dialect::OpenAi }
}
