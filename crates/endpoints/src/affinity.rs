//! Which requests belong together: what the strategy `sticky` sends to the same provider, so that it finds there what
//! was cached of earlier ones.

use http::{HeaderMap, HeaderName};
use llm_router_balancer::Demand;
use llm_router_core::{catalogue::StickyKey, json::Peek};
use serde_json::value::RawValue;

/// A client may name what its request belongs to.
const SESSION: HeaderName = HeaderName::from_static("x-llm-router-session");

/// So many bytes of a prompt tell where it belongs: about 256 tokens. Prompts that differ within them have no beginning
/// in common that would be worth keeping.
const PREFIX: usize = 1024;

/// The key of a request: the client's own name for it, else what the prompt says.
pub(crate) fn key(kept: StickyKey, headers: &HeaderMap, peek: &Peek<'_>) -> Option<u64> {
    if let Some(session) = headers.get(SESSION).and_then(|value| value.to_str().ok()) {
        return Some(Demand::key_of(session));
    }
    match kept {
        StickyKey::Conversation => conversation(peek).or_else(|| prefix(peek)),
        StickyKey::Prefix => prefix(peek),
    }
}

/// How a conversation begins, up to the first thing the user said: later turns begin alike.
fn conversation(peek: &Peek<'_>) -> Option<u64> {
    let messages: Vec<&RawValue> = serde_json::from_slice(peek.messages()?).ok()?;
    let first_user = messages.iter().position(|message| message.get().contains("\"user\""))?;
    let beginning: String = messages[..=first_user].iter().map(|message| message.get()).collect();
    Some(Demand::key_of(&beginning))
}

/// How a prompt begins, in whatever fields its API has it: the system's part first.
fn prefix(peek: &Peek<'_>) -> Option<u64> {
    let parts = peek.fields(["system", "instructions", "messages", "input", "prompt"]);
    let mut beginning = Vec::with_capacity(PREFIX);
    for part in parts.into_iter().flatten() {
        let room = PREFIX - beginning.len();
        beginning.extend_from_slice(&part[..part.len().min(room)]);
    }
    (!beginning.is_empty()).then(|| Demand::key_of(&String::from_utf8_lossy(&beginning)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(kept: StickyKey, body: &str) -> Option<u64> {
        key(kept, &HeaderMap::new(), &Peek::new(body.as_bytes()).expect("tests write JSON"))
    }

    #[test]
    fn the_turns_of_a_conversation_have_one_key() {
        let of = |body| of(StickyKey::Conversation, body);
        let first = r#"{"messages":[{"role":"system","content":"s"},{"role":"user","content":"a"}]}"#;
        let second = r#"{"messages":[{"role":"system","content":"s"},{"role":"user","content":"a"},{"role":"assistant","content":"b"},{"role":"user","content":"c"}]}"#;
        let other = r#"{"messages":[{"role":"system","content":"s"},{"role":"user","content":"x"}]}"#;
        assert_eq!(of(first), of(second));
        assert_ne!(of(first), of(other));
        assert_eq!(of("{}"), None);
        assert!(of(r#"{"prompt":"p"}"#).is_some(), "what is no conversation is told by how it begins");
    }

    #[test]
    fn prompts_that_begin_alike_have_one_key() {
        let long = "once upon a time ".repeat(100);
        for body in [
            r#"{"messages":[{"role":"system","content":"LONG"},{"role":"user","content":"END"}],"model":"m"}"#,
            r#"{"system":"LONG","messages":[{"role":"user","content":"END"}]}"#,
            r#"{"model":"m","instructions":"LONG","input":"END"}"#,
            r#"{"prompt":"LONGEND"}"#,
        ] {
            let body = |end: &str| body.replace("LONG", &long).replace("END", end);
            let of = |body: &str| of(StickyKey::Prefix, body);
            assert_eq!(of(&body("a")), of(&body("b")), "{}", body(""));
            assert_ne!(of(&body("a")), of(&body("a").replace("once", "twice")));
            assert!(of(&body("a")).is_some());
        }
        assert_eq!(of(StickyKey::Prefix, r#"{"model":"m","prompt":null}"#), None);
    }

    #[test]
    fn a_client_may_name_what_it_belongs_to() {
        let headers = HeaderMap::from_iter([(SESSION, "s-1".parse().expect("a header value"))]);
        let peek = Peek::new(br#"{"prompt":"p"}"#).expect("JSON");
        for kept in [StickyKey::Conversation, StickyKey::Prefix] {
            assert_eq!(key(kept, &headers, &peek), Some(Demand::key_of("s-1")));
        }
    }
}
