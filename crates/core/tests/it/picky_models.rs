//! Models that refuse what others of the same API take: told from their names, where another dialect's client asks.

use llm_router_core::{
    api_type,
    operation::Operation,
    translate::{Context, Policy, Translation, translate},
};
use serde_json::{Value, json};

/// What is sent to a model of this name, and what was left out.
fn ask(from: Operation, to: &str, model: &str, body: &Value) -> (Vec<String>, Value) {
    let context =
        Context { public_model: "m", upstream_model: model, now: 0, seed: "seed", policy: Policy::Drop, images: &[] };
    let to = api_type::find(to).expect("a known type");
    match translate(from, to, body.to_string().as_bytes(), &context) {
        Ok(Translation::Send(sent)) => {
            (sent.losses.fields().to_vec(), serde_json::from_slice(&sent.body).expect("JSON"))
        }
        other => panic!("{other:?}"),
    }
}

fn chat(more: &Value) -> Value {
    let mut body = json!({"model": "m", "messages": [{"role": "user", "content": "hi"}]});
    body.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
    body
}

#[test]
fn the_newest_claude_models_take_no_sampling_and_the_older_ones_no_extra_effort() {
    let warm = chat(&json!({"temperature": 0.2, "top_p": 0.9, "top_k": 3}));
    let hard = chat(&json!({"reasoning_effort": "xhigh"}));
    let ask = |model, body| ask(Operation::ChatCompletions, "anthropic", model, body);
    for model in ["claude-opus-4-7", "claude-sonnet-5", "anthropic/claude-fable-5.1"] {
        let (losses, sent) = ask(model, &warm);
        assert_eq!(losses, ["temperature", "top_p", "top_k"], "{model}");
        assert!(["temperature", "top_k", "top_p"].iter().all(|field| sent.get(*field).is_none()), "{model}: {sent}");
        assert_eq!(ask(model, &hard).1["output_config"]["effort"], "xhigh", "{model}");
    }
    assert_eq!(ask("claude-opus-4-6", &hard).1["output_config"]["effort"], "high");
    for model in ["claude-opus-4-6", "claude-3-7-sonnet-latest", "an-imitator"] {
        assert_eq!(ask(model, &warm).1["temperature"], 0.2, "{model}");
    }
}

#[test]
fn openai_models_that_think_take_no_sampling_and_those_that_do_not_take_no_effort() {
    let ask = |model, more: &Value| ask(Operation::Messages, "openai", model, &chat(more));
    let warm = json!({"max_tokens": 9000, "temperature": 0.2, "stop_sequences": ["x"]});
    for model in ["o3-mini", "gpt-5-nano", "gpt-5.5"] {
        let (losses, sent) = ask(model, &warm);
        assert_eq!(losses, ["temperature", "stop_sequences"], "{model}");
        assert!(["temperature", "stop"].iter().all(|field| sent.get(*field).is_none()), "{model}: {sent}");
    }
    for model in ["gpt-4o", "gpt-5.2", "qwen3"] {
        assert_eq!(ask(model, &warm).1["temperature"], 0.2, "{model}");
    }
    let thinking = json!({
        "max_tokens": 9000, "temperature": 1.0, "thinking": {"type": "enabled", "budget_tokens": 2000},
    });
    let (losses, sent) = ask("gpt-4o", &thinking);
    assert!(sent.get("reasoning_effort").is_none() && !losses.is_empty(), "{losses:?} {sent}");
    let (losses, sent) = ask("gpt-5.2", &thinking);
    assert!(sent["reasoning_effort"].is_string() && sent.get("temperature").is_none(), "{losses:?} {sent}");
    assert!(losses.is_empty(), "nothing said was left out: {losses:?}");
    let off = json!({"max_tokens": 9000, "thinking": {"type": "disabled"}});
    assert_eq!(ask("gpt-5.2", &off).1["reasoning_effort"], "none");
    assert_eq!(ask("gpt-4o", &off).0, [""; 0], "there is nothing to switch off");
}

#[test]
fn an_effort_within_a_small_limit_leaves_tokens_for_the_answer() {
    let ask = |limit: i64, more: Value| {
        let body = chat(&json!({"max_tokens": limit, "reasoning_effort": "high"}));
        let mut body = chat(&body);
        body.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        ask(Operation::ChatCompletions, "anthropic", "claude-sonnet-4-5", &body).1["thinking"]["budget_tokens"].clone()
    };
    assert_eq!(ask(5000, json!({})), 2500);
    assert_eq!(ask(16_000, json!({})), 16_000 - 4096);
    assert_eq!(ask(1500, json!({})), 1024, "the least there is");
    assert_eq!(ask(5000, json!({"reasoning": {"max_tokens": 4999}, "reasoning_effort": null})), 4999, "as asked");
}

#[test]
fn pictures_have_the_name_that_their_bytes_tell() {
    let picture = |url: &str| {
        let content = json!([{"type": "image_url", "image_url": {"url": url}}]);
        let body = json!({"model": "m", "messages": [{"role": "user", "content": content}]});
        let sent = ask(Operation::ChatCompletions, "anthropic", "claude-sonnet-4-5", &body).1;
        sent["messages"][0]["content"][0]["source"]["media_type"].clone()
    };
    assert_eq!(picture("data:image/jpg;base64,AAAA"), "image/jpeg", "there is no image/jpg");
    assert_eq!(picture("data:image/png;base64,/9j/4AA="), "image/jpeg", "in spite of what was said");
    assert_eq!(picture("data:image/jpeg;base64,iVBORw0KGgo="), "image/png");
    assert_eq!(picture("data:image/webp;base64,AAAA"), "image/webp", "nothing tells otherwise");
}

#[test]
fn a_picture_among_the_operators_words_is_left_out_for_anthropic() {
    let body = json!({"model": "m", "messages": [
        {"role": "system", "content": [
            {"type": "text", "text": "s"},
            {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}},
        ]},
        {"role": "user", "content": "hi"},
    ]});
    let (losses, sent) = ask(Operation::ChatCompletions, "anthropic", "claude-sonnet-4-5", &body);
    assert_eq!((&sent["system"], losses.len()), (&json!("s"), 1), "{losses:?}");
}
