//! `GET /v1/models` and `/v1/models/{id}` as OpenAI has them; Anthropic's clients get their own shape.

use http::{Method, Response};
use llm_router_core::{catalogue::Model, catalogue::Provider, dialect::Surface};
use serde::Serialize;
use serde_json::Value;

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
            // Below the prefix this is LM Studio's path too, whose clients look for another field.
            let path = call.head.uri.path().trim_end_matches('/');
            let studio = path.strip_suffix("/v1/models").is_some_and(|prefix| !prefix.is_empty());
            let native = || listed(call).map(|(model, provider)| lmstudio::native_entry(model, provider)).collect();
            super::json(&List {
                object: "list",
                data: listed(call).map(|(model, provider)| entry(call, model, provider)).collect(),
                models: studio.then(native),
            })
        })
    }
}

/// The list. It is written without a tree: clients ask for it often, and there may be thousands of models.
#[derive(Serialize)]
struct List<'a> {
    object: &'static str,
    data: Vec<Entry<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    models: Option<Vec<Value>>,
}

/// A model.
#[derive(Serialize)]
struct Entry<'a> {
    id: &'a str,
    object: &'static str,
    /// Seconds since 1970.
    created: u64,
    owned_by: &'static str,
}

fn entry<'a>(call: &Call, model: &'a Model, provider: &Provider) -> Entry<'a> {
    Entry { id: &model.name, object: "model", created: call.state.loaded_at, owned_by: provider.api_type.name() }
}
