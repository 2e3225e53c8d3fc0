//! The response object around the output: what it repeats of the request, and what came of it.

use serde_json::{Map, Value, json};

use crate::{
    canonical::{Stop, Usage},
    dialect::{ErrorInfo, ErrorKind, Identity},
    json::Node,
};

/// Fields of a request that its answer repeats, with what stands there when the client did not send them.
const REPEATED: &[(&str, &str)] = &[
    ("instructions", "null"),
    ("max_output_tokens", "null"),
    ("metadata", "{}"),
    ("parallel_tool_calls", "true"),
    ("previous_response_id", "null"),
    ("reasoning", r#"{"effort": null, "summary": null}"#),
    ("store", "false"),
    ("temperature", "1.0"),
    ("text", r#"{"format": {"type": "text"}}"#),
    ("tool_choice", r#""auto""#),
    ("tools", "[]"),
    ("top_p", "1.0"),
    ("truncation", r#""disabled""#),
    ("user", "null"),
];

/// What an answer repeats of its request.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Envelope {
    repeated: Map<String, Value>,
}

/// How far a response has come.
#[derive(Debug, Clone, Copy)]
pub(super) enum Status<'a> {
    InProgress,
    Done(&'a Stop),
    Failed(&'a ErrorInfo),
}

impl Envelope {
    pub(super) fn new(body: Node<'_>) -> Self {
        let given = |name: &str| body.get(name).filter(|value| !value.is_null()).map(Node::value);
        let fallback = |text: &str| serde_json::from_str(text).expect("the defaults above are JSON");
        let repeated = REPEATED.iter();
        let pair = |(name, text): &(&str, &str)| ((*name).to_owned(), given(name).unwrap_or_else(|| fallback(text)));
        Self { repeated: repeated.map(pair).collect() }
    }

    /// The response object.
    pub(super) fn response(
        &self,
        identity: &Identity,
        status: Status<'_>,
        output: Vec<Value>,
        usage: Option<&Usage>,
    ) -> Value {
        let (word, error, incomplete) = match status {
            Status::InProgress => ("in_progress", Value::Null, Value::Null),
            Status::Done(Stop::Length | Stop::ContextFull) => ("incomplete", Value::Null, because("max_output_tokens")),
            Status::Done(Stop::Filtered) => ("incomplete", Value::Null, because("content_filter")),
            Status::Done(_) => ("completed", Value::Null, Value::Null),
            Status::Failed(error) => {
                let code = if error.kind == ErrorKind::RateLimit { "rate_limit_exceeded" } else { "server_error" };
                ("failed", json!({"code": code, "message": error.message}), Value::Null)
            }
        };
        let mut out = json!({
            "id": identity.id("resp_"),
            "object": "response",
            "created_at": identity.created,
            "status": word,
            "error": error,
            "incomplete_details": incomplete,
            "model": identity.model,
            "output": output,
            "usage": usage.map(usage_value),
        });
        let object = out.as_object_mut().expect("an object, as just made");
        object.extend(self.repeated.iter().map(|(name, value)| (name.clone(), value.clone())));
        out
    }
}

fn because(reason: &str) -> Value {
    json!({"reason": reason})
}

fn usage_value(usage: &Usage) -> Value {
    json!({
        "input_tokens": usage.input,
        "input_tokens_details": {
            "cached_tokens": usage.cached.unwrap_or_default(),
            "cache_write_tokens": usage.cache_write.unwrap_or_default(),
        },
        "output_tokens": usage.output,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning.unwrap_or_default()},
        "total_tokens": usage.total(),
    })
}
