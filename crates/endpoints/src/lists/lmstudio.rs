//! `GET` and `POST P/v0/models`, and `P/v0/models/{id}`: the models as LM Studio lists them.

use http::{Method, Response};
use llm_router_core::{catalogue::Model, catalogue::Provider, dialect::Surface};
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

struct LmStudioModels;

inventory::submit! { Registration(&LmStudioModels) }

impl Endpoint for LmStudioModels {
    fn name(&self) -> &'static str {
        "lmstudio_models"
    }

    fn routes(&self) -> Vec<Route> {
        let at = |method, path| Route::client(method, path, Surface::LmStudio).prefixed();
        vec![at(Method::GET, "/v0/models"), at(Method::POST, "/v0/models"), at(Method::GET, "/v0/models/{id}")]
    }

    fn call<'a>(&'a self, call: &'a mut Call) -> BoxFuture<'a, Result<Response<Body>, Error>> {
        Box::pin(async move {
            if !call.rest.is_empty() {
                let (model, provider) = named(call, &call.rest)?;
                return super::json(&entry(model, provider));
            }
            let data: Vec<Value> = listed(call).map(|(model, provider)| entry(model, provider)).collect();
            let models: Vec<Value> = listed(call).map(|(model, provider)| summary(model, provider)).collect();
            super::json(&json!({"object": "list", "data": data, "models": models}))
        })
    }
}

/// One model as LM Studio's own REST API has it.
fn entry(model: &Model, provider: &Provider) -> Value {
    json!({
        "id": model.name,
        "object": "model",
        "type": kind(provider),
        "publisher": provider.api_type.name(),
        "arch": "",
        "compatibility_type": "",
        "quantization": "",
        "state": "loaded",
        "max_context_length": provider.input_size,
    })
}

/// One model as the Python version had it, without its invented sizes.
fn summary(model: &Model, provider: &Provider) -> Value {
    json!({
        "type": kind(provider),
        "modelKey": model.name,
        "format": "gguf",
        "displayName": model.name,
        "path": model.name,
        "sizeBytes": 0,
        "paramsString": "",
        "architecture": "",
        "vision": false,
        "trainedForToolUse": true,
        "maxContextLength": provider.input_size,
    })
}

/// One model as LM Studio's `api/v1/models` has it. What only the provider knows is left empty.
pub(super) fn native_entry(model: &Model, provider: &Provider) -> Value {
    let mut entry = json!({
        "type": "llm",
        "publisher": provider.api_type.name(),
        "key": model.name,
        "display_name": model.name,
        "quantization": null,
        "size_bytes": 0,
        "params_string": null,
        "loaded_instances": [{"id": model.name, "config": {"context_length": provider.input_size}}],
        "max_context_length": provider.input_size,
        "format": null,
    });
    if provider.is_embedding {
        entry["type"] = "embedding".into();
    } else {
        entry["architecture"] = Value::Null;
        entry["capabilities"] = json!({"vision": false, "trained_for_tool_use": provider.tool_calling.unwrap_or(true)});
        entry["description"] = Value::Null;
    }
    entry
}

fn kind(provider: &Provider) -> &'static str {
    if provider.is_embedding { "embeddings" } else { "llm" }
}
