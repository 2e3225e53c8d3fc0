//! Captured bodies: none unless asked for; then bounded, redacted, of the models asked for, in a file and on the pages.

use std::{fs, path::Path};

use bytes::Bytes;
use http::Request;
use llm_router_mock::{Mock, MockServer, Script};
use llm_router_tests::{Client, Provider, Router, models, until};
use serde_json::{Value, json};

const SECRET: &str = "sk-proj-0123456789abcdefghijklmnop";

async fn started(settings: &[(&str, &str)]) -> (Router, MockServer) {
    let mock = Mock::spawn(Script::default()).await.expect("a port is free");
    let provider = || vec![Provider::new("a", "openai", &mock.url())];
    let settings = [&[("admin_port", "0")], settings].concat();
    (Router::start(&models([("m", provider()), ("other", provider())]), &settings), mock)
}

async fn ask(router: &Router, id: &str, path: &str, body: Value) -> u16 {
    let request = Request::post(path).header("x-request-id", id).header("authorization", format!("Bearer {SECRET}"));
    router.client().send(request.body(Bytes::from(body.to_string())).expect("well formed")).await.status.as_u16()
}

fn chat(model: &str, stream: bool, text: &str) -> Value {
    json!({"model": model, "stream": stream, "messages": [{"role": "user", "content": text}]})
}

/// The lines of the file by request, once there are so many.
async fn lines(file: &Path, count: usize) -> Vec<Value> {
    let read = || fs::read_to_string(file).unwrap_or_default();
    until("the lines are written", async || read().lines().count() >= count).await;
    let lines: Vec<Value> = read().lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(lines.len(), count, "{lines:?}");
    lines
}

#[tokio::test]
async fn without_the_setting_no_body_is_kept() {
    let folder = tempfile::tempdir().expect("there is room for a folder");
    let file = folder.path().join("bodies");
    let (router, _mock) = started(&[("capture_file", file.to_str().expect("UTF-8"))]).await;
    assert_eq!(ask(&router, "one", "/v1/chat/completions", chat("m", true, "private words")).await, 200);
    until("it is over", async || router.finished().len() == 1).await;
    assert!(router.finished()[0].captured.is_none() && !file.exists());
    let admin = Client::new(router.running().admin_address().expect("there are pages"));
    assert!(!admin.get("/admin/requests/one").await.text().contains("private words"));
}

#[tokio::test]
async fn bodies_are_kept_as_the_client_sees_them_without_its_secrets() {
    let folder = tempfile::tempdir().expect("there is room for a folder");
    let file = folder.path().join("bodies");
    let settings = [("capture_share", "100"), ("capture_models", "m"), ("capture_file", file.to_str().expect("UTF-8"))];
    let (router, _mock) = started(&settings).await;
    let said = format!("the words, my key {SECRET}, \"password\": \"hunter2\" and no more");
    assert_eq!(ask(&router, "stream", "/v1/chat/completions", chat("m", true, &said)).await, 200);
    assert_eq!(ask(&router, "whole", "/v1/messages", chat("m", false, &said)).await, 200);
    assert_eq!(ask(&router, "other", "/v1/chat/completions", chat("other", true, &said)).await, 200);
    let prompted = json!({"model_name": "m", "user_last_statement": said});
    assert_eq!(ask(&router, "prompted", "/api/conversation_with_model", prompted).await, 200);
    let lines = lines(&file, 3).await;
    let of = |id: &str| lines.iter().find(|line| line["id"] == id).unwrap_or_else(|| panic!("no {id} in {lines:?}"));
    let text = |id: &str, which: &str| of(id)[which]["text"].as_str().expect("a text").to_owned();
    let streamed = text("stream", "answer");
    // The mock says everything again in pieces of some letters each, and so the secrets as well.
    let joined: Value = serde_json::from_str(&streamed).expect("a stream is joined to one object");
    assert!(joined["events"].as_u64().expect("a number") > 5, "{joined}");
    let answer = joined["joined"]["choices"][0]["delta"]["content"].as_str().expect("the words");
    assert!(answer.contains("the words, my key [redacted]"), "{joined}");
    assert!(text("stream", "request").contains("the words, my key [redacted], "), "{}", text("stream", "request"));
    assert!(text("whole", "answer").contains("\"type\":\"message\""), "{}", text("whole", "answer"));
    assert!(text("prompted", "answer").contains("\"response\""), "{}", text("prompted", "answer"));
    assert_eq!((&of("stream")["request"]["cut"], &of("stream")["status"]), (&json!(false), &json!(200)));
    let admin = Client::new(router.running().admin_address().expect("there are pages"));
    let shown = admin.get("/admin/requests/stream").await;
    assert_eq!(shown.json()["captured"]["answer"]["text"], streamed);
    for kept in [fs::read_to_string(&file).expect("it is there"), shown.text()] {
        assert!(!kept.contains(SECRET) && !kept.contains("hunter2") && !kept.contains("Bearer"), "{kept}");
    }
}

#[tokio::test]
async fn a_body_larger_than_the_bound_is_cut() {
    let folder = tempfile::tempdir().expect("there is room for a folder");
    let file = folder.path().join("bodies");
    let settings = [("capture_share", "100"), ("capture_size", "200"), ("capture_file", file.to_str().expect("UTF-8"))];
    let (router, _mock) = started(&settings).await;
    assert_eq!(ask(&router, "large", "/v1/chat/completions", chat("m", true, &"word ".repeat(2000))).await, 200);
    let lines = lines(&file, 1).await;
    for which in ["request", "answer"] {
        let body = &lines[0][which];
        assert!(body["bytes"].as_u64().expect("a number") > 5_000 && body["cut"] == true, "{body}");
        assert!(body["text"].as_str().expect("a text").len() <= 200, "{body}");
    }
}
