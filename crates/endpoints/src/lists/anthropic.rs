//! `GET /v1/models` and `/v1/models/{id}` for clients that send `anthropic-version`.

use http::Response;
use llm_router_core::catalogue::Model;
use serde_json::{Value, json};

use super::{listed, named};
use crate::{body::Body, call::Call, error::Error};

/// The list, or one model where the route names it.
pub(super) fn answer(call: &Call) -> Result<Response<Body>, Error> {
    if !call.rest.is_empty() {
        let (model, _) = named(call, &call.rest)?;
        return super::json(&entry(call, model));
    }
    let data: Vec<Value> = listed(call).map(|(model, _)| entry(call, model)).collect();
    let id = |entry: Option<&Value>| entry.map_or(Value::Null, |entry| entry["id"].clone());
    super::json(&json!({
        "first_id": id(data.first()),
        "last_id": id(data.last()),
        "has_more": false,
        "data": data,
    }))
}

fn entry(call: &Call, model: &Model) -> Value {
    json!({
        "type": "model",
        "id": model.name,
        "display_name": model.name,
        "created_at": call.state.loaded_at_text(),
    })
}
