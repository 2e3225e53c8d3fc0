//! Reads OpenAI chat completions, completions and embeddings (LM Studio's own routes take the same bodies).

use serde_json::Value;

use super::{Ask, Choice, array, size, texts};
use crate::words;

pub(super) fn chat(ask: &mut Ask, value: &Value) -> Result<(), String> {
    for message in array(value, "messages")? {
        let role = message["role"].as_str().ok_or("a message needs a role")?;
        let text = content(ask, &message["content"])?;
        ask.turn(role, &text);
    }
    for tool in value["tools"].as_array().into_iter().flatten() {
        ask.offer(tool["function"]["name"].as_str(), &tool["function"]["parameters"])?;
    }
    ask.choice = choice(&value["tool_choice"]);
    ask.serial_calls = value["parallel_tool_calls"] == false;
    format(ask, &value["response_format"]);
    ask.max_tokens = size(&value["max_completion_tokens"]).or_else(|| size(&value["max_tokens"]));
    ask.think = value["reasoning_effort"].as_str().is_some_and(|effort| effort != "none")
        || value["chat_template_kwargs"]["enable_thinking"] == true;
    ask.logprobs = value["logprobs"] == true;
    sampling(ask, value);
    Ok(())
}

pub(super) fn completion(ask: &mut Ask, value: &Value) -> Result<(), String> {
    ask.inputs = texts(&value["prompt"]);
    if ask.inputs.is_empty() {
        return Err("you must provide a prompt parameter".to_owned());
    }
    ask.said = ask.inputs.join("\n");
    ask.prompt_tokens = words::count(&ask.said);
    ask.max_tokens = Some(size(&value["max_tokens"]).unwrap_or(16));
    ask.echo = value["echo"] == true;
    ask.logprobs = value["logprobs"].is_u64();
    sampling(ask, value);
    Ok(())
}

pub(super) fn embeddings(ask: &mut Ask, value: &Value) -> Result<(), String> {
    ask.inputs = texts(&value["input"]);
    if ask.inputs.is_empty() {
        return Err("`input` must not be empty".to_owned());
    }
    ask.prompt_tokens = ask.inputs.iter().map(|text| words::count(text)).sum();
    ask.dimensions = size(&value["dimensions"]);
    ask.base64 = value["encoding_format"] == "base64";
    Ok(())
}

fn sampling(ask: &mut Ask, value: &Value) {
    ask.stream = value["stream"] == true;
    ask.usage_in_stream = value["stream_options"]["include_usage"] == true;
    ask.stops = texts(&value["stop"]);
    ask.n = size(&value["n"]).unwrap_or(1).clamp(1, 16);
}

/// The text of a content that is a string or a list of parts; counts the images.
pub(super) fn content(ask: &mut Ask, content: &Value) -> Result<String, String> {
    let parts = match content {
        Value::Null => return Ok(String::new()),
        Value::String(text) => return Ok(text.clone()),
        Value::Array(parts) => parts,
        _ => return Err("`content` must be a string or an array of parts".to_owned()),
    };
    let mut text = String::new();
    for part in parts {
        match part["type"].as_str() {
            Some("text" | "input_text" | "output_text") => {
                text.push_str(part["text"].as_str().unwrap_or_default());
            }
            Some("image_url" | "input_image") => ask.images += 1,
            Some(_) => {}
            None => return Err("a content part needs a type".to_owned()),
        }
    }
    Ok(text)
}

pub(super) fn choice(value: &Value) -> Choice {
    match value {
        Value::String(word) if word == "none" => Choice::None,
        Value::Object(_) => {
            let name = value["function"]["name"].as_str().or_else(|| value["name"].as_str());
            name.map_or(Choice::Auto, |name| Choice::Named(name.to_owned()))
        }
        _ => Choice::Auto,
    }
}

fn format(ask: &mut Ask, format: &Value) {
    match format["type"].as_str() {
        Some("json_object") => ask.json = true,
        Some("json_schema") => ask.schema = Some(format["json_schema"]["schema"].clone()),
        _ => {}
    }
}
