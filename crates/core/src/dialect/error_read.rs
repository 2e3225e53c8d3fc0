//! Reads a provider's error answer, whatever shape it has.

use serde_json::Value;

use super::error::{ErrorInfo, ErrorKind};

/// Longest part of a body that is no JSON and is still quoted to the client, in bytes.
const QUOTED: usize = 500;

impl ErrorInfo {
    /// Reads a provider's error answer.
    ///
    /// Knows OpenAI's `{"error": {…}}`, Ollama's `{"error": "…"}`, Anthropic's `{"type": "error", "error": {…}}`,
    /// vLLM's older `{"object": "error", "message": …}` and FastAPI's `{"detail": …}`. A short plain text is quoted;
    /// anything else, such as a page of HTML, is replaced by words of our own.
    #[must_use]
    pub fn read(status: u16, body: &[u8]) -> Self {
        match serde_json::from_slice::<Value>(body) {
            Ok(value) => Self::from_value(status, &value),
            Err(_) => {
                Self::new(ErrorKind::of_status(status), plain(body).unwrap_or_else(|| silent(status))).status(status)
            }
        }
    }

    /// Reads an error out of parsed JSON; `status` is what the answer or the event stands under.
    pub(crate) fn from_value(status: u16, value: &Value) -> Self {
        let inner = match value.get("error") {
            Some(inner @ (Value::Object(_) | Value::String(_))) => inner,
            _ => value,
        };
        let word = |name: &str| match inner.get(name) {
            Some(Value::String(s)) if !s.is_empty() => Some(s.clone()),
            _ => None,
        };
        // Under a status of success some servers (vLLM, OpenRouter) put the real one into `code`.
        let told = inner.get("code").and_then(Value::as_u64).and_then(|code| u16::try_from(code).ok());
        let status = told.filter(|told| status < 400 && (400..600).contains(told)).unwrap_or(status);
        let kind_word = word("type");
        let code = word("code");
        let kind = classify(status, kind_word.as_deref(), code.as_deref());
        let message = match inner {
            Value::String(s) if !s.is_empty() => Some(s.clone()),
            _ => word("message").or_else(|| detail(inner)),
        };
        let status = if status < 400 { kind.status() } else { status };
        Self {
            kind,
            status,
            message: message.unwrap_or_else(|| silent(status)),
            code,
            param: word("param"),
            retry_after: None,
            request_id: None,
        }
    }
}

/// The kind from the provider's own words, then from the status.
fn classify(status: u16, kind: Option<&str>, code: Option<&str>) -> ErrorKind {
    for word in [code, kind].into_iter().flatten() {
        let kind = match word {
            "insufficient_quota" | "billing_error" | "billing_hard_limit_reached" => ErrorKind::Quota,
            "rate_limit_error" | "rate_limit_exceeded" | "requests" | "tokens" => ErrorKind::RateLimit,
            "overloaded_error" | "overloaded" | "server_overloaded" => ErrorKind::Overloaded,
            "authentication_error" | "invalid_api_key" => ErrorKind::Authentication,
            "permission_error" => ErrorKind::Permission,
            "not_found_error" | "model_not_found" | "NotFoundError" => ErrorKind::NotFound,
            "request_too_large" => ErrorKind::TooLarge,
            "timeout_error" => ErrorKind::Timeout,
            "upstream_error" => ErrorKind::Upstream,
            "api_error" | "server_error" | "internal_error" | "InternalServerError" if status < 400 => {
                ErrorKind::Internal
            }
            "invalid_request_error" | "BadRequestError" if status < 400 => ErrorKind::InvalidRequest,
            _ => continue,
        };
        return kind;
    }
    ErrorKind::of_status(status)
}

/// FastAPI's `detail`: a text, or a list of `{loc, msg}`.
fn detail(value: &Value) -> Option<String> {
    match value.get("detail")? {
        Value::String(text) => Some(text.clone()),
        Value::Array(items) => {
            let texts: Vec<_> = items.iter().filter_map(|item| item.get("msg")?.as_str()).collect();
            (!texts.is_empty()).then(|| texts.join("; "))
        }
        _ => None,
    }
}

fn plain(body: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(body).ok()?.trim();
    (!text.is_empty() && text.len() <= QUOTED && !text.starts_with('<')).then(|| text.to_owned())
}

fn silent(status: u16) -> String {
    format!("the provider answered with status {status} and no usable message")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_known_shape_gives_its_message_and_kind() {
        let cases: [(u16, &str, ErrorKind, &str); 8] = [
            (
                429,
                r#"{"error":{"message":"slow down","type":"requests","code":"rate_limit_exceeded","param":null}}"#,
                ErrorKind::RateLimit,
                "slow down",
            ),
            (429, r#"{"error":{"message":"pay","type":"insufficient_quota"}}"#, ErrorKind::Quota, "pay"),
            (404, r#"{"error":"model 'x' not found"}"#, ErrorKind::NotFound, "model 'x' not found"),
            (
                529,
                r#"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}"#,
                ErrorKind::Overloaded,
                "Overloaded",
            ),
            (
                400,
                r#"{"object":"error","message":"too long","type":"BadRequestError","code":400}"#,
                ErrorKind::InvalidRequest,
                "too long",
            ),
            (
                422,
                r#"{"detail":[{"loc":["body"],"msg":"field required"}]}"#,
                ErrorKind::InvalidRequest,
                "field required",
            ),
            (500, "worker died", ErrorKind::Internal, "worker died"),
            (
                502,
                "<html>bad gateway</html>",
                ErrorKind::Upstream,
                "the provider answered with status 502 and no usable message",
            ),
        ];
        for (status, body, kind, message) in cases {
            let error = ErrorInfo::read(status, body.as_bytes());
            assert_eq!((error.kind, error.message.as_str(), error.status), (kind, message, status), "{body}");
        }
    }

    #[test]
    fn an_error_inside_a_stream_gets_the_status_of_its_kind() {
        let value =
            serde_json::json!({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}});
        assert_eq!(ErrorInfo::from_value(200, &value).status, 503);
        let value = serde_json::json!({"error": {"message": "slow down", "code": 429}});
        let error = ErrorInfo::from_value(200, &value);
        assert_eq!((error.kind, error.status), (ErrorKind::RateLimit, 429));
    }
}
