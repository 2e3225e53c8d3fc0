//! Requests whose bodies the client has compressed.

use std::io::Write as _;

use bytes::Bytes;
use flate2::{Compression, write::GzEncoder};
use http::Request;
use llm_router_mock::{Mock, Script};
use llm_router_tests::{Provider, Reply, Router, models};
use serde_json::json;

const LIMIT: usize = 100_000;

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
    packed.write_all(text).expect("a Vec takes every byte");
    packed.finish().expect("a Vec takes every byte")
}

fn question(model: &str, text: &str) -> Vec<u8> {
    json!({"model": model, "messages": [{"role": "user", "content": text}]}).to_string().into_bytes()
}

async fn ask(router: &Router, coding: &str, body: Vec<u8>) -> Reply {
    let request = Request::post("/v1/chat/completions").header("content-encoding", coding);
    router.client().send(request.body(Bytes::from(body)).expect("a request")).await
}

#[tokio::test]
async fn a_packed_question_is_unpacked_within_the_limits_and_answered() {
    let mock = Mock::spawn(Script::default()).await.expect("a mock");
    let providers = ["openai", "anthropic"].map(|kind| (kind, vec![Provider::new("a", kind, &mock.url())]));
    let router = Router::start(&models(providers), &[("max_request_body_size", &LIMIT.to_string())]);
    for model in ["openai", "anthropic"] {
        let reply = ask(&router, "gzip", gzip(&question(model, "hi"))).await;
        assert_eq!(reply.status, 200, "{}", reply.text());
        assert_eq!(reply.json()["choices"][0]["message"]["content"], "You said: hi");
        let seen = mock.requests().pop().expect("it was asked");
        assert!(!seen.headers.contains_key("content-encoding"), "it is told as it is sent");
    }
    let bomb = gzip(&question("openai", &"a".repeat(2 * LIMIT)));
    assert!(bomb.len() < LIMIT / 10, "it is small on the wire");
    let reply = ask(&router, "gzip", bomb).await;
    assert_eq!((reply.status.as_u16(), &reply.json()["error"]["code"]), (413, &json!("request_too_large")));
    let reply = ask(&router, "gzip", question("openai", "hi")).await;
    assert_eq!((reply.status.as_u16(), &reply.json()["error"]["code"]), (400, &json!("invalid_content_encoding")));
    let reply = ask(&router, "br", question("openai", "hi")).await;
    assert_eq!((reply.status.as_u16(), &reply.json()["error"]["code"]), (415, &json!("unsupported_content_encoding")));
    assert_eq!(reply.headers["accept-encoding"], "gzip, deflate");
}
