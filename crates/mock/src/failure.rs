//! Error answers in the words of each dialect.

use serde_json::{Value, json};

use crate::route::Dialect;

/// A named error: what each provider answers for the same trouble.
pub(crate) struct Kind {
    pub(crate) name: &'static str,
    pub(crate) status: u16,
    /// Anthropic's status where it differs.
    pub(crate) anthropic_status: u16,
    openai: (&'static str, Option<&'static str>),
    anthropic: &'static str,
    message: &'static str,
}

const fn kind(
    name: &'static str,
    status: u16,
    openai: (&'static str, Option<&'static str>),
    anthropic: &'static str,
    message: &'static str,
) -> Kind {
    Kind { name, status, anthropic_status: status, openai, anthropic, message }
}

const INVALID: &str = "invalid_request_error";

pub(crate) const KINDS: &[Kind] = &[
    kind("bad-request", 400, (INVALID, None), INVALID, "The request is not valid."),
    kind(
        "context",
        400,
        (INVALID, Some("context_length_exceeded")),
        INVALID,
        "This model's maximum context length is 8192 tokens. Your messages are longer: prompt is too long.",
    ),
    kind("auth", 401, (INVALID, Some("invalid_api_key")), "authentication_error", "Incorrect API key provided."),
    kind("forbidden", 403, (INVALID, None), "permission_error", "This key may not use this resource."),
    kind("not-found", 404, (INVALID, Some("model_not_found")), "not_found_error", "The model does not exist."),
    kind("too-large", 413, (INVALID, None), "request_too_large", "The request is larger than allowed."),
    kind("unprocessable", 422, (INVALID, None), INVALID, "The request could not be processed."),
    kind(
        "rate-limit",
        429,
        ("rate_limit_error", Some("rate_limit_exceeded")),
        "rate_limit_error",
        "Rate limit reached. Please try again later.",
    ),
    kind(
        "quota",
        429,
        ("insufficient_quota", Some("insufficient_quota")),
        "rate_limit_error",
        "You exceeded your current quota.",
    ),
    kind("server", 500, ("server_error", None), "api_error", "Internal server error."),
    kind("gateway", 502, ("server_error", None), "api_error", "Bad gateway."),
    kind("loading", 503, ("unavailable_error", None), "overloaded_error", "Loading model"),
    Kind {
        anthropic_status: 529,
        ..kind("overloaded", 503, ("server_error", Some("overloaded")), "overloaded_error", "Overloaded")
    },
    kind("timeout", 504, ("server_error", Some("timeout")), "timeout_error", "The server took too long."),
];

/// The kind of this name, or the one nearest to a bare status.
pub(crate) fn kind_of(name: Option<&str>, status: Option<u16>) -> &'static Kind {
    if let Some(kind) = KINDS.iter().find(|kind| Some(kind.name) == name) {
        return kind;
    }
    let status = status.unwrap_or(500);
    let exact = KINDS.iter().find(|kind| kind.status == status || kind.anthropic_status == status);
    let nearest = if status < 500 { "bad-request" } else { "server" };
    exact.or_else(|| KINDS.iter().find(|kind| kind.name == nearest)).expect("both names stand in the list")
}

/// The error body of a dialect.
pub(crate) fn body(dialect: Dialect, kind: &Kind, message: Option<&str>, number: u64) -> Value {
    let message = message.unwrap_or(kind.message);
    match dialect {
        Dialect::OpenAi => {
            let (kind, code) = kind.openai;
            json!({"error": {"message": message, "type": kind, "param": null, "code": code}})
        }
        Dialect::Ollama => json!({"error": message}),
        Dialect::Anthropic => json!({
            "type": "error",
            "error": {"type": kind.anthropic, "message": message},
            "request_id": format!("req_mock{number:020}"),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bare_status_finds_its_kind() {
        assert_eq!(kind_of(None, Some(529)).name, "overloaded");
        assert_eq!(kind_of(None, Some(429)).name, "rate-limit");
        assert_eq!(kind_of(None, Some(418)).name, "bad-request");
        assert_eq!(kind_of(Some("context"), Some(400)).name, "context");
    }
}
