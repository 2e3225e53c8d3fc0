//! The text endpoints, over real sockets and against every type of provider.

#![expect(clippy::unwrap_used, reason = "a helper that fails fails the test that called it")]

mod batch;
mod errors;
mod golden;
mod prompts;
mod python_client;
mod stream;

use llm_router_mock::{Mock, MockServer, Script};
use llm_router_tests::{Provider, Reply, Router, models};
use serde_json::Value;

/// Every type of provider there is.
const TYPES: [&str; 5] = ["openai", "vllm", "lmstudio", "ollama", "anthropic"];

/// A mock, and a router with one model of every provider type before it, named like the type.
async fn setup(script: &str) -> (MockServer, Router) {
    let mock = Mock::spawn(Script::parse(script).unwrap()).await.unwrap();
    let all = TYPES.map(|kind| (kind, vec![Provider::new(kind, kind, &mock.url()).with("model_path", "real")]));
    let router = Router::start(&models(all), &[("default_ep_language", "en")]);
    (mock, router)
}

async fn post(router: &Router, endpoint: &str, body: &Value) -> Reply {
    router.client().post(&format!("/api/{endpoint}"), body.to_string()).await
}

/// The answer of a request that must work, without the time it took.
async fn answer(router: &Router, endpoint: &str, body: &Value) -> Value {
    let reply = post(router, endpoint, body).await;
    assert_eq!(reply.status, 200, "{endpoint}: {}", reply.text());
    let mut json = reply.json();
    let took = json.as_object_mut().unwrap().remove("generation_time").unwrap();
    assert!(took.as_f64().unwrap() >= 0.0);
    json
}

/// The bodies a mock was sent since it was last asked.
fn sent(mock: &MockServer) -> Vec<Value> {
    let bodies = mock.requests().iter().map(|seen| serde_json::from_slice(&seen.body).unwrap()).collect();
    mock.clear();
    bodies
}
