//! What a model takes that others of its API do not, and the other way round: for those who write requests themselves.

use super::route::surface;
use crate::{
    api_type::ApiType,
    dialect::{
        Surface, anthropic,
        openai::{Family, Flavour},
    },
    operation::Operation,
};

/// What a model takes, told from its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Taken {
    /// Whether `temperature`, `top_p`, `top_k` and the like: without, it refuses requests that have them.
    pub sampling: bool,
    /// The name of the limit of tokens.
    pub limit: &'static str,
}

/// What a model of this name takes on a server of this type, asked by this operation and without a word about thinking.
#[must_use]
pub fn taken(api_type: &dyn ApiType, operation: Operation, model: &str) -> Taken {
    match surface(operation) {
        Surface::Anthropic => Taken { sampling: anthropic::takes_sampling(model), limit: "max_tokens" },
        Surface::Ollama => Taken { sampling: true, limit: "num_predict" },
        _ => {
            let flavour = Flavour::of(api_type.name());
            let sampling = Family::of(model, flavour).samples(None);
            Taken { sampling, limit: flavour.max_tokens(model) }
        }
    }
}
