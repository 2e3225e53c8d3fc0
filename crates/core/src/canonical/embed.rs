//! Embeddings.

use serde_json::{Number, Value};

use super::{place::Given, reply::Usage, rest::Rest};

/// A request for embeddings.
#[derive(Debug, Clone, PartialEq)]
pub struct EmbedRequest {
    /// What to embed.
    pub input: Given<EmbedInput>,
    /// How many numbers an embedding should have.
    pub dimensions: Option<Given<Number>>,
    /// Whether the client wants base64 of little-endian 32-bit floats instead of numbers.
    pub base64: bool,
    /// Whether too long a text may be cut (Ollama).
    pub truncate: Option<Given<bool>>,
    /// How long to keep the model loaded (Ollama).
    pub keep_alive: Option<Given<Value>>,
    /// Who is asking.
    pub user: Option<Given<String>>,
    /// Everything else.
    pub rest: Rest,
}

/// What to embed.
#[derive(Debug, Clone, PartialEq)]
pub enum EmbedInput {
    /// Texts; `single` where the client wrote one text and no list.
    Texts {
        /// The texts.
        texts: Vec<String>,
        /// Whether the client wrote one text and no list.
        single: bool,
    },
    /// Token numbers, in a form only OpenAI's dialect has.
    Tokens(Value),
}

impl EmbedInput {
    /// Whether there is nothing to embed.
    #[must_use]
    pub fn is_nothing(&self) -> bool {
        match self {
            Self::Texts { texts, single } => texts.is_empty() || *single && texts[0].is_empty(),
            Self::Tokens(_) => false,
        }
    }
}

/// Embeddings.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct EmbedReply {
    /// One vector a text, in order.
    pub vectors: Vec<Vec<f64>>,
    /// What it cost.
    pub usage: Option<Usage>,
}
