//! Turns in line: a client with many requests does not keep one with few waiting.

use llm_router_tests::{Provider, Router, models, until};
use serde_json::Value;

use super::{ask, chat, mocks, script};

const PATH: &str = "/v1/chat/completions";

/// What the last user said in each request that the provider saw.
fn served(mock: &llm_router_mock::MockServer) -> Vec<String> {
    let text = |body: &[u8]| {
        let body: Value = serde_json::from_slice(body).expect("requests are JSON");
        body["messages"][0]["content"].as_str().expect("a text").to_owned()
    };
    mock.requests().iter().map(|seen| text(&seen.body)).collect()
}

/// Who is served when, where the many wait before the one.
async fn order(many: &'static [(&str, &str)], one: &'static [(&str, &str)]) -> Vec<String> {
    let [mock] = mocks(["head-delay=60s"]).await;
    let provider = Provider::new("a", "openai", &mock.url()).with("max_concurrency", 1);
    let router = Router::start(&models([("m", vec![provider])]), &[]);
    let client = router.client();
    let send = |text: &str, headers| {
        let body = chat(text);
        tokio::spawn(async move { ask(client, PATH, body, headers).await.status })
    };
    let queued = || router.running().shared().state().pool("m").expect("it is served").queued();
    let first = send("first", many);
    until("the provider is busy", async || mock.stats().in_flight == 1).await;
    mock.set_script(script(""));
    let mut waiting = Vec::new();
    for (text, headers) in [("1", many), ("2", many), ("3", many), ("4", many), ("one", one)] {
        waiting.push(send(text, headers));
        until("it stands in line", async || queued() as usize == waiting.len()).await;
    }
    first.abort();
    for request in waiting {
        assert_eq!(request.await.expect("no panic"), 200);
    }
    served(&mock)
}

const MANY: &[(&str, &str)] = &[("authorization", "Bearer many")];

#[tokio::test]
async fn keys_take_turns() {
    assert_eq!(order(MANY, &[("authorization", "Bearer one")]).await, ["first", "1", "one", "2", "3", "4"]);
    assert_eq!(order(MANY, &[("x-api-key", "one")]).await, ["first", "1", "one", "2", "3", "4"]);
    assert_eq!(order(MANY, &[]).await, ["first", "1", "one", "2", "3", "4"]);
}

#[tokio::test]
async fn requests_of_one_key_keep_their_order() {
    assert_eq!(order(MANY, MANY).await, ["first", "1", "2", "3", "4", "one"]);
    assert_eq!(order(&[], &[]).await, ["first", "1", "2", "3", "4", "one"]);
}
