//! What a request asks of the balancer: who asks, which providers may serve, and what it belongs to.

use std::{
    hash::{BuildHasher as _, RandomState},
    sync::OnceLock,
};

use http::{HeaderMap, HeaderName, header};
use llm_router_balancer::{Demand, Tag, Tried};

use crate::{error::Error, state::Pool};

/// Names the tags that a provider must have, all of them, with commas between.
const TAGS: HeaderName = HeaderName::from_static("x-llm-router-tags");
/// Where clients of Anthropic's API put their key.
const API_KEY: HeaderName = HeaderName::from_static("x-api-key");
/// The most tags that one request may ask for.
const MOST_TAGS: usize = 8;

/// What a request asks of the balancer, the same for all its attempts.
#[derive(Debug, Default)]
pub(crate) struct Wish {
    /// Estimated tokens of the prompt; 0 is unknown.
    pub(crate) size: u32,
    /// Requests that belong together have the same.
    pub(crate) affinity: Option<u64>,
    /// Who asks: clients take turns in line.
    client: u64,
    /// Tags that the provider must have.
    tags: Vec<Tag>,
}

impl Wish {
    /// Reads what the client's headers say.
    ///
    /// # Errors
    /// [`Error::Field`] when they ask for tags that no provider of the model has.
    pub(crate) fn of(headers: &HeaderMap, pool: &Pool) -> Result<Self, Error> {
        let client = if pool.has_line() { client(headers) } else { 0 };
        Ok(Self { client, tags: tags(headers, pool)?, ..Self::default() })
    }

    /// The demand for another attempt.
    pub(crate) fn demand<'a>(&'a self, pool: &'a Pool, tried: Tried) -> Demand<'a> {
        Demand {
            class: &pool.model.name,
            size: self.size,
            affinity: self.affinity,
            key: self.client,
            tags: &self.tags,
            tried,
            ..Demand::default()
        }
    }
}

/// A number for the client's key; 0, which is one client as well, for those that have none. It differs with every start
/// of the program and is kept nowhere but in the line, so the key cannot be found out from it.
fn client(headers: &HeaderMap) -> u64 {
    static SEED: OnceLock<RandomState> = OnceLock::new();
    let key = headers.get(header::AUTHORIZATION).or_else(|| headers.get(API_KEY));
    key.map_or(0, |key| SEED.get_or_init(RandomState::new).hash_one(key.as_bytes()))
}

fn tags(headers: &HeaderMap, pool: &Pool) -> Result<Vec<Tag>, Error> {
    let mut wanted: Vec<&str> = Vec::new();
    for value in headers.get_all(&TAGS) {
        let text = value.to_str().map_err(|_| refused("must be text".to_owned()))?;
        wanted.extend(text.split(',').map(str::trim).filter(|tag| !tag.is_empty()));
    }
    if wanted.len() > MOST_TAGS {
        return Err(refused(format!("may name {MOST_TAGS} tags at most")));
    }
    let has_all = |tags: &[std::sync::Arc<str>]| wanted.iter().all(|tag| tags.iter().any(|own| **own == **tag));
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

#[cfg(test)]
mod tests {
    use super::*;

    fn of(name: HeaderName, value: &'static str) -> u64 {
        client(&HeaderMap::from_iter([(name, http::HeaderValue::from_static(value))]))
    }

    #[test]
    fn a_key_is_one_client_and_so_is_everybody_without() {
        assert_eq!(of(header::AUTHORIZATION, "Bearer a"), of(header::AUTHORIZATION, "Bearer a"));
        assert_ne!(of(header::AUTHORIZATION, "Bearer a"), of(header::AUTHORIZATION, "Bearer b"));
        assert_eq!(of(API_KEY, "a"), of(API_KEY, "a"));
        assert_eq!(of(header::ACCEPT, "a"), 0);
    }
}
