//! Provider types: what `api_type` in models-config.json may say, and what each one speaks.
//!
//! A provider type is one file with one `inventory::submit!`; a crate that links this one adds its own
//! the same way.

mod anthropic;
mod lmstudio;
mod ollama;
mod openai;
mod vllm;

use http::{HeaderMap, HeaderName, HeaderValue, header};

use crate::{operation::Operation, secret::Secret};

/// What a kind of LLM server speaks and how it wants to be addressed.
pub trait ApiType: Send + Sync + 'static {
    /// The word used for it in models-config.json, in lower case.
    fn name(&self) -> &'static str;

    /// The path of an operation below the provider's base URL, without a leading slash;
    /// `None` when servers of this type do not offer it.
    fn path(&self, operation: Operation) -> Option<&'static str>;

    /// Path of a request that proves the server is up and costs no tokens, without a leading slash.
    fn probe_path(&self) -> &'static str {
        "v1/models"
    }

    /// Adds the credentials to a request. The default is `Authorization: Bearer` (RFC 6750).
    fn authorize(&self, token: &Secret, headers: &mut HeaderMap) {
        insert_secret(headers, header::AUTHORIZATION, &format!("Bearer {}", token.expose()));
    }

    /// What the server calls sampling options that OpenAI's API lacks. The default is a server without them.
    fn sampling(&self) -> SamplingNames {
        SamplingNames::default()
    }

    /// Adds headers that servers of this type require on every request.
    fn require(&self, _headers: &mut HeaderMap) {}
}

/// The names a server has for sampling options that OpenAI's API lacks; `None` where it has no such option.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SamplingNames {
    /// Choose among this many likeliest tokens.
    pub top_k: Option<&'static str>,
    /// Divide the scores of tokens already used.
    pub repetition_penalty: Option<&'static str>,
    /// Choose among tokens of typical information content.
    pub typical_p: Option<&'static str>,
}

/// A provider type known to the process; made by `inventory::submit!`.
pub struct Registration(pub &'static dyn ApiType);

inventory::collect!(Registration);

impl std::fmt::Debug for dyn ApiType {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ApiType({})", self.name())
    }
}

/// Finds a provider type by its name, in any letter case.
#[must_use]
pub fn find(name: &str) -> Option<&'static dyn ApiType> {
    inventory::iter::<Registration>().map(|r| r.0).find(|t| t.name().eq_ignore_ascii_case(name))
}

/// The names of all provider types, sorted.
#[must_use]
pub fn names() -> Vec<&'static str> {
    let mut names: Vec<_> = inventory::iter::<Registration>().map(|r| r.0.name()).collect();
    names.sort_unstable();
    names
}

fn insert_secret(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    // A token that is no header value is refused when the catalogue is read.
    if let Ok(mut value) = HeaderValue::from_str(value) {
        value.set_sensitive(true);
        headers.insert(name, value);
    }
}

/// The paths of OpenAI's API, which several servers offer.
fn openai_path(operation: Operation) -> Option<&'static str> {
    match operation {
        Operation::ChatCompletions => Some("v1/chat/completions"),
        Operation::Completions => Some("v1/completions"),
        Operation::Embeddings => Some("v1/embeddings"),
        Operation::Responses => Some("v1/responses"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_is_found_by_its_name_in_any_case() {
        assert_eq!(names(), ["anthropic", "lmstudio", "ollama", "openai", "vllm"]);
        assert_eq!(find("VLLM").map(|t| t.name()), Some("vllm"));
        assert!(find("vlm").is_none());
    }

    #[test]
    fn a_token_is_sent_as_a_sensitive_bearer_header_or_as_the_type_wants_it() {
        let token = Secret::new("sk-1".to_owned());
        let mut headers = HeaderMap::new();
        find("openai").expect("registered").authorize(&token, &mut headers);
        assert_eq!(headers["authorization"], "Bearer sk-1");
        assert!(headers["authorization"].is_sensitive());
        let mut headers = HeaderMap::new();
        find("anthropic").expect("registered").authorize(&token, &mut headers);
        assert_eq!(headers["x-api-key"], "sk-1");
        assert!(!headers.contains_key("authorization"));
    }
}
