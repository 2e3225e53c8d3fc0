//! What of each client dialect reaches each provider type: told by translating, so it cannot differ from the code.

use std::fmt;

use serde_json::Value;

use super::{Context, Policy, Translation, is_native, translate};
use crate::{api_type, api_type::ApiType, operation::Operation};

/// What happens to a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Support {
    /// The provider speaks the dialect: the body is sent as it is.
    Untouched,
    /// It is translated.
    Carried,
    /// It is left out and reported, or refused where the settings say so.
    Dropped,
    /// The request is refused.
    Refused,
}

/// The fields of one client operation, and how far each gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Capability {
    /// The client's operation.
    pub operation: Operation,
    /// Its fields, each with what happens to it by provider type, in the order of [`Capabilities::providers`].
    pub fields: Vec<(String, Vec<Support>)>,
}

/// The whole table. Its `Display` is Markdown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Capabilities {
    /// The provider types, sorted.
    pub providers: Vec<&'static str>,
    /// The client operations.
    pub operations: Vec<Capability>,
}

/// What is tried for an operation.
struct Probes {
    operation: Operation,
    /// The least a request needs.
    base: Value,
    /// What is put into it, by the name of the row.
    fields: Vec<(String, Value)>,
}

/// The fields that are tried, by operation: what is sent beside the least a request needs.
fn probes() -> Vec<Probes> {
    let read = |text| serde_json::from_str::<Value>(text).expect("the probes are JSON");
    let probes = read(include_str!("probes.json"));
    let of = |operation, name: &str| {
        let group = &probes[name];
        let fields = group["fields"].as_object().expect("fields are an object");
        let fields = fields.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
        Probes { operation, base: group["base"].clone(), fields }
    };
    vec![
        of(Operation::ChatCompletions, "chat"),
        of(Operation::Responses, "responses"),
        of(Operation::Completions, "completions"),
        of(Operation::Embeddings, "embeddings"),
        of(Operation::OllamaChat, "ollama_chat"),
        of(Operation::OllamaGenerate, "ollama_generate"),
        of(Operation::OllamaEmbed, "ollama_embed"),
        of(Operation::LmStudioNativeChat, "lmstudio_native_chat"),
        of(Operation::Messages, "messages"),
    ]
}

/// Makes the table, by translating a request for every field.
#[must_use]
pub fn capabilities() -> Capabilities {
    let providers = api_type::names();
    let types: Vec<_> = providers.iter().filter_map(|name| api_type::find(name)).collect();
    let operations = probes()
        .into_iter()
        .map(|Probes { operation, base, fields }| {
            let row = |(name, value): (String, Value)| {
                let body = merge(base.clone(), value);
                (name, types.iter().map(|to| support(operation, *to, &base, &body)).collect())
            };
            Capability { operation, fields: fields.into_iter().map(row).collect() }
        })
        .collect();
    Capabilities { providers, operations }
}

fn support(operation: Operation, to: &dyn ApiType, base: &Value, body: &Value) -> Support {
    if is_native(operation, to) {
        return Support::Untouched;
    }
    let losses = |body: &Value| {
        let context =
            Context { public_model: "m", upstream_model: "m", now: 0, seed: "0", policy: Policy::Drop, images: &[] };
        match translate(operation, to, body.to_string().as_bytes(), &context) {
            Ok(Translation::Send(translated)) => Some(translated.losses.fields().len()),
            Ok(Translation::Answer(_)) => Some(0),
            Err(_) => None,
        }
    };
    match (losses(base), losses(body)) {
        (_, None) => Support::Refused,
        (Some(before), Some(after)) if after > before => Support::Dropped,
        _ => Support::Carried,
    }
}

/// The base with the fields of a probe in it.
fn merge(mut base: Value, probe: Value) -> Value {
    if let (Value::Object(base), Value::Object(probe)) = (&mut base, probe) {
        base.extend(probe);
    }
    base
}

impl Support {
    /// The word in the table.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Untouched => "as is",
            Self::Carried => "yes",
            Self::Dropped => "dropped",
            Self::Refused => "refused",
        }
    }
}

impl fmt::Display for Capabilities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for Capability { operation, fields } in &self.operations {
            writeln!(f, "### {}\n", title(*operation))?;
            writeln!(f, "| field | {} |", self.providers.join(" | "))?;
            writeln!(f, "|---|{}", "---|".repeat(self.providers.len()))?;
            for (name, supports) in fields {
                let words: Vec<_> = supports.iter().map(|support| support.word()).collect();
                writeln!(f, "| {name} | {} |", words.join(" | "))?;
            }
            writeln!(f)?;
        }
        Ok(())
    }
}

fn title(operation: Operation) -> &'static str {
    match operation {
        Operation::ChatCompletions => "OpenAI chat completions",
        Operation::Completions => "OpenAI completions",
        Operation::Embeddings => "OpenAI embeddings",
        Operation::Responses => "OpenAI responses",
        Operation::OllamaChat => "Ollama chat",
        Operation::OllamaGenerate => "Ollama generate",
        Operation::OllamaEmbed => "Ollama embed",
        Operation::OllamaEmbeddings => "Ollama embeddings",
        Operation::LmStudioChat => "LM Studio chat",
        Operation::LmStudioCompletions => "LM Studio completions",
        Operation::LmStudioEmbeddings => "LM Studio embeddings",
        Operation::LmStudioNativeChat => "LM Studio chat, its own shapes",
        Operation::Messages => "Anthropic messages",
        Operation::CountTokens => "Anthropic count_tokens",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_tells_what_translation_does() {
        let table = capabilities();
        let cell = |operation, field: &str, provider: &str| {
            let column = table.providers.iter().position(|name| *name == provider).unwrap();
            let rows = &table.operations.iter().find(|one| one.operation == operation).unwrap().fields;
            rows.iter().find(|(name, _)| *name == field).unwrap().1[column]
        };
        assert_eq!(cell(Operation::ChatCompletions, "seed", "vllm"), Support::Untouched);
        assert_eq!(cell(Operation::ChatCompletions, "seed", "ollama"), Support::Carried);
        assert_eq!(cell(Operation::ChatCompletions, "seed", "anthropic"), Support::Dropped);
        assert_eq!(cell(Operation::Embeddings, "input", "anthropic"), Support::Refused);
        assert!(table.to_string().contains("| seed | dropped | as is | yes | as is | as is |"));
    }
}
