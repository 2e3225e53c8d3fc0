//! What Ollama's clients ask about models: `tags`, `ps`, `show`; and `version`.

use http::{Method, Response};
use llm_router_core::{
    catalogue::{Model, Provider},
    dialect::Surface,
    json::Peek,
};
use serde_json::{Value, json};

use super::{listed, named};
use crate::{
    body::Body,
    call::Call,
    endpoint::{Endpoint, Registration},
    error::Error,
    route::Route,
    upstream::BoxFuture,
};

struct Tags;
struct Running;
struct Show;
struct Version;

inventory::submit! { Registration(&Tags) }
inventory::submit! { Registration(&Running) }
inventory::submit! { Registration(&Show) }
inventory::submit! { Registration(&Version) }

fn get(path: &'static str) -> Route {
    Route::client(Method::GET, path, Surface::Ollama).prefixed()
}

impl Endpoint for Tags {
    fn name(&self) -> &'static str {
        "ollama_tags"
    }

    fn routes(&self) -> Vec<Route> {
        vec![get("/tags"), get("/ollama/tags")]
    }

    fn call<'a>(&'a self, call: &'a mut Call) -> BoxFuture<'a, Result<Response<Body>, Error>> {
        Box::pin(async move {
            let made = call.state.loaded_at_text();
            let models: Vec<Value> = listed(call).map(|(model, provider)| entry(&made, model, provider)).collect();
            super::json(&json!({"models": models}))
        })
    }
}

impl Endpoint for Running {
    fn name(&self) -> &'static str {
        "ollama_ps"
    }

    fn routes(&self) -> Vec<Route> {
        vec![get("/ps")]
    }

    /// The models with a request in flight: which others a provider has loaded, only it knows.
    fn call<'a>(&'a self, call: &'a mut Call) -> BoxFuture<'a, Result<Response<Body>, Error>> {
        Box::pin(async move {
            let busy = |model: &Model| {
                let status = call.state.pool(&model.name).map(|pool| pool.balancer.status()).unwrap_or_default();
                status.iter().any(|endpoint| endpoint.in_flight > 0)
            };
            let made = call.state.loaded_at_text();
            let models: Vec<Value> = listed(call)
                .filter(|(model, _)| busy(model))
                .map(|(model, provider)| {
                    let mut entry = entry(&made, model, provider);
                    entry["expires_at"] = made.as_str().into();
                    entry["size_vram"] = 0.into();
                    entry["context_length"] = provider.input_size.into();
                    entry
                })
                .collect();
            super::json(&json!({"models": models}))
        })
    }
}

impl Endpoint for Show {
    fn name(&self) -> &'static str {
        "ollama_show"
    }

    fn routes(&self) -> Vec<Route> {
        vec![Route::client(Method::POST, "/show", Surface::Ollama).prefixed()]
    }

    fn call<'a>(&'a self, call: &'a mut Call) -> BoxFuture<'a, Result<Response<Body>, Error>> {
        Box::pin(async move {
            let body = call.read_body().await?;
            let peek = Peek::new(&body)?;
            let name = match peek.model() {
                Ok(name) => name.into_owned(),
                Err(error) => older_name(&body).ok_or(error)?,
            };
            let (model, provider) = named(call, &name)?;
            super::json(&shown(call, model, provider))
        })
    }
}

/// The model's name where Ollama used to have it, and still reads it.
fn older_name(body: &[u8]) -> Option<String> {
    let body: Value = serde_json::from_slice(body).ok()?;
    body.get("name")?.as_str().map(str::to_owned)
}

impl Endpoint for Version {
    fn name(&self) -> &'static str {
        "version"
    }

    fn routes(&self) -> Vec<Route> {
        vec![Route::public(Method::GET, "/version", Surface::Ollama).prefixed()]
    }

    fn call<'a>(&'a self, _call: &'a mut Call) -> BoxFuture<'a, Result<Response<Body>, Error>> {
        Box::pin(async { super::json(&json!({"version": env!("CARGO_PKG_VERSION")})) })
    }
}

/// Ollama's own fields first; then those the Python version had. What only the provider knows is left empty.
fn entry(made: &str, model: &Model, provider: &Provider) -> Value {
    json!({
        "name": model.name,
        "model": model.name,
        "modified_at": made,
        "size": 0,
        "digest": digest(&model.name),
        "details": details(),
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

/// Ollama's own program shows the first twelve digits, and breaks where there are fewer. A router has no files to tell
/// apart: its models differ by name.
fn digest(name: &str) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let hash = ring::digest::digest(&ring::digest::SHA256, name.as_bytes());
    let digits = hash.as_ref().iter().flat_map(|byte| [byte >> 4, byte & 15]);
    digits.map(|digit| char::from(DIGITS[usize::from(digit)])).collect()
}

fn details() -> Value {
    json!({
        "parent_model": "",
        "format": "",
        "family": "",
        "families": [],
        "parameter_size": "",
        "quantization_level": "",
    })
}

/// One model in full. Clients look at `capabilities` and at the context length in `model_info`.
fn shown(call: &Call, model: &Model, provider: &Provider) -> Value {
    let capabilities = if provider.is_embedding {
        json!(["embedding"])
    } else if provider.tool_calling == Some(false) {
        json!(["completion"])
    } else {
        json!(["completion", "tools"])
    };
    json!({
        "license": "",
        "modelfile": "",
        "parameters": "",
        "template": "",
        "modified_at": call.state.loaded_at_text(),
        "details": details(),
        "model_info": {
            "general.architecture": "llm-router",
            "general.basename": model.name,
            "llm-router.context_length": provider.input_size,
        },
        "capabilities": capabilities,
    })
}
