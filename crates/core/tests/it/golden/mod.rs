//! Golden files: what goes in stands in `*.in.*`, what comes out beside it in `*.out.*`.
//!
//! `UPDATE_GOLDEN=1 cargo test -p llm-router-core golden` writes the outputs anew; read them against the protocols
//! before they are committed.

mod answers;
mod cuts;
mod requests;
mod table;

use std::{
    fs,
    path::{Path, PathBuf},
};

use llm_router_core::{
    api_type,
    operation::Operation,
    translate::{Context, Policy, ReplyTranslator, Translated, Translation, translate},
};
use serde_json::{Value, json};

/// Client operations by the name of their folder.
const CLIENTS: [(&str, Operation); 14] = [
    ("chat", Operation::ChatCompletions),
    ("completions", Operation::Completions),
    ("embeddings", Operation::Embeddings),
    ("responses", Operation::Responses),
    ("ollama_chat", Operation::OllamaChat),
    ("ollama_generate", Operation::OllamaGenerate),
    ("ollama_embed", Operation::OllamaEmbed),
    ("ollama_embeddings", Operation::OllamaEmbeddings),
    ("lmstudio_chat", Operation::LmStudioChat),
    ("lmstudio_completions", Operation::LmStudioCompletions),
    ("lmstudio_embeddings", Operation::LmStudioEmbeddings),
    ("lmstudio_native_chat", Operation::LmStudioNativeChat),
    ("messages", Operation::Messages),
    ("count_tokens", Operation::CountTokens),
];

fn context() -> Context<'static> {
    Context {
        public_model: "m",
        upstream_model: "upstream-model",
        now: 1_700_000_000,
        seed: "seed",
        policy: Policy::Drop,
        images: &[],
    }
}

/// The inputs below a folder: the operation they are named after, and their path.
fn inputs(folder: &str) -> Vec<(Operation, PathBuf)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(folder);
    let mut found = Vec::new();
    for (name, operation) in CLIENTS {
        let Ok(entries) = fs::read_dir(root.join(name)) else { continue };
        let paths = entries.map(|entry| entry.expect("a readable folder").path());
        found.extend(paths.filter(|path| path.to_string_lossy().contains(".in.")).map(|path| (operation, path)));
    }
    found.sort_by(|a, b| a.1.cmp(&b.1));
    assert!(!found.is_empty(), "no inputs below {folder}");
    found
}

/// Compares with the output file, or writes it.
fn check(input: &Path, got: &str) {
    let path = PathBuf::from(input.to_string_lossy().replace(".in.", ".out."));
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(&path, got).expect("a writable folder");
        return;
    }
    let wanted = fs::read_to_string(&path).unwrap_or_default();
    assert!(wanted == got, "{} differs; wanted:\n{wanted}\ngot:\n{got}", path.display());
}

fn pretty(value: &Value) -> String {
    format!("{value:#}\n")
}

/// The least request of a client, whole or streamed.
fn least(client: Operation, stream: bool, bare: bool) -> Value {
    match client {
        Operation::Completions | Operation::LmStudioCompletions => {
            json!({"model": "m", "prompt": "hi", "stream": stream, "stream_options": {"include_usage": true}})
        }
        Operation::OllamaGenerate => json!({"model": "m", "prompt": "hi", "stream": stream, "raw": bare}),
        Operation::Embeddings | Operation::LmStudioEmbeddings | Operation::OllamaEmbed => {
            json!({"model": "m", "input": ["a", "b"]})
        }
        Operation::OllamaEmbeddings => json!({"model": "m", "prompt": "a"}),
        Operation::Responses | Operation::LmStudioNativeChat => json!({"model": "m", "input": "hi", "stream": stream}),
        Operation::OllamaChat | Operation::Messages => {
            json!({"model": "m", "messages": [{"role": "user", "content": "hi"}], "stream": stream})
        }
        _ => json!({
            "model": "m", "messages": [{"role": "user", "content": "hi"}], "stream": stream,
            "stream_options": {"include_usage": true},
        }),
    }
}

fn send(client: Operation, provider: &str, body: &Value) -> Result<Box<Translated>, String> {
    let to = api_type::find(provider).expect("a known provider type");
    match translate(client, to, body.to_string().as_bytes(), &context()) {
        Ok(Translation::Send(translated)) => Ok(translated),
        Ok(Translation::Answer(answer)) => Err(String::from_utf8(answer.body).expect("JSON is text")),
        Err(error) => Err(error.to_string()),
    }
}

/// The clients that an answer of this provider operation can go to, each with a translator.
fn readers(provider: Operation, stream: bool) -> Vec<(&'static str, ReplyTranslator)> {
    let api_type = match provider {
        Operation::OllamaChat | Operation::OllamaGenerate | Operation::OllamaEmbed => "ollama",
        Operation::Messages => "anthropic",
        _ => "vllm",
    };
    let bare = provider == Operation::Completions;
    let translators = CLIENTS.into_iter().filter_map(|(name, client)| {
        let translated = send(client, api_type, &least(client, stream, bare)).ok()?;
        (translated.operation == provider).then_some((name, translated.reply))
    });
    translators.collect()
}
