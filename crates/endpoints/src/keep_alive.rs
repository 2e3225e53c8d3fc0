//! Asks an Ollama server to keep the model loaded as long as its operator wants, unless the client says otherwise.

use std::time::Duration;

use llm_router_core::operation::Operation;
use memchr::memmem;

use crate::target::Target;

/// How long the operator wants a model kept after a request, where the server can be told (Ollama's API description,
/// `keep_alive`).
pub(crate) fn wanted(target: &Target, operation: Operation) -> Option<Duration> {
    let can = matches!(
        operation,
        Operation::OllamaChat | Operation::OllamaGenerate | Operation::OllamaEmbed | Operation::OllamaEmbeddings
    );
    target.provider().keep_alive.filter(|_| can)
}

/// A JSON object with `keep_alive` as its first member. One that has the name already is left as it is: inside a text
/// the quotes around it would be escaped.
pub(crate) fn add(mut body: Vec<u8>, keep: Duration) -> Vec<u8> {
    let Some(open) = body.iter().position(|&byte| byte == b'{') else { return body };
    if memmem::find(&body, b"\"keep_alive\"").is_some() {
        return body;
    }
    let comma = if body[open + 1..].trim_ascii_start().starts_with(b"}") { "" } else { "," };
    let member = format!("\"keep_alive\":\"{}s\"{comma}", keep.as_secs().max(1));
    body.splice(open + 1..open + 1, member.into_bytes());
    body
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_operators_wish_is_added_and_the_clients_own_is_left() {
        let added = |body: &str| String::from_utf8(add(body.into(), Duration::from_secs(300))).unwrap();
        assert_eq!(added(r#" {"model":"m"}"#), r#" {"keep_alive":"300s","model":"m"}"#);
        assert_eq!(added("{ }"), r#"{"keep_alive":"300s" }"#);
        assert_eq!(added(r#"{"model":"m","keep_alive":0}"#), r#"{"model":"m","keep_alive":0}"#);
        let said = r#"{"messages":[{"content":"\"keep_alive\""}]}"#;
        assert_eq!(added(said), format!(r#"{{"keep_alive":"300s",{}"#, &said[1..]));
    }
}
