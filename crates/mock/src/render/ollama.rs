//! Ollama's chat and generate answers.

use serde_json::{Value, json};

use super::{Setting, compact, extend};
use crate::{
    frames::{Frames, Writer},
    reply::Reply,
    route::Surface,
    script::Finish,
};

/// Nanoseconds the mock claims a token takes.
const TOKEN_NANOS: u64 = 10_000_000;

/// A whole answer (`"stream": false`).
pub(super) fn document(setting: &Setting<'_>, reply: &Reply) -> Value {
    if setting.ask.load_only {
        return loaded(setting);
    }
    let reasoning = reply.reasoning();
    let thinking = (!reasoning.is_empty()).then(|| Value::from(reasoning));
    let calls = calls(reply);
    let calls = (!calls.is_empty()).then(|| Value::from(calls));
    let mut value = line(setting, &reply.text(), thinking, calls);
    extend(&mut value, ending(setting, reply));
    value
}

/// An answer in lines.
pub(super) fn stream(setting: &Setting<'_>, reply: &Reply) -> Frames {
    let mut writer = Writer::new(&setting.script.quirks, "");
    if setting.ask.load_only {
        writer.line(&loaded(setting));
        return writer.finish("application/x-ndjson");
    }
    for token in &reply.reasoning {
        writer.token().line(&line(setting, "", Some(Value::from(token.as_str())), None));
    }
    let (before, after) = around_text(setting);
    for token in &reply.text {
        writer.token().text_line(&before, token, &after);
    }
    // Ollama sends each call whole, in its own line.
    for call in calls(reply) {
        writer.token().line(&line(setting, "", None, Some(json!([call]))));
    }
    let mut last = line(setting, "", None, None);
    extend(&mut last, ending(setting, reply));
    writer.line(&last);
    writer.finish("application/x-ndjson")
}

fn line(setting: &Setting<'_>, text: &str, thinking: Option<Value>, calls: Option<Value>) -> Value {
    let mut value = json!({"model": setting.ask.model, "created_at": now()});
    if setting.surface == Surface::OllamaGenerate {
        extend(&mut value, compact(vec![("response", Some(Value::from(text))), ("thinking", thinking)]));
    } else {
        let message = compact(vec![
            ("role", Some(json!("assistant"))),
            ("content", Some(Value::from(text))),
            ("thinking", thinking),
            ("tool_calls", calls),
        ]);
        extend(&mut value, json!({"message": message}));
    }
    extend(&mut value, json!({"done": false}));
    value
}

/// What stands before and after the text of a token line, rendered once a stream.
fn around_text(setting: &Setting<'_>) -> (String, String) {
    let head = format!("{{\"model\":{},\"created_at\":\"{}\",", json!(setting.ask.model), now());
    if setting.surface == Surface::OllamaGenerate {
        (format!("{head}\"response\":"), ",\"done\":false}".to_owned())
    } else {
        (format!("{head}\"message\":{{\"role\":\"assistant\",\"content\":"), "},\"done\":false}".to_owned())
    }
}

fn ending(setting: &Setting<'_>, reply: &Reply) -> Value {
    let (prompt, output) = (reply.prompt_tokens as u64, reply.completion_tokens() as u64);
    let mut ending = json!({
        "done": true,
        "done_reason": if reply.finish == Finish::Length { "length" } else { "stop" },
    });
    if setting.surface == Surface::OllamaGenerate {
        extend(&mut ending, json!({"context": [1, 2, 3]}));
    }
    let numbers = json!({
        "total_duration": (prompt + output) * TOKEN_NANOS + 1_000_000,
        "load_duration": 1_000_000,
        "prompt_eval_count": prompt,
        "prompt_eval_duration": prompt * TOKEN_NANOS,
        "eval_count": output,
        "eval_duration": output * TOKEN_NANOS,
    });
    extend(&mut ending, numbers);
    ending
}

fn loaded(setting: &Setting<'_>) -> Value {
    let reason = if setting.ask.unload { "unload" } else { "load" };
    let mut value = line(setting, "", None, None);
    extend(&mut value, json!({"done": true, "done_reason": reason}));
    value
}

fn calls(reply: &Reply) -> Vec<Value> {
    let call = |(index, call): (usize, &crate::reply::Call)| {
        json!({"id": format!("call_{}", call.id),
            "function": {"index": index, "name": call.name, "arguments": call.arguments}})
    };
    reply.calls.iter().enumerate().map(call).collect()
}

/// The time in the form Ollama writes it.
pub(super) fn now() -> String {
    jiff::Timestamp::now().to_string()
}
