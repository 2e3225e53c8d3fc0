//! Lists of models and what else a provider tells about itself.

use std::fmt::Write as _;

use bytes::Bytes;
use serde_json::{Value, json};

use super::ollama::now;
use crate::{
    frames::Frames,
    meter::Stats,
    reply::Reply,
    route::Surface,
    script::{Engine, Script},
};

/// The models of a mock that was told none.
const MODELS: [&str; 3] = ["mock-small", "mock-large", "mock-embed"];

/// When the models were made, in seconds since 1970 and as text.
const MADE: u64 = 1_760_000_000;
const MADE_TEXT: &str = "2025-10-09T08:53:20Z";

/// The version of Ollama whose answers these are.
const OLLAMA_VERSION: &str = "0.12.6";

/// The models a script lists.
pub(crate) fn model_names(script: &Script) -> Vec<&str> {
    match &script.house.models {
        Some(models) => models.iter().map(String::as_str).collect(),
        None => MODELS.to_vec(),
    }
}

/// The answer of a surface that only tells. `name` is the model asked about. `None`: there is no such model.
pub(crate) fn listing(surface: Surface, script: &Script, name: &str, stats: &Stats) -> Option<Frames> {
    let names = model_names(script);
    let known = || names.iter().any(|known| *known == name || known.strip_suffix(":latest") == Some(name));
    let each =
        |entry: fn(&Script, &str) -> Value| -> Vec<Value> { names.iter().map(|name| entry(script, name)).collect() };
    let value = match surface {
        Surface::Models => json!({"object": "list", "data": each(openai)}),
        Surface::Model => known().then(|| openai(script, name))?,
        Surface::AnthropicModels => json!({"data": each(anthropic), "has_more": false,
            "first_id": names.first(), "last_id": names.last()}),
        Surface::AnthropicModel => known().then(|| anthropic(script, name))?,
        Surface::LmModels => json!({"object": "list", "data": each(lm_studio)}),
        Surface::LmModel => known().then(|| lm_studio(script, name))?,
        Surface::OllamaTags => json!({"models": each(tag)}),
        Surface::OllamaPs => json!({"models": each(running)}),
        Surface::OllamaShow => known().then(|| show(name))?,
        Surface::OllamaVersion => json!({"version": OLLAMA_VERSION}),
        Surface::Root => {
            return Some(Frames::whole("text/plain; charset=utf-8", Bytes::from_static(b"Ollama is running")));
        }
        // vLLM answers with an empty body, llama.cpp with a word.
        Surface::Health if script.quirks.engine == Engine::Vllm => {
            return Some(Frames::whole("application/json", Bytes::new()));
        }
        Surface::Metrics => {
            return Some(Frames::whole("text/plain; version=0.0.4; charset=utf-8", metrics(names[0], stats)));
        }
        _ => json!({"status": "ok"}),
    };
    Some(Frames::json(&value))
}

/// What LM Studio's own routes add to an answer.
pub(super) fn lm_studio_extras(reply: &Reply) -> Value {
    let tokens = reply.completion_tokens() as f64;
    let reason = match reply.finish {
        crate::script::Finish::Length => "maxPredictedTokensReached",
        crate::script::Finish::Tools => "toolCalls",
        _ if reply.stop_sequence.is_some() => "stopStringFound",
        _ => "eosFound",
    };
    json!({
        "stats": {"tokens_per_second": 100.0, "time_to_first_token": 0.01,
            "generation_time": tokens / 100.0, "stop_reason": reason},
        "model_info": {"arch": "mock", "quant": "Q4_K_M", "format": "gguf", "context_length": 8192},
        "runtime": {"name": "mock-runtime", "version": "1.0.0", "supported_formats": ["gguf"]},
    })
}

fn openai(script: &Script, name: &str) -> Value {
    match script.quirks.engine {
        Engine::Vllm => {
            json!({"id": name, "object": "model", "created": MADE, "owned_by": "vllm", "root": name,
            "parent": null, "max_model_len": 8192, "permission": [{"id": "modelperm-mock", "object": "model_permission",
            "created": MADE, "allow_create_engine": false, "allow_sampling": true, "allow_logprobs": true,
            "allow_search_indices": false, "allow_view": true, "allow_fine_tuning": false, "organization": "*",
            "group": null, "is_blocking": false}]})
        }
        Engine::LlamaCpp => {
            json!({"id": name, "object": "model", "created": MADE, "owned_by": "llamacpp",
            "meta": {"vocab_type": 1, "n_vocab": 32000, "n_ctx_train": 8192, "n_embd": 8, "n_params": 1_000_000, "size": 500_000}})
        }
        Engine::Plain => {
            json!({"id": name, "object": "model", "created": MADE, "owned_by": "mock"})
        }
    }
}

fn anthropic(_: &Script, name: &str) -> Value {
    json!({"type": "model", "id": name, "display_name": name, "created_at": MADE_TEXT})
}

fn lm_studio(_: &Script, name: &str) -> Value {
    let kind = if name.contains("embed") { "embeddings" } else { "llm" };
    json!({"id": name, "object": "model", "type": kind, "publisher": "mock", "arch": "mock",
        "compatibility_type": "gguf", "quantization": "Q4_K_M", "state": "loaded", "max_context_length": 8192,
        "loaded_context_length": 8192})
}

fn details() -> Value {
    json!({"parent_model": "", "format": "gguf", "family": "mock", "families": ["mock"],
        "parameter_size": "1M", "quantization_level": "Q4_K_M"})
}

fn tag(_: &Script, name: &str) -> Value {
    json!({"name": name, "model": name, "modified_at": MADE_TEXT, "size": 500_000, "digest": digest(name), "details": details()})
}

fn running(_: &Script, name: &str) -> Value {
    json!({"name": name, "model": name, "size": 500_000, "digest": digest(name), "details": details(),
        "expires_at": now(), "size_vram": 0, "context_length": 8192})
}

fn show(name: &str) -> Value {
    let capabilities = if name.contains("embed") {
        json!(["embedding"])
    } else {
        json!(["completion", "tools", "vision", "thinking"])
    };
    json!({"modelfile": format!("FROM {name}\n"), "parameters": "temperature 0.7", "template": "{{ .Prompt }}",
        "license": "MIT", "details": details(), "modified_at": MADE_TEXT, "capabilities": capabilities,
        "model_info": {"general.architecture": "mock", "general.parameter_count": 1_000_000, "mock.context_length": 8192}})
}

fn digest(name: &str) -> String {
    format!("{:016x}", crate::words::hash(name)).repeat(4)
}

/// The gauges routers read from vLLM.
fn metrics(model: &str, stats: &Stats) -> Bytes {
    let mut text = String::new();
    let gauges =
        [("num_requests_running", stats.in_flight as f64), ("num_requests_waiting", 0.0), ("kv_cache_usage_perc", 0.0)];
    for (name, value) in gauges {
        let _ =
            writeln!(text, "# TYPE vllm:{name} gauge\nvllm:{name}{{engine=\"0\",model_name=\"{model}\"}} {value:?}");
    }
    Bytes::from(text)
}
