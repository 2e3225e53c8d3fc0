//! Providers that say 200, and then tell of an error in place of an answer: the client gets it as if it had been said
//! with a status of its own, unless another provider answers.

use llm_router_mock::{Mock, MockServer, Script};
use llm_router_tests::{Provider, Reply, Router, models, until};
use serde_json::json;

async fn scripted(script: &str) -> MockServer {
    Mock::spawn(Script::parse(script).expect("a script")).await.expect("a mock")
}

async fn ask(router: &Router, path: &str) -> Reply {
    let body = json!({"model": "m", "stream": true, "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]});
    router.client().post(path, body.to_string()).await
}

const PATHS: [&str; 3] = ["/v1/chat/completions", "/v1/messages", "/api/chat"];

#[tokio::test]
async fn the_providers_words_and_their_meaning_reach_the_client_in_its_own_dialect() {
    for kind in ["openai", "anthropic", "ollama"] {
        let mock = scripted("error-event=0 error=rate-limit").await;
        let router = Router::start(&models([("m", vec![Provider::new("a", kind, &mock.url())])]), &[]);
        for path in PATHS {
            let reply = ask(&router, path).await;
            let text = reply.text();
            assert!(text.contains("Rate limit reached"), "{kind} {path}: {text}");
            // Ollama's own errors have no word for what they are.
            let wanted = if kind == "ollama" { 500 } else { 429 };
            assert_eq!((reply.status.as_u16(), reply.whole), (wanted, true), "{kind} {path}: {text}");
        }
        until("all leases are settled", async || router.in_flight() == 0).await;
    }
}

#[tokio::test]
async fn another_provider_answers_where_the_request_is_not_at_fault() {
    for (error, status, asked) in [("overloaded", 200, 1), ("context", 400, 0)] {
        let (first, second) = (scripted(&format!("error-event=0 error={error}")).await, scripted("").await);
        for path in PATHS {
            // Each time from the beginning: what fails is left alone for a while.
            let providers =
                vec![Provider::new("a", "openai", &first.url()), Provider::new("b", "openai", &second.url())];
            let router = Router::start(&models([("m", providers)]), &[("probe_interval", "0")]);
            let before = (first.stats().requests, second.stats().requests);
            let reply = ask(&router, path).await;
            assert_eq!(reply.status.as_u16(), status, "{error} {path}: {}", reply.text());
            let after = (first.stats().requests, second.stats().requests);
            assert_eq!((after.0 - before.0, after.1 - before.1), (1, asked), "{error} {path}");
        }
    }
}
