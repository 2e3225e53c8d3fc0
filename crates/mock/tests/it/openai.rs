//! OpenAI's surfaces, and what vLLM, llama.cpp and LM Studio do differently there.

use serde_json::{Value, json};

use crate::raw::{events, get, json as ask, mock, post, stream};

fn user(text: &str) -> Value {
    json!([{"role": "user", "content": text}])
}

fn tool(name: &str) -> Value {
    json!({"type": "function", "function": {"name": name, "parameters":
        {"type": "object", "properties": {"city": {"type": "string"}}}}})
}

#[tokio::test]
async fn a_chat_is_echoed_and_counted() {
    let server = mock("").await;
    let messages = json!([{"role": "system", "content": "Be kind."}, {"role": "user", "content": "zażółć it"}]);
    let (status, answer) =
        ask(&server, &post("/v1/chat/completions", &json!({"model": "m", "messages": messages}).to_string())).await;
    assert_eq!(status, 200);
    assert_eq!(answer["choices"][0]["message"]["content"], "You said: zażółć it");
    assert_eq!(answer["choices"][0]["finish_reason"], "stop");
    assert_eq!(answer["model"], "m");
    let usage = &answer["usage"];
    assert_eq!(usage["completion_tokens"], 4);
    assert_eq!(usage["total_tokens"], usage["prompt_tokens"].as_u64().unwrap() + 4);
    assert_eq!(server.requests()[0].system.as_deref(), Some("Be kind."));
}

#[tokio::test]
async fn a_stream_says_the_same_in_chunks() {
    let server = mock("").await;
    let body =
        json!({"model": "m", "messages": user("hi there"), "stream": true, "stream_options": {"include_usage": true}});
    let payload = stream(&server, &post("/v1/chat/completions", &body.to_string())).await;
    assert!(payload.ends_with("data: [DONE]\n\n"));
    let events = events(&payload);
    assert_eq!(events[0]["choices"][0]["delta"]["role"], "assistant");
    let text: String = events.iter().filter_map(|event| event["choices"][0]["delta"]["content"].as_str()).collect();
    assert_eq!(text, "You said: hi there");
    assert_eq!(events[events.len() - 2]["choices"][0]["finish_reason"], "stop");
    let last = events.last().unwrap();
    assert_eq!((&last["choices"], &last["usage"]["completion_tokens"]), (&json!([]), &json!(4)));
}

#[tokio::test]
async fn two_tools_are_called_at_once_and_their_results_are_quoted() {
    let server = mock("").await;
    let mut body = json!({"model": "m", "messages": user("Weather in Paris?"), "tools": [tool("a"), tool("b")]});
    let (_, answer) = ask(&server, &post("/v1/chat/completions", &body.to_string())).await;
    let choice = &answer["choices"][0];
    assert_eq!((&choice["finish_reason"], &choice["message"]["content"]), (&json!("tool_calls"), &Value::Null));
    let calls = choice["message"]["tool_calls"].as_array().unwrap();
    assert_eq!(calls.len(), 2);
    assert_eq!(calls[1]["function"]["name"], "b");
    assert_eq!(calls[0]["function"]["arguments"], "{\"city\":\"Paris\"}");
    assert_ne!(calls[0]["id"], calls[1]["id"]);

    body["stream"] = json!(true);
    let events = events(&stream(&server, &post("/v1/chat/completions", &body.to_string())).await);
    let deltas: Vec<&Value> =
        events.iter().flat_map(|e| e["choices"][0]["delta"]["tool_calls"].as_array()).flatten().collect();
    assert_eq!(deltas[0]["function"]["name"], "a");
    let second: String =
        deltas.iter().filter(|d| d["index"] == 1).filter_map(|d| d["function"]["arguments"].as_str()).collect();
    assert_eq!(second, "{\"city\":\"Paris\"}");

    let result = json!({"role": "tool", "tool_call_id": "x", "content": "18 degrees"});
    body = json!({"model": "m", "messages": [{"role": "user", "content": "?"}, choice["message"], result], "tools": [tool("a")]});
    let (_, answer) = ask(&server, &post("/v1/chat/completions", &body.to_string())).await;
    assert_eq!(answer["choices"][0]["message"]["content"], "The tool said: 18 degrees");
}

#[tokio::test]
async fn schemas_images_limits_and_stops_are_honoured() {
    let server = mock("").await;
    let schema = json!({"type": "object", "properties": {"name": {"type": "string"}, "age": {"type": "integer"}}});
    let format = json!({"type": "json_schema", "json_schema": {"name": "x", "schema": schema}});
    let (_, answer) = ask(
        &server,
        &post(
            "/v1/chat/completions",
            &json!({"model": "m", "messages": user("Ann"), "response_format": format}).to_string(),
        ),
    )
    .await;
    assert_eq!(answer["choices"][0]["message"]["content"], "{\"name\":\"Ann\",\"age\":42}");

    let content = json!([{"type": "text", "text": "look"}, {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}]);
    let messages = json!([{"role": "user", "content": content}]);
    let (_, answer) =
        ask(&server, &post("/v1/chat/completions", &json!({"model": "m", "messages": messages}).to_string())).await;
    assert_eq!(answer["choices"][0]["message"]["content"], "I see 1 image. You said: look");

    let (_, answer) = ask(
        &server,
        &post("/v1/chat/completions", &json!({"model": "m", "messages": user("one two"), "max_tokens": 3}).to_string()),
    )
    .await;
    assert_eq!(answer["choices"][0]["finish_reason"], "length");
    assert_eq!(answer["choices"][0]["message"]["content"], "You said: one");

    let (_, answer) = ask(
        &server,
        &post(
            "/v1/chat/completions",
            &json!({"model": "m", "messages": user("one two"), "stop": [" two"]}).to_string(),
        ),
    )
    .await;
    assert_eq!(answer["choices"][0]["message"]["content"], "You said: one");
}

#[tokio::test]
async fn responses_are_numbered_events_around_the_same_text() {
    let server = mock("").await;
    let mut body = json!({"model": "m", "input": "hi", "instructions": "Be brief.", "reasoning": {"effort": "low"}});
    let (_, whole) = ask(&server, &post("/v1/responses", &body.to_string())).await;
    assert_eq!(whole["output"][0]["type"], "reasoning");
    assert_eq!(whole["output"][1]["content"][0]["text"], "You said: hi");
    body["stream"] = json!(true);
    let payload = stream(&server, &post("/v1/responses", &body.to_string())).await;
    let events = events(&payload);
    for (index, event) in events.iter().enumerate() {
        assert_eq!(event["sequence_number"], index);
    }
    let text: String = events
        .iter()
        .filter(|e| e["type"] == "response.output_text.delta")
        .filter_map(|e| e["delta"].as_str())
        .collect();
    assert_eq!(text, "You said: hi");
    assert_eq!(events.last().unwrap()["response"]["status"], "completed");
    assert_eq!(server.requests()[0].system.as_deref(), Some("Be brief."));
}

#[tokio::test]
async fn completions_and_embeddings_answer() {
    let server = mock("").await;
    let (_, answer) = ask(&server, &post("/v1/completions", r#"{"model":"m","prompt":"once"}"#)).await;
    assert_eq!(answer["choices"][0]["text"], "You said: once");
    let body = json!({"model": "m", "input": ["a", "b", "a"]});
    let (_, answer) = ask(&server, &post("/v1/embeddings", &body.to_string())).await;
    let data = answer["data"].as_array().unwrap();
    assert_eq!(data[0]["embedding"], data[2]["embedding"]);
    assert_ne!(data[0]["embedding"], data[1]["embedding"]);
    let body = json!({"model": "m", "input": "a", "encoding_format": "base64", "dimensions": 3});
    let (_, answer) = ask(&server, &post("/v1/embeddings", &body.to_string())).await;
    assert_eq!(answer["data"][0]["embedding"].as_str().unwrap().len(), 16, "3 floats are 12 bytes");
}

#[tokio::test]
async fn engines_keep_their_habits() {
    let server = mock("engine=vllm think=2").await;
    let body = json!({"model": "m", "messages": user("hi"), "tools": [tool("a")], "tool_choice": "none"});
    let (_, answer) = ask(&server, &post("/v1/chat/completions", &body.to_string())).await;
    let message = &answer["choices"][0]["message"];
    assert_eq!((&message["tool_calls"], &message["reasoning"]), (&json!([]), &json!("Let me")));
    let mut streamed = body.clone();
    streamed["stream"] = json!(true);
    let events = events(&stream(&server, &post("/v1/chat/completions", &streamed.to_string())).await);
    let with_text = events.iter().find(|event| event["choices"][0]["delta"]["content"] == "You").unwrap();
    assert_eq!(with_text["choices"][0]["delta"]["tool_calls"], json!([]));
    let (_, models) = ask(&server, &get("/v1/models")).await;
    assert_eq!(models["data"][0]["owned_by"], "vllm");

    let server = mock("engine=llamacpp think=1").await;
    let (_, answer) = ask(&server, &post("/v1/chat/completions", &body.to_string())).await;
    assert_eq!(answer["choices"][0]["message"]["reasoning_content"], "Let");
    assert!(answer["timings"]["predicted_n"].is_u64());

    let (_, answer) = ask(&server, &post("/api/v0/chat/completions", &body.to_string())).await;
    assert_eq!(answer["stats"]["stop_reason"], "eosFound");
    let (_, models) = ask(&server, &get("/api/v0/models")).await;
    assert_eq!(models["data"][2]["type"], "embeddings");
}
