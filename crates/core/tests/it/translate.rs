//! Translation from end to end, through the public facade.

use llm_router_core::{
    api_type,
    operation::Operation,
    translate::{Context, Policy, Translated, Translation, translate},
};
use serde_json::{Value, json};

fn context() -> Context<'static> {
    Context {
        public_model: "public",
        upstream_model: "upstream",
        now: 1_700_000_000,
        seed: "seed",
        policy: Policy::Drop,
        images: &[],
    }
}

fn send(from: Operation, to: &str, body: &Value) -> Translated {
    let to = api_type::find(to).expect("a known type");
    match translate(from, to, body.to_string().as_bytes(), &context()).expect("translatable") {
        Translation::Send(translated) => *translated,
        Translation::Answer(answer) => panic!("{answer:?}"),
    }
}

#[test]
fn an_openai_chat_with_tools_becomes_a_messages_request() {
    let body = json!({
        "model": "public", "temperature": 1.5, "seed": 7, "parallel_tool_calls": false,
        "messages": [
            {"role": "system", "content": "be brief"},
            {"role": "user", "content": "weather?"},
            {"role": "assistant", "content": null, "tool_calls": [
                {"id": "a", "type": "function", "function": {"name": "f", "arguments": "{\"x\":1}"}},
                {"id": "b", "type": "function", "function": {"name": "g", "arguments": ""}},
            ]},
            {"role": "tool", "tool_call_id": "a", "content": "1"},
            {"role": "tool", "tool_call_id": "b", "content": "2"},
            {"role": "user", "content": "and?"},
        ],
        "tools": [{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}],
    });
    let got = send(Operation::ChatCompletions, "anthropic", &body);
    assert_eq!(got.path, "v1/messages");
    assert_eq!(got.losses.fields(), ["seed", "temperature"]);
    let body: Value = serde_json::from_slice(&got.body).unwrap();
    assert_eq!(
        body,
        json!({
            "model": "upstream", "max_tokens": 8192, "system": "be brief",
            "messages": [
                {"role": "user", "content": "weather?"},
                {"role": "assistant", "content": [
                    {"type": "tool_use", "id": "a", "name": "f", "input": {"x": 1}},
                    {"type": "tool_use", "id": "b", "name": "g", "input": {}},
                ]},
                {"role": "user", "content": [
                    {"type": "tool_result", "tool_use_id": "a", "content": "1"},
                    {"type": "tool_result", "tool_use_id": "b", "content": "2"},
                    {"type": "text", "text": "and?"},
                ]},
            ],
            "stream": false, "temperature": 1.0,
            "tools": [{"name": "f", "input_schema": {"type": "object"}}],
            "tool_choice": {"type": "auto", "disable_parallel_tool_use": true},
        })
    );
}

#[test]
fn an_openai_stream_with_tools_becomes_a_message_stream() {
    let body =
        json!({"model": "public", "max_tokens": 10, "stream": true, "messages": [{"role": "user", "content": "hi"}]});
    let mut got = send(Operation::Messages, "vllm", &body);
    let mut out = Vec::new();
    for line in [
        r#"{"choices":[{"index":0,"delta":{"role":"assistant","content":""}}]}"#,
        r#"{"choices":[{"index":0,"delta":{"reasoning":"hm"}}]}"#,
        r#"{"choices":[{"index":0,"delta":{"content":"żół","tool_calls":[]}}]}"#,
        r#"{"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"a","function":{"name":"f","arguments":""}}]}}]}"#,
        r#"{"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":"{\"x\":1}"}}]}}]}"#,
        r#"{"choices":[{"index":0,"delta":{"tool_calls":[{"index":1,"id":"b","function":{"name":"g","arguments":"{}"}}]}}]}"#,
        r#"{"choices":[{"index":0,"delta":{},"finish_reason":"tool_calls"}]}"#,
        r#"{"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":5,"total_tokens":8}}"#,
        "[DONE]",
    ] {
        got.reply.frame(format!("data: {line}\n\n").as_bytes(), &mut out).unwrap();
    }
    let summary = got.reply.finish().unwrap();
    assert_eq!(summary.usage.unwrap().total(), 8);
    assert!(out.ends_with(b"event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n"));
}
