//! What a request asks of the balancer: who asks, which providers may serve, and what it belongs to.

use std::sync::Arc;

use http::{HeaderMap, HeaderName};
use llm_router_balancer::{Demand, Tag, Tried};

use crate::{client_key::ClientKey, error::Error, headers, state::Pool};

/// Names the tags that a provider must have, all of them, with commas between.
const TAGS: HeaderName = HeaderName::from_static("x-llm-router-tags");
/// The most tags that one request may ask for.
const MOST_TAGS: usize = 8;

/// What a request asks of the balancer, the same for all its attempts.
#[derive(Debug, Default)]
pub(crate) struct Wish {
    /// Estimated tokens of the prompt; 0 is unknown.
    pub(crate) size: u32,
    /// Requests that belong together have the same.
    pub(crate) affinity: Option<u64>,
    /// Who asks: clients take turns in line, and those without a key are one.
    client: u64,
    /// Tags that the provider must have.
    tags: Vec<Tag>,
}

impl Wish {
    /// What a client with this key and these headers asks.
    ///
    /// # Errors
    /// [`Error::Field`] when they ask for tags that no provider of the model has.
    pub(crate) fn of(key: Option<ClientKey>, headers: &HeaderMap, pool: &Pool) -> Result<Self, Error> {
        Ok(Self { client: key.map_or(0, ClientKey::bits), tags: tags(headers, pool)?, ..Self::default() })
    }

    /// The demand for another attempt.
    pub(crate) fn demand<'a>(&'a self, pool: &'a Pool, tried: Tried) -> Demand<'a> {
        Demand {
            class: &pool.model.name,
            size: self.size,
            affinity: self.affinity,
            key: self.client,
            tags: &self.tags,
            explain: pool.explains(),
            tried,
            ..Demand::default()
        }
    }
}

fn tags(headers: &HeaderMap, pool: &Pool) -> Result<Vec<Tag>, Error> {
    if !headers::speak_to_us(headers) {
        return Ok(Vec::new());
    }
    let mut wanted: Vec<&str> = Vec::new();
    for value in headers.get_all(&TAGS) {
        let text = value.to_str().map_err(|_| refused("must be text".to_owned()))?;
        wanted.extend(text.split(',').map(str::trim).filter(|tag| !tag.is_empty()));
    }
    if wanted.len() > MOST_TAGS {
        return Err(refused(format!("may name {MOST_TAGS} tags at most")));
    }
    let has_all = |tags: &[Arc<str>]| wanted.iter().all(|tag| tags.iter().any(|own| **own == **tag));
    let mut all = pool.targets().iter().map(|member| &member.config.tags);
    if !wanted.is_empty() && !all.clone().any(|tags| has_all(tags)) {
        let mut known: Vec<&str> = all.by_ref().flatten().map(|tag| &**tag).collect();
        known.sort_unstable();
        known.dedup();
        let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
        let message = format!("asks for tags that no provider of the model has together; there are: {known}");
        return Err(refused(message));
    }
    Ok(wanted.into_iter().map(Tag::of).collect())
}

fn refused(what: String) -> Error {
    Error::Field { field: TAGS.as_str().to_owned(), message: format!("the header {TAGS} {what}") }
}
