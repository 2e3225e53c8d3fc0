//! Servers that lack what their type usually offers: the request takes another way to the same server.

use llm_router_tests::{Provider, Reply, Router, models, until};
use serde_json::json;

use crate::hostile_providers::raw::{Play, RawProvider, Then};

const NO_PATH: &str = r#"{"detail":"Not Found"}"#;
const NO_MODEL: &str = r#"{"error":{"message":"The model 'm' does not exist","code":"model_not_found"}}"#;
const CHAT: &str =
    r#"{"choices":[{"index":0,"message":{"role":"assistant","content":"hello"},"finish_reason":"stop"}]}"#;

fn says(status: &str, body: &str) -> Play {
    let head = format!("HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n", body.len());
    Play((head + body).into_bytes(), Then::Keep)
}

/// A router, and the server that plays the provider of its one model.
async fn scene(kind: &str, plays: Vec<Play>) -> (Router, RawProvider) {
    let provider = RawProvider::start(plays).await;
    let models = models([("m", vec![Provider::new("a", kind, provider.url())])]);
    (Router::start(&models, &[("probe_interval", "0")]), provider)
}

async fn ask(router: &Router, path: &str) -> Reply {
    let body = match path {
        "/v1/responses" => json!({"model": "m", "input": "hi"}),
        "/v1/messages/count_tokens" => json!({"model": "m", "messages": [{"role": "user", "content": "hi"}]}),
        "/v1/completions" => json!({"model": "m", "prompt": "hi"}),
        _ => json!({"model": "m", "messages": [{"role": "user", "content": "hi"}]}),
    };
    router.client().post(path, body.to_string()).await
}

fn paths(provider: &RawProvider) -> Vec<String> {
    let path = |request: &String| request.split(' ').nth(1).expect("a path").to_owned();
    provider.requests().iter().map(path).collect()
}

#[tokio::test]
async fn what_a_server_lacks_is_asked_of_its_chat_at_once_from_the_second_time_on() {
    for (kind, path, wanted) in [
        ("openai", "/v1/responses", "/output/0/content/0/text"),
        ("vllm", "/v1/completions", "/choices/0/text"),
        ("lmstudio", "/api/v0/chat/completions", "/choices/0/message/content"),
    ] {
        let (router, provider) = scene(kind, vec![says("404 Not Found", NO_PATH), says("200 OK", CHAT)]).await;
        for _ in 0..2 {
            let reply = ask(&router, path).await;
            assert_eq!(reply.json().pointer(wanted), Some(&json!("hello")), "{kind} {path}: {}", reply.text());
        }
        assert_eq!(paths(&provider), [path, "/v1/chat/completions", "/v1/chat/completions"]);
        until("all leases are settled", async || router.in_flight() == 0).await;
    }
}

#[tokio::test]
async fn tokens_are_counted_here_where_a_server_does_not() {
    let (router, provider) = scene("anthropic", vec![says("404 Not Found", NO_PATH)]).await;
    for _ in 0..2 {
        let reply = ask(&router, "/v1/messages/count_tokens").await;
        assert!(reply.json()["input_tokens"].as_u64() > Some(0), "{}", reply.text());
        assert_eq!(reply.headers["x-llm-router-estimated"], "true");
    }
    assert_eq!(paths(&provider), ["/v1/messages/count_tokens"]);
    until("all leases are settled", async || router.in_flight() == 0).await;
}

#[tokio::test]
async fn the_refusal_stands_where_the_model_is_missing_or_there_is_no_other_way() {
    let missing = says("404 Not Found", NO_PATH);
    let (router, provider) = scene("openai", vec![says("404 Not Found", NO_MODEL)]).await;
    assert_eq!(ask(&router, "/v1/responses").await.text(), NO_MODEL);
    assert_eq!(paths(&provider), ["/v1/responses"]);
    let (router, provider) = scene("openai", vec![missing.clone()]).await;
    for _ in 0..2 {
        let reply = ask(&router, "/v1/responses").await;
        assert_eq!((reply.status.as_u16(), reply.text().as_str()), (404, NO_PATH));
    }
    let both = ["/v1/responses", "/v1/chat/completions"];
    assert_eq!(paths(&provider), [both, both].concat(), "it is asked again each time: nothing is known for good");
    let (router, provider) = scene("openai", vec![missing]).await;
    assert_eq!(ask(&router, "/v1/chat/completions").await.text(), NO_PATH);
    assert_eq!(paths(&provider), ["/v1/chat/completions"]);
}

#[tokio::test]
async fn a_long_page_that_says_not_found_is_no_obstacle_and_reaches_the_client_whole_where_nothing_helps() {
    let page = format!("<html>{}</html>", "Not Found: is it a model you want? ".repeat(8000));
    let long = says("404 Not Found", &page);
    let (router, provider) = scene("openai", vec![long.clone(), says("200 OK", CHAT)]).await;
    let reply = ask(&router, "/v1/responses").await;
    assert_eq!(reply.json().pointer("/output/0/content/0/text"), Some(&json!("hello")), "{}", reply.text());
    assert_eq!(paths(&provider), ["/v1/responses", "/v1/chat/completions"]);
    let (router, _provider) = scene("openai", vec![long]).await;
    let reply = ask(&router, "/v1/responses").await;
    assert_eq!((reply.status.as_u16(), reply.text() == page), (404, true), "{} bytes", reply.text().len());
    until("all leases are settled", async || router.in_flight() == 0).await;
}
