//! Reads OpenAI Responses requests.

use serde_json::Value;

use super::{Ask, openai, size};

pub(super) fn read(ask: &mut Ask, value: &Value) -> Result<(), String> {
    if let Some(text) = value["instructions"].as_str() {
        ask.turn("system", text);
    }
    match &value["input"] {
        Value::String(text) => ask.turn("user", text),
        Value::Array(items) => {
            for item in items {
                self::item(ask, item)?;
            }
        }
        _ => return Err("`input` must be a string or an array of items".to_owned()),
    }
    for tool in value["tools"].as_array().into_iter().flatten() {
        if tool["type"] == "function" {
            ask.offer(tool["name"].as_str(), &tool["parameters"])?;
        }
    }
    ask.choice = openai::choice(&value["tool_choice"]);
    ask.serial_calls = value["parallel_tool_calls"] == false;
    match value["text"]["format"]["type"].as_str() {
        Some("json_object") => ask.json = true,
        Some("json_schema") => ask.schema = Some(value["text"]["format"]["schema"].clone()),
        _ => {}
    }
    ask.max_tokens = size(&value["max_output_tokens"]);
    ask.think = value["reasoning"]["effort"].as_str().is_some_and(|effort| effort != "none");
    ask.stream = value["stream"] == true;
    Ok(())
}

fn item(ask: &mut Ask, item: &Value) -> Result<(), String> {
    match item["type"].as_str() {
        Some("function_call_output") => {
            let text = openai::content(ask, &item["output"])?;
            ask.turn("tool", &text);
        }
        Some("message") | None => {
            let role = item["role"].as_str().ok_or("an input message needs a role")?;
            let text = openai::content(ask, &item["content"])?;
            ask.turn(role, &text);
        }
        Some(_) => ask.turn("assistant", ""),
    }
    Ok(())
}
