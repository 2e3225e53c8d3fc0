//! Anthropic's surfaces.

use serde_json::{Value, json};

use crate::raw::{events, json as ask, mock, post, stream};

fn body(more: Value) -> Value {
    let mut body = json!({"model": "m", "max_tokens": 100, "messages": [{"role": "user", "content": "go to Rome"}]});
    for (key, value) in more.as_object().unwrap() {
        body[key] = value.clone();
    }
    body
}

#[tokio::test]
async fn a_message_has_thinking_text_and_usage() {
    let server = mock("").await;
    let body = body(
        json!({"system": [{"type": "text", "text": "Be kind."}], "thinking": {"type": "enabled", "budget_tokens": 1024}}),
    );
    let (_, message) = ask(&server, &post("/v1/messages", &body.to_string())).await;
    assert_eq!(message["content"][0]["type"], "thinking");
    assert!(message["content"][0]["signature"].is_string());
    assert_eq!(message["content"][1]["text"], "You said: go to Rome");
    assert_eq!(message["stop_reason"], "end_turn");
    assert_eq!(server.requests()[0].system.as_deref(), Some("Be kind."));
    let (_, count) = ask(&server, &post("/v1/messages/count_tokens", &body.to_string())).await;
    assert_eq!(count["input_tokens"], message["usage"]["input_tokens"]);
}

#[tokio::test]
async fn a_stream_opens_and_closes_every_block() {
    let server = mock("").await;
    let tools = json!([{"name": "go", "input_schema": {"type": "object", "properties": {"to": {"type": "string"}}}}]);
    let body = body(json!({"stream": true, "tools": tools, "thinking": {"type": "enabled", "budget_tokens": 1024}}));
    let payload = stream(&server, &post("/v1/messages", &body.to_string())).await;
    let events = events(&payload);
    let names: Vec<&str> = payload.lines().filter_map(|line| line.strip_prefix("event: ")).collect();
    let kinds: Vec<&str> = events.iter().map(|event| event["type"].as_str().unwrap()).collect();
    assert_eq!(names, kinds, "each event is named after its data");
    assert_eq!((names[0], names[2]), ("message_start", "ping"));
    assert_eq!(&names[names.len() - 2..], ["message_delta", "message_stop"]);
    let count = |kind| kinds.iter().filter(|name| **name == kind).count();
    assert_eq!((count("content_block_start"), count("content_block_stop")), (2, 2));
    assert!(events.iter().any(|event| event["delta"]["type"] == "signature_delta"));
    let input: String = events.iter().filter_map(|event| event["delta"]["partial_json"].as_str()).collect();
    assert_eq!(input, "{\"to\":\"Rome\"}");
    assert_eq!(events[events.len() - 2]["delta"]["stop_reason"], "tool_use");
}

#[tokio::test]
async fn tool_results_lists_and_errors_are_anthropics() {
    let server = mock("").await;
    let result = json!([{"type": "tool_result", "tool_use_id": "t", "content": [{"type": "text", "text": "sunny"}]}]);
    let history = json!([{"role": "user", "content": "?"},
        {"role": "assistant", "content": [{"type": "tool_use", "id": "t", "name": "w", "input": {}}]},
        {"role": "user", "content": result}]);
    let (_, message) = ask(&server, &post("/v1/messages", &body(json!({"messages": history})).to_string())).await;
    assert_eq!(message["content"][0]["text"], "The tool said: sunny");

    let list = "GET /v1/models HTTP/1.1\r\nhost: m\r\nconnection: close\r\nanthropic-version: 2023-06-01\r\n\r\n";
    let (_, models) = ask(&server, list).await;
    assert_eq!((&models["data"][0]["type"], &models["has_more"]), (&json!("model"), &json!(false)));

    let (status, error) = ask(&server, &post("/v1/messages", r#"{"model":"m","messages":[]}"#)).await;
    assert_eq!((status, &error["error"]["type"]), (400, &json!("invalid_request_error")));
    server.set_script(llm_router_mock::Script::parse("error=overloaded").unwrap());
    let (status, error) = ask(&server, &post("/v1/messages", &body(json!({})).to_string())).await;
    assert_eq!((status, &error["error"]["type"]), (529, &json!("overloaded_error")));
}
