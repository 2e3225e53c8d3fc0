//! `GET /v1/models` and `/v1/models/{id}` as OpenAI has them; Anthropic's clients get their own shape.

use http::{Method, Response};
use llm_router_core::{catalogue::Model, catalogue::Provider, dialect::Surface};
use serde_json::{Value, json};

use super::{anthropic, listed, lmstudio, named};
use crate::{
    body::Body,
    call::Call,
    endpoint::{Endpoint, Registration},
    error::Error,
    route::Route,
    upstream::BoxFuture,
};

struct OpenAiModels;

inventory::submit! { Registration(&OpenAiModels) }

impl Endpoint for OpenAiModels {
    fn name(&self) -> &'static str {
        "openai_models"
    }

    fn routes(&self) -> Vec<Route> {
        let get = |path| Route::client(Method::GET, path, Surface::OpenAi);
        vec![
            get("/models"),
            get("/models/{id}"),
            get("/v1/models"),
            get("/v1/models/{id}"),
            get("/models").prefixed(),
            get("/models/{id}").prefixed(),
            get("/v1/models").prefixed(),
            get("/v1/models/{id}").prefixed(),
            get("/openai/models").prefixed(),
        ]
    }

    fn call<'a>(&'a self, call: &'a mut Call) -> BoxFuture<'a, Result<Response<Body>, Error>> {
        Box::pin(async move {
            if call.head.headers.contains_key("anthropic-version") {
                call.surface = Surface::Anthropic;
                return anthropic::answer(call);
            }
            if !call.rest.is_empty() {
                let (model, provider) = named(call, &call.rest)?;
                return super::json(&entry(call, model, provider));
            }
            let data: Vec<Value> = listed(call).map(|(model, provider)| entry(call, model, provider)).collect();
            let mut list = json!({"object": "list", "data": data});
            // Below the prefix this is LM Studio's path too, whose clients look for another field.
            let path = call.head.uri.path().trim_end_matches('/');
            if path.strip_suffix("/v1/models").is_some_and(|prefix| !prefix.is_empty()) {
                let models = listed(call).map(|(model, provider)| lmstudio::native_entry(model, provider));
                list["models"] = models.collect::<Vec<_>>().into();
            }
            super::json(&list)
        })
    }
}

fn entry(call: &Call, model: &Model, provider: &Provider) -> Value {
    json!({
        "id": model.name,
        "object": "model",
        "created": call.state.loaded_at,
        "owned_by": provider.api_type.name(),
    })
}
