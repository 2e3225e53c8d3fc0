//! `GET P/tags`: the models as Ollama lists those it has pulled.

use http::{Method, Response};
use llm_router_core::{catalogue::Model, catalogue::Provider, dialect::Surface};
use serde_json::{Value, json};

use super::listed;
use crate::{
    body::Body,
    call::Call,
    endpoint::{Endpoint, Registration},
    error::Error,
    route::Route,
    upstream::BoxFuture,
};

struct OllamaTags;

inventory::submit! { Registration(&OllamaTags) }

impl Endpoint for OllamaTags {
    fn name(&self) -> &'static str {
        "ollama_tags"
    }

    fn routes(&self) -> Vec<Route> {
        let get = |path| Route::client(Method::GET, path, Surface::Ollama).prefixed();
        vec![get("/tags"), get("/ollama/tags")]
    }

    fn call<'a>(&'a self, call: &'a mut Call) -> BoxFuture<'a, Result<Response<Body>, Error>> {
        Box::pin(async move {
            let models: Vec<Value> = listed(call).map(|(model, provider)| entry(call, model, provider)).collect();
            super::json(&json!({"models": models}))
        })
    }
}

/// Ollama's own fields first; then those the Python version had. What only the provider knows is left empty.
fn entry(call: &Call, model: &Model, provider: &Provider) -> Value {
    json!({
        "name": model.name,
        "model": model.name,
        "modified_at": call.state.loaded_at_text(),
        "size": 0,
        "digest": "",
        "details": {
            "parent_model": "",
            "format": "",
            "family": "",
            "families": [],
            "parameter_size": "",
            "quantization_level": "",
        },
        "id": model.name,
        "root": model.name,
        "arch": model.name,
        "object": "model",
        "owned_by": provider.api_type.name(),
        "publisher": provider.api_type.name(),
        "input_size": provider.input_size,
        "max_context_length": provider.input_size,
        "path": "",
        "type": "vllm",
        "state": "not-loaded",
        "compatibility_type": "mlx",
        "quantization": "4bit",
    })
}
