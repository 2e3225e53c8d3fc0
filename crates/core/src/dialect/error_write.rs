//! Writes an error in the words of a dialect, as a whole body or as the last event of a stream.

use serde_json::{Value, json};

use super::{
    error::{ErrorInfo, ErrorKind},
    surface::Surface,
};

impl Surface {
    /// The JSON body of an error answer.
    ///
    /// OpenAI, responses and LM Studio: `{"error": {message, type, param, code}}`, the last with words of its own for
    /// `type` in its newer API; Ollama: `{"error": "…"}`;
    /// Anthropic: `{"type": "error", "error": {type, message}, request_id}`; builtin: `{"status": false, "body": "…"}`.
    #[must_use]
    pub fn error_body(self, error: &ErrorInfo) -> Vec<u8> {
        self.error_value(error).to_string().into_bytes()
    }

    /// The status of an error answer. Anthropic has a status of its own for "overloaded"; nobody else knows it.
    #[must_use]
    pub fn error_status(self, error: &ErrorInfo) -> u16 {
        match (self, error.status) {
            (Self::Anthropic, 503) if error.kind == ErrorKind::Overloaded => 529,
            (Self::Anthropic, status) => status,
            (_, 529) => 503,
            (_, status) => status,
        }
    }

    /// The event that ends a broken stream, framed and ready to send. Nothing may follow it.
    ///
    /// A responses stream that has begun also owes `response.failed`; its translator writes that.
    #[must_use]
    pub fn stream_error(self, error: &ErrorInfo) -> Vec<u8> {
        match self {
            Self::OpenAi | Self::LmStudio => format!("data: {}\n\n", self.error_value(error)),
            Self::Anthropic => format!("event: error\ndata: {}\n\n", self.error_value(error)),
            Self::Responses => format!("event: error\ndata: {}\n\n", responses_event(error, 0)),
            Self::LmStudioNative => {
                let event = json!({"type": "error", "error": studio_error(error)});
                format!("event: error\ndata: {event}\n\n")
            }
            Self::Ollama => format!("{}\n", self.error_value(error)),
            // Both ways to say it: that of these routes, and the one that readers of OpenAI's chunks look for.
            Self::Builtin => {
                let both = json!({"status": false, "body": error.message, "error": openai_error(error)});
                format!("data: {both}\n\n")
            }
        }
        .into_bytes()
    }

    fn error_value(self, error: &ErrorInfo) -> Value {
        match self {
            Self::OpenAi | Self::Responses | Self::LmStudio => json!({"error": openai_error(error)}),
            Self::LmStudioNative => json!({"error": studio_error(error)}),
            Self::Ollama => json!({"error": error.message}),
            Self::Anthropic => {
                let inner = json!({"type": error.kind.anthropic_type(), "message": error.message});
                let mut value = json!({"type": "error", "error": inner});
                if let Some(id) = &error.request_id {
                    value["request_id"] = id.as_str().into();
                }
                value
            }
            Self::Builtin => json!({"status": false, "body": error.message}),
        }
    }
}

/// OpenAI's error object, without its envelope.
fn openai_error(error: &ErrorInfo) -> Value {
    json!({
        "message": error.message,
        "type": error.kind.openai_type(),
        "param": error.param,
        "code": error.code.as_deref().or(openai_code(error.kind)),
    })
}

/// LM Studio's error object: OpenAI's, with a closed set of types.
fn studio_error(error: &ErrorInfo) -> Value {
    let mut value = openai_error(error);
    value["type"] = match error.kind {
        ErrorKind::NotFound if error.code.as_deref() == Some("model_not_found") => "model_not_found",
        ErrorKind::InvalidRequest | ErrorKind::NotFound | ErrorKind::TooLarge => "invalid_request",
        ErrorKind::Internal => "internal_error",
        _ => "unknown",
    }
    .into();
    value
}

/// The `error` event of a responses stream: its fields as described, and once more in the `error` object by which
/// the official clients know that they must raise it.
pub(crate) fn responses_event(error: &ErrorInfo, sequence_number: u64) -> Value {
    json!({
        "type": "error",
        "code": error.code.as_deref().or(openai_code(error.kind)).unwrap_or(error.kind.openai_type()),
        "message": error.message,
        "param": error.param,
        "sequence_number": sequence_number,
        "error": openai_error(error),
    })
}

/// The code that OpenAI itself sends with errors of a kind.
fn openai_code(kind: ErrorKind) -> Option<&'static str> {
    match kind {
        ErrorKind::Authentication => Some("invalid_api_key"),
        ErrorKind::Quota => Some("insufficient_quota"),
        ErrorKind::RateLimit => Some("rate_limit_exceeded"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(bytes: Vec<u8>) -> String {
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn every_dialect_says_an_error_its_own_way() {
        let error = ErrorInfo::new(ErrorKind::NotFound, "no model 'x'").code("model_not_found").param("model");
        let said: Vec<_> = Surface::ALL.iter().map(|s| text(s.error_body(&error))).collect();
        let openai = concat!(
            r#"{"error":{"message":"no model 'x'","type":"invalid_request_error","#,
            r#""param":"model","code":"model_not_found"}}"#
        );
        assert_eq!(said[0], openai);
        assert_eq!(said[1], openai);
        assert_eq!(said[2], r#"{"error":"no model 'x'"}"#);
        assert_eq!(said[3], r#"{"type":"error","error":{"type":"not_found_error","message":"no model 'x'"}}"#);
        assert_eq!(said[4], openai);
        assert_eq!(said[5], openai.replace("invalid_request_error", "model_not_found"));
        assert_eq!(said[6], r#"{"status":false,"body":"no model 'x'"}"#);
    }

    #[test]
    fn a_stream_error_is_framed_as_the_stream_is() {
        let error = ErrorInfo::new(ErrorKind::Upstream, "the provider cut the answer short");
        assert!(text(Surface::OpenAi.stream_error(&error)).starts_with("data: {\"error\":{"));
        assert!(text(Surface::Anthropic.stream_error(&error)).starts_with("event: error\ndata: {\"type\":\"error\""));
        assert!(text(Surface::Responses.stream_error(&error)).starts_with("event: error\ndata: {\"type\":\"error\""));
        assert_eq!(text(Surface::Ollama.stream_error(&error)), "{\"error\":\"the provider cut the answer short\"}\n");
    }

    #[test]
    fn only_anthropic_clients_see_529() {
        let error = ErrorInfo::new(ErrorKind::Overloaded, "busy");
        assert_eq!(Surface::Anthropic.error_status(&error), 529);
        assert_eq!(Surface::OpenAi.error_status(&error.clone().status(529)), 503);
        assert_eq!(Surface::Ollama.error_status(&error), 503);
    }
}
