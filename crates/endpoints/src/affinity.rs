//! Which requests belong to one conversation: what the strategy `sticky` keeps together.

use http::{HeaderMap, HeaderName};
use llm_router_balancer::Demand;
use llm_router_core::json::Peek;
use serde_json::value::RawValue;

/// A client may name its conversation itself.
const SESSION: HeaderName = HeaderName::from_static("x-llm-router-session");

/// The key of the conversation: the client's own name for it, else how it begins, up to the first thing the user said.
/// Later turns begin alike, so they find what the provider has cached of the earlier ones.
pub(crate) fn key(headers: &HeaderMap, peek: &Peek<'_>) -> Option<u64> {
    if let Some(session) = headers.get(SESSION).and_then(|value| value.to_str().ok()) {
        return Some(Demand::key_of(session));
    }
    let messages: Vec<&RawValue> = serde_json::from_slice(peek.messages()?).ok()?;
    let first_user = messages.iter().position(|message| message.get().contains("\"user\""))?;
    let beginning: String = messages[..=first_user].iter().map(|message| message.get()).collect();
    Some(Demand::key_of(&beginning))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(body: &str) -> Option<u64> {
        key(&HeaderMap::new(), &Peek::new(body.as_bytes()).expect("tests write JSON"))
    }

    #[test]
    fn the_turns_of_a_conversation_have_one_key() {
        let first = r#"{"messages":[{"role":"system","content":"s"},{"role":"user","content":"a"}]}"#;
        let second = r#"{"messages":[{"role":"system","content":"s"},{"role":"user","content":"a"},{"role":"assistant","content":"b"},{"role":"user","content":"c"}]}"#;
        let other = r#"{"messages":[{"role":"system","content":"s"},{"role":"user","content":"x"}]}"#;
        assert_eq!(of(first), of(second));
        assert_ne!(of(first), of(other));
        assert_eq!(of("{}"), None);
    }

    #[test]
    fn a_client_may_name_its_conversation() {
        let headers = HeaderMap::from_iter([(SESSION, "s-1".parse().expect("a header value"))]);
        let peek = Peek::new(b"{}").expect("JSON");
        assert_eq!(key(&headers, &peek), Some(Demand::key_of("s-1")));
    }
}
