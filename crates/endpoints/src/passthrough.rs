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
        name: "ollama_chat",
        operation: Operation::OllamaChat,
        surface: Surface::Ollama,
        plain: &[],
        prefixed: &["/chat"],
    })
}
