//! Anthropic's Messages API.

use http::{HeaderMap, HeaderName, HeaderValue};

use super::{ApiType, Registration, SamplingNames, insert_secret};
use crate::{operation::Operation, secret::Secret};

/// The API version sent when the client named none (Anthropic's "Versioning" page).
const VERSION: HeaderValue = HeaderValue::from_static("2023-06-01");
const VERSION_HEADER: HeaderName = HeaderName::from_static("anthropic-version");

struct Anthropic;

inventory::submit! { Registration(&Anthropic) }

impl ApiType for Anthropic {
    fn name(&self) -> &'static str {
        "anthropic"
    }

    fn path(&self, operation: Operation) -> Option<&'static str> {
        match operation {
            Operation::Messages => Some("v1/messages"),
            Operation::CountTokens => Some("v1/messages/count_tokens"),
            _ => None,
        }
    }

    fn authorize(&self, token: &Secret, headers: &mut HeaderMap) {
        insert_secret(headers, HeaderName::from_static("x-api-key"), token.expose());
    }

    fn require(&self, headers: &mut HeaderMap) {
        headers.entry(VERSION_HEADER).or_insert(VERSION);
    }

    fn sampling(&self) -> SamplingNames {
        SamplingNames { top_k: Some("top_k"), ..SamplingNames::default() }
    }
}
