//! Tells the beginning of an untouched stream from its content. Until content has come, another provider can take
//! over without the client noticing.

use http::StatusCode;
use llm_router_core::dialect::ErrorInfo;
use serde_json::{Map, Value};

/// What the first bytes of a stream hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Beginning {
    /// Nothing that a client would miss: roles, ids, empty texts, comments, a part of an event.
    Preamble,
    /// Something of the answer, or something unknown.
    Content,
    /// An error in place of an answer.
    Error,
}

/// Beyond this many bytes everything is content: no preamble is so long.
const LONGEST: usize = 16 * 1024;

/// How llama.cpp told errors for long, in a field of its own.
const ERROR: &[u8] = b"error: {";

/// Looks at all that has come of a stream of events or lines.
pub(crate) fn beginning(bytes: &[u8]) -> Beginning {
    if bytes.len() > LONGEST {
        return Beginning::Content;
    }
    let Some(end) = memchr::memrchr(b'\n', bytes) else { return Beginning::Preamble };
    for line in bytes[..end].split(|byte| *byte == b'\n') {
        let line = line.trim_ascii();
        if line.starts_with(ERROR) {
            return Beginning::Error;
        }
        let data = line.strip_prefix(b"data:").unwrap_or(line).trim_ascii();
        if data.is_empty() || [&b":"[..], b"event:", b"id:", b"retry:"].iter().any(|field| line.starts_with(field)) {
            continue;
        }
        let Ok(Value::Object(event)) = serde_json::from_slice(data) else { return Beginning::Content };
        match event_is(&event) {
            Beginning::Preamble => {}
            other => return other,
        }
    }
    Beginning::Preamble
}

/// What the error says that [`beginning`] found.
pub(crate) fn told(bytes: &[u8]) -> ErrorInfo {
    let mut lines = bytes.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
    if let Some(line) = lines.clone().find(|line| line.starts_with(ERROR)) {
        return ErrorInfo::read(StatusCode::OK.as_u16(), &line[ERROR.len() - 1..]);
    }
    let events =
        lines.by_ref().filter_map(|line| match serde_json::from_slice(line.strip_prefix(b"data:").unwrap_or(line)) {
            Ok(Value::Object(event)) => Some(event),
            _ => None,
        });
    let mut failed = events.filter(|event| event_is(event) == Beginning::Error);
    let event = failed.next().unwrap_or_default();
    // A failed response has its error one level deeper.
    let event = event.get("response").cloned().unwrap_or(Value::Object(event));
    ErrorInfo::read(StatusCode::OK.as_u16(), event.to_string().as_bytes())
}

fn event_is(event: &Map<String, Value>) -> Beginning {
    let kind = event.get("type").and_then(Value::as_str);
    let failed = event.get("error").is_some_and(|error| !error.is_null());
    if failed || matches!(kind, Some("error" | "response.failed")) {
        return Beginning::Error;
    }
    let bare = match (kind, event.get("choices").and_then(Value::as_array)) {
        (Some(kind), _) => matches!(
            kind,
            "message_start"
                | "ping"
                | "content_block_start"
                | "response.created"
                | "response.queued"
                | "response.in_progress"
                | "response.output_item.added"
                | "response.content_part.added"
        ),
        (None, Some(choices)) => choices.iter().all(is_bare_choice),
        (None, None) => {
            event.get("done") == Some(&Value::Bool(false))
                && says_nothing(event.get("message").unwrap_or(&Value::Null))
                && says_nothing_of(event, &["response", "thinking"])
        }
    };
    if bare { Beginning::Preamble } else { Beginning::Content }
}

/// A choice of a chat or completion chunk with neither text nor an end.
fn is_bare_choice(choice: &Value) -> bool {
    let Some(choice) = choice.as_object() else { return false };
    says_nothing_of(choice, &["text", "finish_reason", "tool_calls"])
        && says_nothing(choice.get("delta").unwrap_or(&Value::Null))
}

/// A message of which only the role is known.
fn says_nothing(message: &Value) -> bool {
    match message {
        Value::Null => true,
        Value::Object(fields) => fields.iter().all(|(name, value)| name == "role" || is_empty(value)),
        _ => false,
    }
}

fn says_nothing_of(fields: &Map<String, Value>, names: &[&str]) -> bool {
    names.iter().all(|name| fields.get(*name).is_none_or(is_empty))
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        Value::Bool(_) | Value::Number(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use llm_router_core::dialect::ErrorKind;

    use super::*;

    #[test]
    fn roles_and_ids_are_preamble_and_text_is_content() {
        for (text, want) in [
            ("", Beginning::Preamble),
            (": hello\n\n", Beginning::Preamble),
            (
                "data: {\"choices\":[{\"delta\":{\"role\":\"assistant\",\"content\":\"\"},\"finish_reason\":null}]}\n\n",
                Beginning::Preamble,
            ),
            ("data: {\"choices\":[{\"delta\":{\"content\":\"x", Beginning::Preamble),
            ("data: {\"choices\":[{\"delta\":{\"content\":\"x\"}}]}\n\n", Beginning::Content),
            ("data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n", Beginning::Content),
            ("data: [DONE]\n\n", Beginning::Content),
            ("data: {\"error\":{\"message\":\"no\"}}\n\n", Beginning::Error),
            ("event: message_start\ndata: {\"type\":\"message_start\",\"message\":{}}\n\n", Beginning::Preamble),
            ("event: content_block_delta\ndata: {\"type\":\"content_block_delta\"}\n\n", Beginning::Content),
            ("{\"message\":{\"role\":\"assistant\",\"content\":\"\"},\"done\":false}\n", Beginning::Preamble),
            ("{\"message\":{\"role\":\"assistant\",\"content\":\"a\"},\"done\":false}\n", Beginning::Content),
            ("{\"response\":\"a\",\"done\":false}\n", Beginning::Content),
            ("{\"error\":\"no\"}\n", Beginning::Error),
            ("data: {\"type\":\"response.created\",\"response\":{\"error\":null}}\n\n", Beginning::Preamble),
            ("data: what\n\n", Beginning::Content),
            ("error: {\"code\":500,\"message\":\"no\"}\n\n", Beginning::Error),
        ] {
            assert_eq!(beginning(text.as_bytes()), want, "{text}");
        }
    }

    #[test]
    fn an_error_in_place_of_an_answer_keeps_its_words() {
        for text in [
            "data: {\"choices\":[]}\n\ndata: {\"error\":{\"message\":\"no\",\"type\":\"rate_limit_error\"}}\n\n",
            "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"rate_limit_error\",\"message\":\"no\"}}\n\n",
            "data: {\"type\":\"response.failed\",\"response\":{\"error\":{\"code\":\"rate_limit_exceeded\",\
             \"message\":\"no\"}}}\n\n",
        ] {
            let info = told(text.as_bytes());
            assert_eq!((info.kind, info.message.as_str(), info.status), (ErrorKind::RateLimit, "no", 429), "{text}");
        }
        assert_eq!(told(b"{\"error\":\"out of memory\"}\n").message, "out of memory");
        let info = told(b"error: {\"code\":503,\"message\":\"Loading model\",\"type\":\"unavailable_error\"}\n\n");
        assert_eq!((info.kind, info.message.as_str()), (ErrorKind::Overloaded, "Loading model"));
    }
}
