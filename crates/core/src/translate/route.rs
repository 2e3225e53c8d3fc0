//! Which of a provider's operations answers a client's.

use crate::{api_type::ApiType, dialect::Surface, operation::Operation};

/// Whether servers of this type take the client's body as it is.
#[must_use]
pub fn is_native(operation: Operation, to: &dyn ApiType) -> bool {
    to.path(operation).is_some()
}

/// The API that a client of this operation speaks.
#[must_use]
pub fn surface(operation: Operation) -> Surface {
    match operation {
        Operation::ChatCompletions | Operation::Completions | Operation::Embeddings => Surface::OpenAi,
        Operation::Responses => Surface::Responses,
        Operation::OllamaChat | Operation::OllamaGenerate | Operation::OllamaEmbed | Operation::OllamaEmbeddings => {
            Surface::Ollama
        }
        Operation::LmStudioChat | Operation::LmStudioCompletions | Operation::LmStudioEmbeddings => Surface::LmStudio,
        Operation::LmStudioNativeChat => Surface::LmStudioNative,
        Operation::Messages | Operation::CountTokens => Surface::Anthropic,
    }
}

/// The operation to call on a provider for a client's operation: its own where the provider has it, else the nearest.
#[must_use]
pub fn target(operation: Operation, to: &dyn ApiType) -> Option<Operation> {
    let offered = |operation: &Operation| to.path(*operation).is_some();
    std::iter::once(operation).chain(nearest(operation).iter().copied()).find(offered)
}

/// The operation to call on a provider that lacks a client's own, though servers of its type offer it.
#[must_use]
pub fn beside(operation: Operation, to: &dyn ApiType) -> Option<Operation> {
    nearest(operation).iter().copied().find(|other| *other != operation && to.path(*other).is_some())
}

/// Operations that can stand in for another, the best first.
fn nearest(operation: Operation) -> &'static [Operation] {
    match operation {
        Operation::ChatCompletions
        | Operation::LmStudioChat
        | Operation::LmStudioNativeChat
        | Operation::Responses
        | Operation::OllamaChat
        | Operation::OllamaGenerate
        | Operation::Messages => &[Operation::ChatCompletions, Operation::OllamaChat, Operation::Messages],
        Operation::Completions | Operation::LmStudioCompletions => {
            &[Operation::Completions, Operation::OllamaGenerate, Operation::Messages, Operation::ChatCompletions]
        }
        Operation::Embeddings
        | Operation::LmStudioEmbeddings
        | Operation::OllamaEmbed
        | Operation::OllamaEmbeddings => &[Operation::Embeddings, Operation::OllamaEmbed],
        Operation::CountTokens => &[],
    }
}

/// Whether the operation gives embeddings.
pub(super) fn is_embedding(operation: Operation) -> bool {
    matches!(
        operation,
        Operation::Embeddings | Operation::LmStudioEmbeddings | Operation::OllamaEmbed | Operation::OllamaEmbeddings
    )
}

/// What an operation gives, in the words of error messages.
pub(super) fn wanted(operation: Operation) -> &'static str {
    match operation {
        _ if is_embedding(operation) => "embeddings",
        Operation::CountTokens => "token counts",
        Operation::Completions | Operation::LmStudioCompletions | Operation::OllamaGenerate => "text completions",
        _ => "chat",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api_type;

    #[test]
    fn every_chat_reaches_every_provider_and_embeddings_all_but_anthropic() {
        for name in api_type::names() {
            let to = api_type::find(name).expect("it was listed");
            for operation in Operation::ALL {
                let reached = target(operation, to);
                let cannot = match name {
                    "anthropic" => wanted(operation) == "embeddings",
                    _ => operation == Operation::CountTokens,
                };
                assert_eq!(reached.is_none(), cannot, "{operation:?} to {name}");
            }
        }
    }
}
