//! The same exchange in three dialects: where requests go, and the bodies and frames that client and provider agree on.

use std::fmt;

use memchr::memmem;

use crate::script::Wish;

/// Ends the content of every whole answer, so that a cut one shows.
const LAST_WORDS: &str = "that-is-all";

/// A way to say a chat request and its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Dialect {
    /// `/v1/chat/completions`, server-sent events.
    OpenAi,
    /// `/api/chat`, lines of JSON.
    Ollama,
    /// `/v1/messages`, server-sent events with names.
    Anthropic,
}

/// The pieces of a stream; the text of a frame stands between `before` and `after`.
pub(crate) struct Frame {
    pub(crate) content_type: &'static str,
    pub(crate) opening: &'static str,
    pub(crate) before: &'static str,
    pub(crate) after: &'static str,
    pub(crate) closing: &'static str,
}

impl Dialect {
    /// The dialect of requests to `path`: OpenAI's unless the path is one of the other two.
    #[must_use]
    pub fn of_path(path: &str) -> Self {
        let path = path.split('?').next().unwrap_or(path);
        if path.ends_with("/api/chat") {
            Self::Ollama
        } else if path.ends_with("/v1/messages") {
            Self::Anthropic
        } else {
            Self::OpenAi
        }
    }

    /// Where requests go.
    #[must_use]
    pub fn path(self) -> &'static str {
        match self {
            Self::OpenAi => "/v1/chat/completions",
            Self::Ollama => "/api/chat",
            Self::Anthropic => "/v1/messages",
        }
    }

    /// What follows the model's name where the provider speaks this dialect.
    pub(crate) fn suffix(self) -> &'static str {
        match self {
            Self::OpenAi => "",
            Self::Ollama => "-ollama",
            Self::Anthropic => "-anthropic",
        }
    }

    /// A chat request whose body has about `bytes` bytes. The wish stands in the prompt, which every gateway passes on.
    pub(crate) fn request_body(self, model: &str, wish: Wish, bytes: usize) -> Vec<u8> {
        let stream = matches!(wish, Wish::Stream { .. });
        let limit = if self == Self::Anthropic { r#""max_tokens":4096,"# } else { "" };
        let head = format!(
            r#"{{"model":"{model}","stream":{stream},{limit}"messages":[{{"role":"user","content":"{} "#,
            wish.text()
        );
        let words = "All work is measured by the clock of the process that did it. ";
        filled(&head, words, r#""}]}"#, bytes)
    }

    /// The whole answer of about `bytes` bytes.
    pub(crate) fn answer_body(self, bytes: usize) -> Vec<u8> {
        let (head, tail) = match self {
            Self::OpenAi => (
                r#"{"id":"bench-1","object":"chat.completion","created":1700000000,"model":"bench","choices":[{"index":0,"message":{"role":"assistant","content":""#,
                r#""},"finish_reason":"stop"}],"usage":{"prompt_tokens":1,"completion_tokens":1,"total_tokens":2}}"#,
            ),
            Self::Ollama => (
                r#"{"model":"bench","created_at":"2025-10-17T23:14:07.414671Z","message":{"role":"assistant","content":""#,
                r#""},"done":true,"done_reason":"stop","total_duration":2000,"load_duration":1,"prompt_eval_count":1,"prompt_eval_duration":1,"eval_count":1,"eval_duration":1}"#,
            ),
            Self::Anthropic => (
                r#"{"id":"msg_1","type":"message","role":"assistant","model":"bench","content":[{"type":"text","text":""#,
                r#""}],"stop_reason":"end_turn","stop_sequence":null,"usage":{"input_tokens":1,"output_tokens":1}}"#,
            ),
        };
        filled(head, "a fixed answer ", &format!("{LAST_WORDS}{tail}"), bytes)
    }

    /// True when `body` is a whole answer in this dialect of about `bytes` bytes, even one whose JSON was written anew.
    pub(crate) fn is_whole(self, body: &[u8], bytes: usize) -> bool {
        let least = bytes.min(body.len().max(512)) / 2;
        let tail = &body[body.len().saturating_sub(1024)..];
        let ends = [body.get(..512).unwrap_or(body), tail];
        let named = |mark: &str| ends.iter().any(|end| memmem::find(end, mark.as_bytes()).is_some());
        body.len() >= least && named(self.mark()) && memmem::find(tail, LAST_WORDS.as_bytes()).is_some()
    }

    /// What only answers in this dialect have.
    fn mark(self) -> &'static str {
        match self {
            Self::OpenAi => "\"choices\"",
            Self::Ollama => "\"done\"",
            Self::Anthropic => "\"stop_reason\"",
        }
    }

    /// What stands between the frames of a stream.
    pub(crate) fn separator(self) -> &'static [u8] {
        if self == Self::Ollama { b"\n" } else { b"\n\n" }
    }

    /// What stands before the number of a frame.
    pub(crate) fn number_mark(self) -> &'static [u8] {
        if self == Self::Anthropic { b"\"text\":\"t" } else { b"\"content\":\"t" }
    }

    /// True for the frame that says that the stream is whole.
    pub(crate) fn is_end(self, frame: &[u8]) -> bool {
        match self {
            Self::OpenAi => frame == b"data: [DONE]" || frame == b"data:[DONE]",
            Self::Ollama => memmem::find(frame, b"\"done\":true").is_some(),
            Self::Anthropic => frame.starts_with(b"event: message_stop") || frame.starts_with(b"event:message_stop"),
        }
    }

    pub(crate) fn frame(self) -> Frame {
        match self {
            Self::OpenAi => Frame {
                content_type: "text/event-stream",
                opening: "",
                before: r#"data: {"id":"bench-1","object":"chat.completion.chunk","created":1700000000,"model":"bench","choices":[{"index":0,"delta":{"content":""#,
                after: "\"},\"finish_reason\":null}]}\n\n",
                closing: "data: [DONE]\n\n",
            },
            Self::Ollama => Frame {
                content_type: "application/x-ndjson",
                opening: "",
                before: r#"{"model":"bench","created_at":"2025-10-17T23:14:07.414671Z","message":{"role":"assistant","content":""#,
                after: "\"},\"done\":false}\n",
                closing: concat!(
                    r#"{"model":"bench","created_at":"2025-10-17T23:14:07.414671Z","message":{"role":"assistant","content":""},"#,
                    r#""done":true,"done_reason":"stop","total_duration":2000,"load_duration":1,"prompt_eval_count":1,"prompt_eval_duration":1,"eval_count":1,"eval_duration":1}"#,
                    "\n"
                ),
            },
            Self::Anthropic => Frame {
                content_type: "text/event-stream",
                opening: concat!(
                    "event: message_start\n",
                    r#"data: {"type":"message_start","message":{"id":"msg_1","type":"message","role":"assistant","model":"bench","content":[],"stop_reason":null,"stop_sequence":null,"usage":{"input_tokens":1,"output_tokens":1}}}"#,
                    "\n\nevent: content_block_start\n",
                    r#"data: {"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}"#,
                    "\n\n"
                ),
                before: "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"",
                after: "\"}}\n\n",
                closing: concat!(
                    "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":0}\n\n",
                    "event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\",\"stop_sequence\":null},\"usage\":{\"output_tokens\":1}}\n\n",
                    "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n"
                ),
            },
        }
    }
}

impl fmt::Display for Dialect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::OpenAi => "OpenAI",
            Self::Ollama => "Ollama",
            Self::Anthropic => "Anthropic",
        })
    }
}

/// Head and tail with so many words between them that all has `bytes` bytes.
fn filled(head: &str, words: &str, tail: &str, bytes: usize) -> Vec<u8> {
    let fill = bytes.saturating_sub(head.len() + tail.len());
    let mut body = head.as_bytes().to_vec();
    body.extend(words.bytes().cycle().take(fill));
    body.extend_from_slice(tail.as_bytes());
    body
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Dialect; 3] = [Dialect::OpenAi, Dialect::Ollama, Dialect::Anthropic];

    #[test]
    fn bodies_are_json_of_the_length_asked_for() {
        for dialect in ALL {
            let request = dialect.request_body("m", Wish::Whole { bytes: 1024 }, 1024);
            let answer = dialect.answer_body(1024);
            assert_eq!((request.len(), answer.len()), (1024, 1024), "{dialect}");
            for body in [&request, &answer] {
                serde_json::from_slice::<serde_json::Value>(body).unwrap();
            }
            assert!(dialect.is_whole(&answer, 1024));
            assert!(!dialect.is_whole(&answer[..800], 1024));
            assert!(!dialect.is_whole(b"{}", 1024));
            // An answer that nobody translated is no right one.
            let others = ALL.into_iter().filter(|&other| other != dialect);
            others.for_each(|other| assert!(!other.is_whole(&answer, 1024), "{dialect} passed for {other}"));
        }
    }

    #[test]
    fn a_path_tells_its_dialect() {
        for dialect in ALL {
            assert_eq!(Dialect::of_path(dialect.path()), dialect);
        }
        assert_eq!(Dialect::of_path("/openai/v1/chat/completions"), Dialect::OpenAi);
        assert_eq!(Dialect::of_path("/v1/messages?beta=true"), Dialect::Anthropic);
    }

    #[test]
    fn frames_are_json() {
        for dialect in ALL {
            let parts = dialect.frame();
            let text = format!("{}{}t000000 {}{}", parts.opening, parts.before, parts.after, parts.closing);
            for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with("event:")) {
                let data = line.strip_prefix("data: ").unwrap_or(line);
                assert!(data == "[DONE]" || serde_json::from_str::<serde_json::Value>(data).is_ok(), "{line}");
            }
        }
    }
}
