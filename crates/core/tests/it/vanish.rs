//! No field of a request vanishes: it is in the provider's request, or in the report.

use llm_router_core::{
    api_type,
    operation::Operation,
    translate::{Context, Policy, Translation, is_native, translate},
};
use proptest::prelude::*;
use serde_json::{Value, json};

/// Fields whose value is a word that each dialect says its own way, or that steer the translation itself.
const WORDS: &[&str] = &[
    "type",
    "role",
    "model",
    "stream",
    "include_usage",
    "tool_choice",
    "service_tier",
    "reasoning_effort",
    "effort",
    "summary",
    "media_type",
    "think",
    "enabled",
    "parallel_tool_calls",
    "disable_parallel_tool_use",
    "strict",
    "budget_tokens",
    "is_error",
    "logprobs",
    "echo",
    "raw",
    "additionalProperties",
    // Ids of items steer nothing; calls and results are tied by another id.
    "input[1].id",
    // Showing thoughts in short is what everybody does anyway; only other wishes are reported.
    "thinking.display",
    // It names the schema and steers nothing; the other dialects have no names for schemas.
    "response_format.json_schema.name",
    "text.format.name",
];

/// Bodies with everything a client can say, each value its own.
fn bodies() -> Vec<(Operation, Value)> {
    vec![
        (Operation::ChatCompletions, serde_json::from_str(include_str!("vanish/chat.json")).expect("JSON")),
        (Operation::OllamaChat, serde_json::from_str(include_str!("vanish/ollama_chat.json")).expect("JSON")),
        (Operation::Messages, serde_json::from_str(include_str!("vanish/messages.json")).expect("JSON")),
        (Operation::Responses, serde_json::from_str(include_str!("vanish/responses.json")).expect("JSON")),
        (Operation::Completions, serde_json::from_str(include_str!("vanish/completions.json")).expect("JSON")),
    ]
}

/// Every value that is no container, with its path.
fn leaves(value: &Value, path: &str, found: &mut Vec<(String, Value)>) {
    match value {
        Value::Object(map) => {
            for (name, value) in map {
                let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                leaves(value, &path, found);
            }
        }
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(i, item)| leaves(item, &format!("{path}[{i}]"), found));
        }
        Value::Null => {}
        leaf => found.push((path.to_owned(), leaf.clone())),
    }
}

/// All objects of a body, by JSON pointer.
fn objects(value: &Value, pointer: &str, found: &mut Vec<String>) {
    match value {
        Value::Object(map) => {
            found.push(pointer.to_owned());
            map.iter().for_each(|(name, value)| objects(value, &format!("{pointer}/{name}"), found));
        }
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(i, item)| objects(item, &format!("{pointer}/{i}"), found));
        }
        _ => {}
    }
}

fn check(operation: Operation, provider: &str, body: &Value) {
    let context =
        Context { public_model: "m", upstream_model: "up", now: 0, seed: "seed", policy: Policy::Drop, images: &[] };
    let to = api_type::find(provider).expect("listed");
    let sent = match translate(operation, to, body.to_string().as_bytes(), &context) {
        Ok(Translation::Send(sent)) => sent,
        // Refused or answered on the spot: nothing went anywhere without something.
        Ok(Translation::Answer(_)) | Err(_) => return,
    };
    let text = String::from_utf8(sent.body).expect("JSON is text");
    let (mut all, mut vanished) = (Vec::new(), Vec::new());
    leaves(body, "", &mut all);
    for (path, value) in all {
        let name = path.rsplit('.').next().unwrap_or_default();
        let word = WORDS.iter().any(|word| *word == path || name.split('[').next() == Some(word));
        let reported = sent.losses.fields().iter().any(|lost| {
            path.strip_prefix(lost.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
        });
        let plain = value.to_string();
        let quoted = plain.trim_matches('"');
        // Arguments of tools are text inside text in one dialect and objects in the other.
        let inner = quoted.replace("\\\"", "\"");
        let carried = [
            quoted,
            inner.as_str(),
            quoted.trim_start_matches("signature:"),
            quoted.rsplit(";base64,").next().unwrap_or_default(),
        ];
        let carried = carried.iter().any(|piece| text.contains(piece));
        if !(word || reported || carried) {
            vanished.push(format!("{path} = {value}"));
        }
    }
    let lost = sent.losses.fields();
    assert!(vanished.is_empty(), "{operation:?} to {provider}: {vanished:#?}\nreported: {lost:?}\nsent: {text}");
}

#[test]
fn nothing_of_a_full_request_vanishes() {
    for (operation, body) in bodies() {
        for provider in api_type::names() {
            if !is_native(operation, api_type::find(provider).unwrap()) {
                check(operation, provider, &body);
            }
        }
    }
}

proptest! {
    #![proptest_config(crate::round_trip::config(96))]

    #[test]
    fn nothing_vanishes_whatever_is_left_out_or_put_in(
        which in 0usize..5,
        removed in prop::collection::vec(any::<prop::sample::Index>(), 0..6),
        added in prop::collection::vec(any::<prop::sample::Index>(), 0..4),
    ) {
        let (operation, mut body) = bodies().swap_remove(which);
        for index in removed {
            let mut found = Vec::new();
            objects(&body, "", &mut found);
            let pointer = &found[index.index(found.len())];
            let map = body.pointer_mut(pointer).unwrap().as_object_mut().unwrap();
            let names: Vec<_> = map.keys().cloned().collect();
            if !names.is_empty() {
                map.remove(&names[index.index(names.len())]);
            }
        }
        for (n, index) in added.into_iter().enumerate() {
            let mut found = Vec::new();
            objects(&body, "", &mut found);
            let pointer = found[index.index(found.len())].clone();
            let map = body.pointer_mut(&pointer).unwrap().as_object_mut().unwrap();
            map.insert(format!("x_unknown{n}"), json!(format!("unknown value {n}")));
        }
        for provider in api_type::names() {
            if !is_native(operation, api_type::find(provider).unwrap()) {
                check(operation, provider, &body);
            }
        }
    }
}
