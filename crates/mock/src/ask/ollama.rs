//! Reads Ollama's chat, generate, embed and embeddings requests.

use serde_json::Value;

use super::{Ask, size, texts};
use crate::words;

pub(super) fn chat(ask: &mut Ask, value: &Value) -> Result<(), String> {
    let none = Vec::new();
    let messages = match &value["messages"] {
        Value::Null => &none,
        Value::Array(messages) => messages,
        _ => return Err("messages must be an array".to_owned()),
    };
    ask.load_only = messages.is_empty();
    for message in messages {
        let role = message["role"].as_str().ok_or("a message needs a role")?;
        let text = message["content"].as_str().unwrap_or_default();
        ask.images += message["images"].as_array().map_or(0, Vec::len);
        ask.turn(role, text);
    }
    for tool in value["tools"].as_array().into_iter().flatten() {
        ask.offer(tool["function"]["name"].as_str(), &tool["function"]["parameters"])?;
    }
    options(ask, value);
    Ok(())
}

pub(super) fn generate(ask: &mut Ask, value: &Value) -> Result<(), String> {
    let prompt = value["prompt"].as_str().unwrap_or_default();
    ask.load_only = prompt.is_empty();
    if let Some(system) = value["system"].as_str().filter(|system| !system.is_empty()) {
        ask.turn("system", system);
    }
    ask.images = value["images"].as_array().map_or(0, Vec::len);
    ask.turn("user", prompt);
    options(ask, value);
    Ok(())
}

pub(super) fn embed(ask: &mut Ask, value: &Value) -> Result<(), String> {
    ask.inputs = texts(&value["input"]);
    ask.prompt_tokens = ask.inputs.iter().map(|text| words::count(text)).sum();
    ask.dimensions = size(&value["dimensions"]);
    Ok(())
}

pub(super) fn embeddings(ask: &mut Ask, value: &Value) -> Result<(), String> {
    ask.inputs = vec![value["prompt"].as_str().ok_or("prompt must be a string")?.to_owned()];
    Ok(())
}

fn options(ask: &mut Ask, value: &Value) {
    ask.stream = value["stream"] != false;
    match &value["format"] {
        Value::String(word) if word == "json" => ask.json = true,
        Value::Object(_) => ask.schema = Some(value["format"].clone()),
        _ => {}
    }
    ask.think = match &value["think"] {
        Value::Bool(think) => *think,
        Value::String(effort) => effort != "none",
        _ => false,
    };
    ask.max_tokens = size(&value["options"]["num_predict"]);
    ask.stops = texts(&value["options"]["stop"]);
    ask.unload = ask.load_only && (value["keep_alive"].as_f64() == Some(0.0) || value["keep_alive"] == "0");
}
