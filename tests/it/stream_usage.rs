//! Usage numbers of streams that their clients did not ask for: the router asks, counts, and takes them out again.

use llm_router_mock::{Mock, Script};
use llm_router_tests::{Client, Provider, Router, models, until};
use serde_json::{Value, json};

fn ask(options: Option<Value>) -> String {
    let mut body = json!({"model": "m", "stream": true, "messages": [{"role": "user", "content": "one two three"}]});
    if let Some(options) = options {
        body["stream_options"] = options;
    }
    body.to_string()
}

/// What the ring remembers of the last request.
async fn tokens(router: &Router, requests: usize) -> Value {
    let admin = Client::new(router.running().admin_address().expect("there are pages"));
    let remembered = async || admin.get("/admin/requests?limit=100").await.json()["requests"].clone();
    until("it is remembered", async || remembered().await.as_array().is_some_and(|r| r.len() >= requests)).await;
    remembered().await[0]["tokens_out"].clone()
}

#[tokio::test]
async fn a_stream_is_counted_although_its_client_did_not_ask() {
    let mock = Mock::spawn(Script::default()).await.unwrap();
    let provider = Provider::new("a", "vllm", &mock.url()).with("model_path", "org/real");
    let router = Router::start(&models([("m", vec![provider])]), &[("stream_usage", "true"), ("admin_port", "0")]);
    for path in ["/v1/chat/completions", "/v1/completions"] {
        let reply =
            router.client().post(path, ask(None).replace("\"messages\"", "\"prompt\":\"one\",\"messages\"")).await;
        assert!(reply.whole && reply.status == 200, "{}", reply.text());
        assert_eq!(reply.events().last().map(String::as_str), Some("[DONE]"), "{}", reply.text());
        assert!(!reply.text().contains("completion_tokens"), "nobody asked for it: {}", reply.text());
        let seen: Value = serde_json::from_slice(&mock.requests().pop().unwrap().body).unwrap();
        assert_eq!((&seen["stream_options"]["include_usage"], &seen["model"]), (&json!(true), &json!("org/real")));
    }
    assert!(tokens(&router, 2).await.as_u64() > Some(0), "it is counted");

    let reply = router.client().post("/v1/chat/completions", ask(Some(json!({"include_usage": true})))).await;
    assert!(reply.text().contains("completion_tokens"), "a client that asks gets it: {}", reply.text());
    assert_eq!(reply.events().last().map(String::as_str), Some("[DONE]"));
    until("all leases are settled", async || router.in_flight() == 0).await;
}

#[tokio::test]
async fn a_refusal_and_a_whole_answer_come_through_as_they_are() {
    let mock = Mock::spawn(Script::default()).await.unwrap();
    let router =
        Router::start(&models([("m", vec![Provider::new("a", "openai", &mock.url())])]), &[("stream_usage", "true")]);
    let whole = ask(None).replace("\"stream\":true", "\"stream\":false");
    let reply = router.client().post("/v1/chat/completions", whole.clone()).await;
    assert!(reply.json()["usage"]["completion_tokens"].as_u64() > Some(0));
    assert_eq!(String::from_utf8_lossy(&mock.requests().pop().unwrap().body), whole, "it is passed on as sent");
    mock.set_script(Script::parse("status=400").unwrap());
    let reply = router.client().post("/v1/chat/completions", ask(None)).await;
    assert!(reply.status == 400 && reply.json()["error"].is_object(), "{}", reply.text());
}

#[tokio::test]
async fn without_the_setting_a_stream_is_asked_for_as_sent() {
    let mock = Mock::spawn(Script::default()).await.unwrap();
    let router = Router::start(&models([("m", vec![Provider::new("a", "openai", &mock.url())])]), &[]);
    assert_eq!(router.client().post("/v1/chat/completions", ask(None)).await.status, 200);
    assert_eq!(String::from_utf8_lossy(&mock.requests().pop().unwrap().body), ask(None));
}
