//! What a provider said comes back to it unchanged with the next turn, whatever the client's dialect: thoughts with
//! their seals, sealed thoughts, tool calls with the provider's own fields.

use llm_router_core::{
    api_type,
    operation::Operation,
    translate::{Context, Policy, Translated, Translation, translate},
};
use serde_json::{Value, json};

fn send(from: Operation, provider: &str, body: &Value) -> Translated {
    let context =
        Context { public_model: "m", upstream_model: "up", now: 0, seed: "seed", policy: Policy::Reject, images: &[] };
    let to = api_type::find(provider).expect("a known type");
    match translate(from, to, body.to_string().as_bytes(), &context).expect("nothing is lost") {
        Translation::Send(sent) => *sent,
        Translation::Answer(answer) => panic!("{answer:?}"),
    }
}

/// What the client was told, by its dialect.
fn told(from: Operation, provider: &str, question: &Value, reply: &Value) -> Value {
    let whole = send(from, provider, question).reply.whole(reply.to_string().as_bytes()).expect("a good answer");
    serde_json::from_slice(&whole).expect("JSON")
}

fn sent(from: Operation, provider: &str, body: &Value) -> Value {
    serde_json::from_slice(&send(from, provider, body).body).expect("JSON")
}

#[test]
fn sealed_thoughts_go_back_to_anthropic_bit_for_bit() {
    let content = json!([
        {"type": "thinking", "thinking": "Hm.\n\u{1f914}", "signature": "c2VhbA==+/"},
        {"type": "redacted_thinking", "data": "ZGFyaw=="},
        {"type": "text", "text": "Let me see."},
        {"type": "tool_use", "id": "toolu_a", "name": "weather", "input": {"city": "Kraków", "n": 1.5}},
    ]);
    let reply = json!({"id": "msg_1", "type": "message", "role": "assistant", "model": "up", "content": content,
        "stop_reason": "tool_use", "stop_sequence": null, "usage": {"input_tokens": 1, "output_tokens": 1}});
    let question = json!({"role": "user", "content": "weather?"});

    let ask = json!({"model": "m", "messages": [question]});
    let chat = told(Operation::ChatCompletions, "anthropic", &ask, &reply)["choices"][0]["message"].take();
    let result = json!({"role": "tool", "tool_call_id": "toolu_a", "content": "rain"});
    let next =
        sent(Operation::ChatCompletions, "anthropic", &json!({"model": "m", "messages": [question, chat, result]}));
    assert_eq!(next["messages"][1]["content"], content);

    let ask = json!({"model": "m", "input": [question]});
    let mut items = vec![question];
    let output = told(Operation::Responses, "anthropic", &ask, &reply)["output"].take();
    items.extend(output.as_array().expect("a list").iter().cloned());
    items.push(json!({"type": "function_call_output", "call_id": "toolu_a", "output": "rain"}));
    let next = sent(Operation::Responses, "anthropic", &json!({"model": "m", "input": items}));
    assert_eq!(next["messages"][1]["content"], content);
}

#[test]
fn a_providers_own_fields_of_a_tool_call_go_back_to_it() {
    let extra = json!({"google": {"thought_signature": "b3BhcXVl"}});
    let call = json!({"id": "call_a", "type": "function", "function": {"name": "weather", "arguments": "{\"city\":\"x\"}"},
        "extra_content": extra});
    let reply = json!({"choices": [{"index": 0, "finish_reason": "tool_calls",
        "message": {"role": "assistant", "content": null, "tool_calls": [call]}}]});
    let question = json!({"role": "user", "content": "weather?"});

    let ask = json!({"model": "m", "max_tokens": 9, "messages": [question]});
    let content = told(Operation::Messages, "openai", &ask, &reply)["content"].take();
    let result =
        json!({"role": "user", "content": [{"type": "tool_result", "tool_use_id": "call_a", "content": "rain"}]});
    let turn = json!({"role": "assistant", "content": content});
    let body = json!({"model": "m", "max_tokens": 9, "messages": [question, turn, result]});
    assert_eq!(sent(Operation::Messages, "openai", &body)["messages"][1]["tool_calls"][0], call);

    let ask = json!({"model": "m", "stream": false, "messages": [question]});
    let said = told(Operation::OllamaChat, "openai", &ask, &reply)["message"].take();
    let result = json!({"role": "tool", "tool_name": "weather", "content": "rain"});
    let body = json!({"model": "m", "stream": false, "messages": [question, said, result]});
    let next = sent(Operation::OllamaChat, "openai", &body);
    assert_eq!(next["messages"][1]["tool_calls"][0], call);
    assert_eq!(next["messages"][2]["tool_call_id"], "call_a");
}
