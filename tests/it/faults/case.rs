//! The cases of the fault matrix.

use serde_json::json;

/// A dialect of clients and the type of the provider behind it.
pub(super) struct Surface {
    /// Its line in the table.
    pub(super) name: &'static str,
    /// Where clients ask.
    pub(super) path: &'static str,
    /// Who answers.
    pub(super) provider: &'static str,
    /// What ends a whole stream.
    pub(super) end: &'static str,
    /// What tells of an error inside a stream, or in an error body.
    pub(super) error: &'static str,
}

/// The same dialect on both sides, and translated ones.
pub(super) const SURFACES: [Surface; 6] = [
    Surface { name: "openai", path: "/v1/chat/completions", provider: "openai", end: "[DONE]", error: "\"error\"" },
    Surface { name: "ollama", path: "/api/chat", provider: "ollama", end: "\"done\":true", error: "\"error\"" },
    Surface {
        name: "openai from ollama",
        path: "/v1/chat/completions",
        provider: "ollama",
        end: "[DONE]",
        error: "\"error\"",
    },
    Surface {
        name: "ollama from openai",
        path: "/api/chat",
        provider: "openai",
        end: "\"done\":true",
        error: "\"error\"",
    },
    Surface {
        name: "anthropic from openai",
        path: "/v1/messages",
        provider: "openai",
        end: "event: message_stop",
        error: "\"error\"",
    },
    Surface {
        name: "responses from ollama",
        path: "/v1/responses",
        provider: "ollama",
        end: "event: response.completed",
        error: "event: error",
    },
];

/// What must come of a case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Want {
    /// An error status with an error body.
    Refusal,
    /// The answer must not look whole; a stream says why.
    Broken,
    /// Any honest end: whole, or visibly broken.
    Honest,
    /// A whole answer.
    Whole,
}

/// One cell of the matrix.
pub(super) struct Case {
    /// Which of [`SURFACES`].
    pub(super) surface: usize,
    /// Whether the client asks for a stream.
    pub(super) stream: bool,
    /// What the provider does, in the words of the mock.
    pub(super) fault: String,
    /// How the provider treats connections.
    pub(super) door: &'static str,
    /// What must come of it.
    pub(super) want: Want,
}

impl Case {
    /// The request's body. The fault rides in the message, so that it passes through the router.
    pub(super) fn body(&self, model: &str) -> String {
        let text = format!("[[mock tokens=6 {}]] hello", self.fault);
        if SURFACES[self.surface].path == "/v1/responses" {
            return json!({"model": model, "stream": self.stream, "input": text}).to_string();
        }
        json!({
            "model": model,
            "stream": self.stream,
            "max_tokens": 100,
            "messages": [{"role": "user", "content": text}],
        })
        .to_string()
    }
}

impl std::fmt::Display for Case {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mode = if self.stream { "stream" } else { "whole" };
        write!(f, "{} {mode} {} {}", SURFACES[self.surface].name, self.door, self.fault)
    }
}

/// Faults before the client has a byte.
const EARLY: [&str; 17] = [
    "status=429",
    "status=500",
    "status=503",
    "status=529",
    "stall=wire:0",
    "stall=wire:20",
    "cut=wire:0",
    "cut=wire:20",
    "reset=wire:0",
    "reset=wire:20",
    "half-close=wire:0",
    "half-close=wire:20",
    "garbage=wire:0",
    "head-delay=5s",
    "status=302",
    "stall=body:0",
    "cut=body:0",
];

/// How an answer under way can break.
const BREAKS: [&str; 4] = ["stall", "cut", "reset", "half-close"];

/// Every case.
pub(super) fn all() -> Vec<Case> {
    let mut cases = Vec::new();
    for surface in 0..SURFACES.len() {
        for stream in [false, true] {
            let mut add = |fault: String, door: &'static str, want: Want| {
                cases.push(Case { surface, stream, fault, door, want });
            };
            for door in ["refuse", "reset", "silent"] {
                add(String::new(), door, Want::Refusal);
            }
            for fault in EARLY {
                add(fault.to_owned(), "ok", Want::Refusal);
            }
            let moments: &[&str] =
                if stream { &["event:1", "event:2", "event:4", "body:700"] } else { &["body:1", "body:50"] };
            for fault in BREAKS {
                for moment in moments {
                    add(format!("token-delay=5ms {fault}={moment}"), "ok", Want::Broken);
                }
                add(format!("{fault}=end"), "ok", Want::Honest);
            }
            for fault in ["garbage=body:50", "garbage=end", "length=+5", "length=-5", "close"] {
                add(fault.to_owned(), "ok", Want::Honest);
            }
            if stream {
                add("bad-event=2".to_owned(), "ok", Want::Honest);
                add("error-event=2".to_owned(), "ok", Want::Broken);
                add("error-event=0".to_owned(), "ok", Want::Honest);
                add("comments".to_owned(), "ok", Want::Whole);
                add("crlf".to_owned(), "ok", Want::Whole);
            }
            add("drip=20us".to_owned(), "ok", Want::Whole);
            add(String::new(), "ok", Want::Whole);
        }
    }
    cases
}
