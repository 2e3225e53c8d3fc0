//! Limits that hold: of time before the first token, of silence, of requests at once, and of clients that take nothing.

use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Method, Request, request::Builder};
use llm_router_mock::{Mock, MockServer, Script};
use llm_router_tests::{Provider, Reply, Router, models, until};
use serde_json::json;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpSocket, TcpStream},
};

const CHAT: &str = "/v1/chat/completions";

async fn mock(script: &str) -> MockServer {
    Mock::spawn(Script::parse(script).expect("tests write well-formed scripts")).await.expect("a port is free")
}

fn body(stream: bool) -> Bytes {
    json!({"model": "m", "stream": stream, "max_tokens": 50, "messages": [{"role": "user", "content": "hi"}]})
        .to_string()
        .into()
}

fn ask(path: &str) -> Builder {
    Request::builder().method(Method::POST).uri(path)
}

async fn stream(router: &Router, path: &str) -> Reply {
    let body = match path {
        "/v1/responses" => Bytes::from(r#"{"model":"m","stream":true,"input":"hi"}"#),
        _ => body(true),
    };
    router.client().send(ask(path).body(body).expect("the request is well-formed")).await
}

fn one(kind: &str, mock: &MockServer, settings: &[(&str, &str)]) -> Router {
    Router::start(&models([("m", vec![Provider::new("a", kind, &mock.url())])]), settings)
}

fn two(first: &MockServer, second: &MockServer, settings: &[(&str, &str)]) -> Router {
    let providers = vec![Provider::new("a", "openai", &first.url()), Provider::new("b", "openai", &second.url())];
    let settings: Vec<_> = [("balance_strategy", "first_available")].iter().chain(settings).copied().collect();
    Router::start(&models([("m", providers)]), &settings)
}

#[tokio::test]
async fn a_provider_that_says_200_and_nothing_more_is_replaced() {
    let (mute, well) = (mock("first-delay=60s").await, mock("").await);
    let router = two(&mute, &well, &[("first_token_timeout", "200ms")]);
    for path in [CHAT, "/v1/messages"] {
        let reply = stream(&router, path).await;
        assert!(reply.whole && reply.status == 200 && !reply.text().contains("error"), "{path}: {}", reply.text());
    }
    assert!(well.stats().finished >= 2);
    let alone = one("openai", &mute, &[("first_token_timeout", "100ms")]);
    let reply = stream(&alone, CHAT).await;
    assert_eq!(reply.status, 504, "{}", reply.text());
    assert!(reply.text().contains("no content within"), "{}", reply.text());
    until("all is settled", async || router.in_flight() + alone.in_flight() == 0).await;
}

#[tokio::test]
async fn a_provider_that_fails_after_the_role_is_replaced_and_the_client_sees_one_head() {
    for fault in ["cut=event:1", "reset=event:1", "error-event=1", "stall=event:1"] {
        let (bad, well) = (mock(fault).await, mock("").await);
        let router = two(&bad, &well, &[("idle_timeout", "300ms")]);
        let reply = stream(&router, CHAT).await;
        assert!(reply.whole && reply.status == 200, "{fault}: {}", reply.text());
        assert_eq!(reply.text().matches("\"role\":\"assistant\"").count(), 1, "{fault}: {}", reply.text());
        assert_eq!(reply.events().last().map(String::as_str), Some("[DONE]"), "{fault}");
        assert_eq!((bad.stats().requests, well.stats().requests), (1, 1), "{fault}");
    }
}

#[tokio::test]
async fn a_silent_stream_gets_comments_from_its_arrival_on() {
    for script in ["head-delay=700ms", "first-delay=700ms", "tokens=3 token-delay=400ms"] {
        let slow = mock(script).await;
        for path in [CHAT, "/v1/messages", "/v1/responses"] {
            let router = one("openai", &slow, &[("stream_keepalive", "150ms")]);
            let reply = stream(&router, path).await;
            let text = reply.text();
            assert!(reply.whole && reply.status == 200, "{script} {path}: {text}");
            assert!(text.contains(": keep-alive\n\n"), "{script} {path}: {text}");
            assert!(!text.contains("\"error\":{"), "{script} {path}: {text}");
            for event in text.split("\n\n").filter(|event| !event.is_empty()) {
                assert!(["data:", "event:", ": keep-alive"].iter().any(|start| event.starts_with(start)), "{event:?}");
            }
        }
        let router = one("ollama", &slow, &[("stream_keepalive", "50ms")]);
        let reply = stream(&router, "/api/chat").await;
        assert!(reply.whole && !reply.text().contains("keep-alive"), "lines of JSON have no comments");
    }
}

#[tokio::test]
async fn what_fails_behind_a_comment_is_told_inside_the_stream() {
    let bad = mock("head-delay=400ms status=500").await;
    let router = one("openai", &bad, &[("stream_keepalive", "100ms")]);
    let reply = stream(&router, CHAT).await;
    assert_eq!((reply.status.as_u16(), reply.whole), (200, false), "{}", reply.text());
    assert!(reply.text().starts_with(": keep-alive") && reply.text().contains("\"error\""), "{}", reply.text());
    let reply = router.client().post(CHAT, body(false)).await;
    assert_eq!(reply.status, 500, "without a stream the status is the provider's");
    until("all is settled", async || router.in_flight() == 0 && router.finished().len() == 2).await;
}

#[tokio::test]
async fn a_client_may_shorten_its_request() {
    let slow = mock("head-delay=60s").await;
    let router = one("openai", &slow, &[]);
    let begun = Instant::now();
    let request = ask(CHAT).header("x-llm-router-timeout", "200ms").body(body(false));
    let reply = router.client().send(request.expect("the request is well-formed")).await;
    assert_eq!((reply.status.as_u16(), &reply.json()["error"]["code"]), (504, &json!("deadline_exceeded")));
    assert!(begun.elapsed() < Duration::from_secs(10));
    for bad in ["", "soon", "-1", "0"] {
        let request = ask(CHAT).header("x-llm-router-timeout", bad).body(body(false));
        let reply = router.client().send(request.expect("the request is well-formed")).await;
        assert_eq!(reply.status, 400, "{bad:?}: {}", reply.text());
    }
    until("the provider is let go", async || slow.stats().in_flight == 0 && router.in_flight() == 0).await;
}

#[tokio::test]
async fn beyond_the_limit_requests_are_refused_by_a_reason_that_programs_can_read() {
    let endless = mock("endless token-delay=20ms").await;
    let router = one("openai", &endless, &[("max_requests", "1")]);
    let request = ask(CHAT).body(body(true)).expect("the request is well-formed");
    let held = router.client().open(request).await;
    let reply = router.client().post(CHAT, body(false)).await;
    assert_eq!((reply.status.as_u16(), &reply.json()["error"]["code"]), (503, &json!("router_overloaded")));
    assert_eq!(reply.headers["retry-after"], "1");
    assert_eq!(router.client().get("/readyz").await.status, 200, "probes are answered all the same");
    drop(held);
    until("there is room again", async || router.client().get("/v1/models").await.status == 200).await;
}

#[tokio::test]
async fn a_client_that_takes_nothing_is_cut_and_its_provider_let_go() {
    let fast = mock("endless burst=100").await;
    let router = one("openai", &fast, &[("write_timeout", "300ms")]);
    let socket = TcpSocket::new_v4().expect("there are sockets");
    socket.set_recv_buffer_size(4096).expect("the system allows it");
    let mut stream: TcpStream = socket.connect(router.address()).await.expect("it listens");
    let body = body(true);
    let head = format!("POST {CHAT} HTTP/1.1\r\nhost: r\r\ncontent-length: {}\r\n\r\n", body.len());
    stream.write_all(head.as_bytes()).await.expect("it takes the request");
    stream.write_all(&body).await.expect("it takes the request");
    until("the request is under way", async || fast.stats().requests == 1).await;
    until("the provider is let go", async || fast.stats().in_flight == 0 && router.in_flight() == 0).await;
    until("the connection is closed", async || router.running().shared().connections() == 0).await;
    drop(stream.read(&mut [0; 16]).await);
}
