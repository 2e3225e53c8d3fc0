//! Routes whose requests go to a provider as they are.

use http::{Method, Response};
use llm_router_core::{dialect::Surface, operation::Operation};

use crate::{
    body::Body,
    call::Call,
    endpoint::{Endpoint, Registration},
    error::Error,
    forward::forward,
    route::Route,
    upstream::BoxFuture,
};

/// An endpoint that forwards one operation. Declaring one and submitting its [`Registration`] is all it takes.
pub struct Passthrough {
    /// Its name, in snake case.
    pub name: &'static str,
    /// What is asked of the provider.
    pub operation: Operation,
    /// The dialect of the routes.
    pub surface: Surface,
    /// Paths from the root.
    pub plain: &'static [&'static str],
    /// Paths below the prefix.
    pub prefixed: &'static [&'static str],
}

impl Endpoint for Passthrough {
    fn name(&self) -> &'static str {
        self.name
    }

    fn routes(&self) -> Vec<Route> {
        let post = |path: &&'static str| Route::client(Method::POST, path, self.surface);
        self.plain.iter().map(post).chain(self.prefixed.iter().map(|path| post(path).prefixed())).collect()
    }

    fn call<'a>(&'a self, call: &'a mut Call) -> BoxFuture<'a, Result<Response<Body>, Error>> {
        Box::pin(forward(call, self.operation))
    }
}

inventory::submit! {
    Registration(&Passthrough {
        name: "chat_completions",
        operation: Operation::ChatCompletions,
        surface: Surface::OpenAi,
        plain: &["/chat/completions", "/v1/chat/completions"],
        prefixed: &["/chat/completions", "/v1/chat/completions"],
    })
}

inventory::submit! {
    Registration(&Passthrough {
        name: "completions",
        operation: Operation::Completions,
        surface: Surface::OpenAi,
        plain: &["/completions", "/v1/completions"],
        prefixed: &["/completions", "/v1/completions"],
    })
}

inventory::submit! {
    Registration(&Passthrough {
        name: "embeddings",
        operation: Operation::Embeddings,
        surface: Surface::OpenAi,
        plain: &["/embeddings", "/v1/embeddings"],
        prefixed: &["/v1/embeddings"],
    })
}

inventory::submit! {
    Registration(&Passthrough {
        name: "responses",
        operation: Operation::Responses,
        surface: Surface::Responses,
        plain: &["/responses", "/v1/responses"],
        prefixed: &["/responses", "/v1/responses"],
    })
}

inventory::submit! {
    Registration(&Passthrough {
        name: "messages",
        operation: Operation::Messages,
        surface: Surface::Anthropic,
        plain: &["/messages", "/v1/messages"],
        prefixed: &["/messages", "/v1/messages"],
    })
}

inventory::submit! {
    Registration(&Passthrough {
        name: "count_tokens",
        operation: Operation::CountTokens,
        surface: Surface::Anthropic,
        plain: &["/messages/count_tokens", "/v1/messages/count_tokens"],
        prefixed: &["/messages/count_tokens", "/v1/messages/count_tokens"],
    })
}

inventory::submit! {
    Registration(&Passthrough {
        name: "ollama_chat",
        operation: Operation::OllamaChat,
        surface: Surface::Ollama,
        plain: &[],
        prefixed: &["/chat"],
    })
}

inventory::submit! {
    Registration(&Passthrough {
        name: "ollama_generate",
        operation: Operation::OllamaGenerate,
        surface: Surface::Ollama,
        plain: &[],
        prefixed: &["/generate"],
    })
}

inventory::submit! {
    Registration(&Passthrough {
        name: "ollama_embed",
        operation: Operation::OllamaEmbed,
        surface: Surface::Ollama,
        plain: &[],
        prefixed: &["/embed"],
    })
}

inventory::submit! {
    Registration(&Passthrough {
        name: "ollama_embeddings",
        operation: Operation::OllamaEmbeddings,
        surface: Surface::Ollama,
        plain: &[],
        prefixed: &["/embeddings"],
    })
}

inventory::submit! {
    Registration(&Passthrough {
        name: "lmstudio_chat",
        operation: Operation::LmStudioChat,
        surface: Surface::LmStudio,
        plain: &[],
        prefixed: &["/v0/chat/completions"],
    })
}

inventory::submit! {
    Registration(&Passthrough {
        name: "lmstudio_completions",
        operation: Operation::LmStudioCompletions,
        surface: Surface::LmStudio,
        plain: &[],
        prefixed: &["/v0/completions"],
    })
}

inventory::submit! {
    Registration(&Passthrough {
        name: "lmstudio_embeddings",
        operation: Operation::LmStudioEmbeddings,
        surface: Surface::LmStudio,
        plain: &[],
        prefixed: &["/v0/embeddings"],
    })
}

inventory::submit! {
    Registration(&Passthrough {
        name: "lmstudio_native_chat",
        operation: Operation::LmStudioNativeChat,
        surface: Surface::LmStudioNative,
        plain: &[],
        prefixed: &["/v1/chat"],
    })
}
