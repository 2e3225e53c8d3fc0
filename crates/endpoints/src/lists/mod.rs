//! The lists of models, in the shape each dialect's clients expect. No list names a provider's address.

mod anthropic;
mod lmstudio;
mod manage;
mod ollama;
mod openai;

use std::sync::Arc;

use http::{HeaderValue, Response, header};
use llm_router_core::catalogue::{Model, Provider};
use serde::Serialize;

use crate::{body::Body, call::Call, error::Error};

/// The models that have a provider, each with its first one.
fn listed(call: &Call) -> impl Iterator<Item = (&Arc<Model>, &Arc<Provider>)> {
    call.state.catalogue.models().iter().filter_map(|model| Some((model, model.providers.first()?)))
}

/// The listed model of a name.
fn named<'c>(call: &'c Call, name: &str) -> Result<(&'c Arc<Model>, &'c Arc<Provider>), Error> {
    let pool = call.state.pool(name)?;
    let provider = pool.model.providers.first().ok_or(Error::Internal)?;
    Ok((&pool.model, provider))
}

/// A 200 answer with a JSON body.
pub(crate) fn json(value: &impl Serialize) -> Result<Response<Body>, Error> {
    let text = serde_json::to_vec(value).map_err(|_| Error::Internal)?;
    let mut response = Response::new(Body::from(text));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Ok(response)
}
