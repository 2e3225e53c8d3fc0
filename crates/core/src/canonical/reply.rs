//! A whole answer, and the numbers that come with it.

use std::time::Duration;

use serde_json::Value;

use super::message::Part;

/// A whole answer.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Reply {
    /// The answers; one, unless more were asked for.
    pub choices: Vec<Choice>,
    /// What it cost.
    pub usage: Option<Usage>,
    /// How long it took, where the provider says.
    pub timings: Timings,
    /// OpenAI's `system_fingerprint`.
    pub fingerprint: Option<String>,
    /// When it was made, in seconds since 1970, where the provider says.
    pub created: Option<u64>,
}

/// One answer.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Choice {
    /// Its number.
    pub index: u32,
    /// What is said, in order.
    pub parts: Vec<Part>,
    /// Why it ended.
    pub stop: Option<Stop>,
    /// Token probabilities: a list of `{token, logprob, bytes, top_logprobs}` (OpenAI chat and Ollama agree on it).
    pub logprobs: Option<Value>,
}

/// Why an answer ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stop {
    /// The model was done.
    End,
    /// A stop sequence came up: which, where the provider says.
    Sequence(Option<String>),
    /// The token limit.
    Length,
    /// The context is full.
    ContextFull,
    /// Tools are to be called.
    ToolUse,
    /// A content rule.
    Filtered,
    /// The provider pauses a long turn; send it back to go on (Anthropic `pause_turn`).
    Pause,
    /// Another word of the provider's.
    Other(String),
}

/// What an answer cost, in tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Usage {
    /// All tokens read, those from and to the cache among them.
    pub input: u64,
    /// All tokens written, those of thinking among them.
    pub output: u64,
    /// Of the tokens read, those the cache had.
    pub cached: Option<u64>,
    /// Of the tokens read, those put in the cache.
    pub cache_write: Option<u64>,
    /// Of the tokens written, those of thinking.
    pub reasoning: Option<u64>,
}

/// How long an answer took, where the provider says (Ollama).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Timings {
    /// From request to end.
    pub total: Option<Duration>,
    /// Loading the model.
    pub load: Option<Duration>,
    /// Reading the prompt.
    pub prompt: Option<Duration>,
    /// Writing the answer.
    pub output: Option<Duration>,
}

impl Usage {
    /// Tokens read and written.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.input.saturating_add(self.output)
    }

    /// Takes the numbers of a later, more complete count, and keeps what that one does not say.
    pub fn update(&mut self, later: Self) {
        self.input = self.input.max(later.input);
        self.output = self.output.max(later.output);
        self.cached = later.cached.or(self.cached);
        self.cache_write = later.cache_write.or(self.cache_write);
        self.reasoning = later.reasoning.or(self.reasoning);
    }
}
