//! Embeddings: unit vectors that depend on the text alone, in OpenAI's and Ollama's shapes.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

use super::Setting;
use crate::{route::Surface, words};

/// Numbers in a vector unless the request says otherwise.
const DIMENSIONS: usize = 8;

/// The document of an embeddings request.
pub(super) fn document(setting: &Setting<'_>) -> Value {
    let ask = setting.ask;
    let dimensions = ask.dimensions.unwrap_or(DIMENSIONS).clamp(1, 4096);
    let vectors: Vec<Vec<f32>> = ask.inputs.iter().map(|text| vector(text, dimensions)).collect();
    match setting.surface {
        Surface::OllamaEmbeddings => json!({"embedding": vectors.first()}),
        Surface::OllamaEmbed => {
            json!({"model": ask.model, "embeddings": vectors, "total_duration": 1_000_000,
            "load_duration": 100_000, "prompt_eval_count": ask.prompt_tokens})
        }
        _ => {
            let data: Vec<Value> = vectors
                .iter()
                .enumerate()
                .map(|(index, vector)| {
                    let vector = if ask.base64 { json!(base64(vector)) } else { json!(vector) };
                    json!({"object": "embedding", "index": index, "embedding": vector})
                })
                .collect();
            let usage = json!({"prompt_tokens": ask.prompt_tokens, "total_tokens": ask.prompt_tokens});
            json!({"object": "list", "data": data, "model": ask.model, "usage": usage})
        }
    }
}

fn vector(text: &str, dimensions: usize) -> Vec<f32> {
    let mut random = fastrand::Rng::with_seed(words::hash(text));
    let raw: Vec<f32> = (0..dimensions).map(|_| random.f32() * 2.0 - 1.0).collect();
    let length = raw.iter().map(|x| x * x).sum::<f32>().sqrt().max(f32::MIN_POSITIVE);
    raw.into_iter().map(|x| x / length).collect()
}

/// Little-endian 32-bit floats, as OpenAI's clients ask for by default.
fn base64(vector: &[f32]) -> String {
    STANDARD.encode(vector.iter().flat_map(|x| x.to_le_bytes()).collect::<Vec<u8>>())
}
