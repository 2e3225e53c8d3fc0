//! What an operator wants of an Ollama server where its client does not say: how long to keep the model loaded, and how
//! much text it is to have before it. Clients of other APIs have no words for either, and the server's own choice of
//! text is so small that it cuts prompts in silence.

use std::time::Duration;

use llm_router_core::{json::Peek, operation::Operation};
use memchr::memmem;

use crate::target::Target;

/// The operator's wishes for one request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wishes {
    keep_alive: Option<Duration>,
    num_ctx: Option<u64>,
}

impl Wishes {
    /// What is wanted of a server, if anything, and if it can be told (Ollama's API description, `keep_alive` and
    /// `options`).
    pub(crate) fn of(target: &Target, operation: Operation) -> Option<Self> {
        let can = matches!(
            operation,
            Operation::OllamaChat | Operation::OllamaGenerate | Operation::OllamaEmbed | Operation::OllamaEmbeddings
        );
        let provider = target.provider();
        let wishes = Self { keep_alive: provider.keep_alive, num_ctx: provider.num_ctx };
        (can && (wishes.keep_alive.is_some() || wishes.num_ctx.is_some())).then_some(wishes)
    }

    /// Puts the wishes into a JSON object, beside what the client said; its own words are left as they are.
    pub(crate) fn put(self, mut body: Vec<u8>) -> Vec<u8> {
        // Inside a text the quotes around the name would be escaped.
        if let Some(keep) = self.keep_alive.filter(|_| memmem::find(&body, b"\"keep_alive\"").is_none()) {
            insert(&mut body, 0, &format!("\"keep_alive\":\"{}s\"", keep.as_secs().max(1)));
        }
        let Some(num_ctx) = self.num_ctx else { return body };
        let [options] = Peek::new(&body).map_or([None], |peek| peek.fields(["options"]));
        match options {
            None => insert(&mut body, 0, &format!("\"options\":{{\"num_ctx\":{num_ctx}}}")),
            Some(options) if !options.starts_with(b"{") || memmem::find(options, b"\"num_ctx\"").is_some() => {}
            Some(options) => {
                // It is a part of the body.
                let at = options.as_ptr().addr() - body.as_ptr().addr();
                insert(&mut body, at, &format!("\"num_ctx\":{num_ctx}"));
            }
        }
        body
    }
}

/// Makes this the first member of the first object from `at` on.
fn insert(body: &mut Vec<u8>, at: usize, member: &str) {
    let Some(open) = memchr::memchr(b'{', &body[at..]).map(|open| at + open) else { return };
    let comma = if body[open + 1..].trim_ascii_start().starts_with(b"}") { "" } else { "," };
    body.splice(open + 1..open + 1, format!("{member}{comma}").into_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(keep_alive: Option<u64>, num_ctx: Option<u64>, body: &str) -> String {
        let wishes = Wishes { keep_alive: keep_alive.map(Duration::from_secs), num_ctx };
        String::from_utf8(wishes.put(body.into())).unwrap()
    }

    #[test]
    fn a_time_to_stay_loaded_is_added_and_the_clients_own_is_left() {
        let added = |body: &str| put(Some(300), None, body);
        assert_eq!(added(r#" {"model":"m"}"#), r#" {"keep_alive":"300s","model":"m"}"#);
        assert_eq!(added("{ }"), r#"{"keep_alive":"300s" }"#);
        assert_eq!(added(r#"{"model":"m","keep_alive":0}"#), r#"{"model":"m","keep_alive":0}"#);
        let said = r#"{"messages":[{"content":"\"keep_alive\""}]}"#;
        assert_eq!(added(said), format!(r#"{{"keep_alive":"300s",{}"#, &said[1..]));
    }

    #[test]
    fn a_context_is_added_to_the_clients_options_alone_and_its_own_is_left() {
        let added = |body: &str| put(None, Some(8192), body);
        assert_eq!(added(r#"{"model":"m"}"#), r#"{"options":{"num_ctx":8192},"model":"m"}"#);
        assert_eq!(added(r#"{"options": {}}"#), r#"{"options": {"num_ctx":8192}}"#);
        assert_eq!(added(r#"{"options":{"seed":1}}"#), r#"{"options":{"num_ctx":8192,"seed":1}}"#);
        for own in [r#"{"options":{"num_ctx":1}}"#, r#"{"options":5}"#] {
            assert_eq!(added(own), own);
        }
        let tool = r#"{"tools":[{"function":{"parameters":{"properties":{"options":{"type":"object"}}}}}]}"#;
        assert_eq!(
            added(tool),
            format!(r#"{{"options":{{"num_ctx":8192}},{}"#, &tool[1..]),
            "a tool's options are its own"
        );
        let both = put(Some(60), Some(9), r#"{"options":{"seed":1},"messages":[]}"#);
        assert_eq!(both, r#"{"keep_alive":"60s","options":{"num_ctx":9,"seed":1},"messages":[]}"#);
    }
}
