//! A streamed answer, event by event.

use std::borrow::Cow;

use serde_json::{Map, Value};

use super::reply::{Stop, Timings, Usage};

/// One step of a streamed answer. Texts are borrowed from the provider's bytes where they can be.
///
/// Order within a choice: any number of thoughts, texts and tool calls, each tool call begun before its arguments
/// come, then one `Stop`. `Usage` may come at any time, and more than once: the last counts. `End` comes last.
#[derive(Debug, Clone, PartialEq)]
pub enum Event<'a> {
    /// The provider has begun. Not content.
    Start,
    /// The provider is alive. Not content.
    Ping,
    /// Words.
    Text {
        /// The answer's number.
        choice: u32,
        /// The words.
        text: Cow<'a, str>,
        /// Token probabilities of these words, as in [`Choice`](super::Choice).
        logprobs: Option<Value>,
    },
    /// Words of refusal.
    Refusal {
        /// The answer's number.
        choice: u32,
        /// The words.
        text: Cow<'a, str>,
    },
    /// Words of a thought.
    Thought {
        /// The answer's number.
        choice: u32,
        /// The words.
        text: Cow<'a, str>,
    },
    /// The seal over the thought just told.
    Signature {
        /// The answer's number.
        choice: u32,
        /// The seal.
        signature: Cow<'a, str>,
    },
    /// A thought that only the provider can read.
    Sealed {
        /// The answer's number.
        choice: u32,
        /// Its bytes.
        data: Cow<'a, str>,
    },
    /// A tool call begins.
    ToolCall {
        /// The answer's number.
        choice: u32,
        /// The call's number within the answer, from 0.
        call: u32,
        /// Its id; empty where the provider has none.
        id: Cow<'a, str>,
        /// The tool's name.
        name: Cow<'a, str>,
        /// Other fields of the call.
        rest: Map<String, Value>,
    },
    /// More of a tool call's arguments.
    Arguments {
        /// The answer's number.
        choice: u32,
        /// The call's number within the answer.
        call: u32,
        /// A piece of JSON text.
        json: Cow<'a, str>,
    },
    /// The answer has ended.
    Stop {
        /// The answer's number.
        choice: u32,
        /// Why.
        stop: Stop,
    },
    /// What it cost.
    Usage(Usage),
    /// How long it took.
    Timings(Timings),
    /// The stream has ended as it should.
    End,
}

impl Event<'_> {
    /// Whether a client that saw this has seen part of the answer, so that no other provider can be tried.
    #[must_use]
    pub fn is_content(&self) -> bool {
        !matches!(self, Self::Start | Self::Ping | Self::Usage(_) | Self::Timings(_))
    }
    /// How many bytes of the answer it holds: what a writer may have to keep until the answer ends.
    #[must_use]
    pub fn size(&self) -> usize {
        match self {
            Self::Text { text, .. } | Self::Refusal { text, .. } | Self::Thought { text, .. } => text.len(),
            Self::Signature { signature, .. } => signature.len(),
            Self::Sealed { data, .. } => data.len(),
            Self::ToolCall { id, name, .. } => id.len() + name.len(),
            Self::Arguments { json, .. } => json.len(),
            Self::Start | Self::Ping | Self::Stop { .. } | Self::Usage(_) | Self::Timings(_) | Self::End => 0,
        }
    }

    /// The answer it belongs to.
    #[must_use]
    pub fn choice(&self) -> Option<u32> {
        match self {
            Self::Text { choice, .. }
            | Self::Refusal { choice, .. }
            | Self::Thought { choice, .. }
            | Self::Signature { choice, .. }
            | Self::Sealed { choice, .. }
            | Self::ToolCall { choice, .. }
            | Self::Arguments { choice, .. }
            | Self::Stop { choice, .. } => Some(*choice),
            Self::Start | Self::Ping | Self::Usage(_) | Self::Timings(_) | Self::End => None,
        }
    }
}
