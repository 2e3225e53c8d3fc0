//! Reads Anthropic Messages requests.

use serde_json::Value;

use super::{Ask, Choice, array, size, texts};
use crate::route::Surface;

pub(super) fn read(ask: &mut Ask, value: &Value, surface: Surface) -> Result<(), String> {
    let system = text_of(&value["system"]);
    if !system.is_empty() {
        ask.turn("system", &system);
    }
    for message in array(value, "messages")? {
        turn(ask, message)?;
    }
    for tool in value["tools"].as_array().into_iter().flatten() {
        if tool["input_schema"].is_object() {
            ask.offer(tool["name"].as_str(), &tool["input_schema"])?;
        }
    }
    ask.choice = match value["tool_choice"]["type"].as_str() {
        Some("none") => Choice::None,
        Some("tool") => Choice::Named(value["tool_choice"]["name"].as_str().unwrap_or_default().to_owned()),
        _ => Choice::Auto,
    };
    ask.serial_calls = value["tool_choice"]["disable_parallel_tool_use"] == true;
    let format = [&value["output_config"]["format"], &value["output_format"]];
    ask.schema = format.iter().find(|format| format["type"] == "json_schema").map(|format| format["schema"].clone());
    ask.think = matches!(value["thinking"]["type"].as_str(), Some("enabled" | "adaptive"));
    ask.max_tokens = size(&value["max_tokens"]);
    if surface == Surface::Messages && ask.max_tokens.is_none() {
        return Err("max_tokens: Field required".to_owned());
    }
    ask.stops = texts(&value["stop_sequences"]);
    ask.stream = value["stream"] == true;
    Ok(())
}

fn turn(ask: &mut Ask, message: &Value) -> Result<(), String> {
    let role = message["role"].as_str().ok_or("messages: role: Field required")?;
    if !matches!(role, "user" | "assistant") {
        return Err(format!("messages: unexpected role \"{role}\""));
    }
    let blocks = match &message["content"] {
        Value::String(text) => {
            ask.turn(role, text);
            return Ok(());
        }
        Value::Array(blocks) => blocks,
        _ => return Err("messages: content: Field required".to_owned()),
    };
    let text = text_of(&message["content"]);
    let results: Vec<_> = blocks.iter().filter(|block| block["type"] == "tool_result").collect();
    ask.images += blocks.iter().filter(|block| block["type"] == "image").count();
    if results.is_empty() || !text.is_empty() {
        ask.turn(role, &text);
    } else {
        ask.results.clear();
    }
    for result in results {
        let text = text_of(&result["content"]);
        ask.turn("tool", &text);
    }
    Ok(())
}

/// The text of a string or of a list's text blocks.
fn text_of(content: &Value) -> String {
    match content {
        Value::String(text) => text.clone(),
        Value::Array(blocks) => blocks.iter().filter_map(|block| block["text"].as_str()).collect(),
        _ => String::new(),
    }
}
