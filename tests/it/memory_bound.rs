//! Memory for bodies is bounded over all requests: what finds no room is refused early, by a reason that programs can
//! read, and what was held is given back.

use bytes::Bytes;
use http::{Method, Request};
use llm_router_mock::{Mock, MockServer, Script};
use llm_router_tests::{Provider, Reply, Router, models, until};
use serde_json::json;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

const CHAT: &str = "/v1/chat/completions";
/// A question to a text endpoint.
const ASK: &str = r#"{"model_name":"m","user_last_statement":"hi","max_new_tokens":200000}"#;

async fn start(script: &str, settings: &[(&str, &str)]) -> (MockServer, Router) {
    start_of("openai", script, settings).await
}

async fn start_of(kind: &str, script: &str, settings: &[(&str, &str)]) -> (MockServer, Router) {
    let mock = Mock::spawn(Script::parse(script).expect("the script is well-formed")).await.expect("a port is free");
    let settings: Vec<_> =
        [("probe_interval", "0"), ("use_prometheus", "true")].iter().chain(settings).copied().collect();
    let providers = ["a", "b"].map(|id| Provider::new(id, kind, &mock.url()));
    let router = Router::start(&models([("m", providers.into())]), &settings);
    (mock, router)
}

/// A question of about this size.
fn question(size: usize) -> Bytes {
    json!({"model": "m", "max_tokens": 200_000, "messages": [{"role": "user", "content": "a".repeat(size)}]})
        .to_string()
        .into()
}

fn held(router: &Router) -> usize {
    router.running().shared().state().memory.held()
}

fn is_full(reply: &Reply) -> bool {
    let code = &reply.json()["error"]["code"];
    reply.status == 503 && code == "router_memory_full" && reply.headers["retry-after"] == "1"
}

#[tokio::test]
async fn a_request_that_finds_no_room_is_refused_before_it_is_read() {
    let (mock, router) = start("head-delay=60s", &[("max_buffered_size", "300000")]).await;
    let request = |size| Request::builder().method(Method::POST).uri(CHAT).body(question(size)).expect("well-formed");
    let client = router.client();
    let first = tokio::spawn(async move { client.open(request(200_000)).await });
    until("the provider is asked", async || mock.stats().in_flight == 1).await;
    let before = held(&router);
    assert!((200_000..210_000).contains(&before), "{before} bytes");
    let page = router.client().get("/metrics").await.text();
    assert!(page.contains(&format!("llm_router_buffered_bytes {before}\n")), "{page}");
    // Announced alone: not a byte of the body is sent.
    let mut early = TcpStream::connect(router.address()).await.expect("it listens");
    let head = format!("POST {CHAT} HTTP/1.1\r\nhost: r\r\ncontent-length: 150000\r\n\r\n");
    early.write_all(head.as_bytes()).await.expect("it takes the head");
    let mut answer = String::new();
    early.read_to_string(&mut answer).await.expect("it answers and closes");
    assert!(answer.starts_with("HTTP/1.1 503 ") && answer.contains("router_memory_full"), "{answer}");
    // In chunks nothing is announced: it is refused where it stops to fit.
    let mut chunks = TcpStream::connect(router.address()).await.expect("it listens");
    let body = format!("{:x}\r\n{}\r\n0\r\n\r\n", 150_000, "a".repeat(150_000));
    let head = format!("POST {CHAT} HTTP/1.1\r\nhost: r\r\ntransfer-encoding: chunked\r\n\r\n");
    // It may be refused before all of it is sent.
    drop(chunks.write_all([head, body].concat().as_bytes()).await);
    let mut answer = Vec::new();
    drop(chunks.read_to_end(&mut answer).await);
    assert!(answer.is_empty() || answer.starts_with(b"HTTP/1.1 503 "), "{}", String::from_utf8_lossy(&answer));
    assert!(is_full(&router.client().post(CHAT, question(150_000)).await));
    assert_eq!(router.client().get("/readyz").await.status, 200, "probes are answered all the same");
    assert_eq!(held(&router), before, "what was refused is not held");
    first.abort();
    until("all is given back", async || held(&router) == 0 && router.in_flight() == 0).await;
    let page = router.client().get("/metrics").await.text();
    assert!(page.contains("llm_router_refused_total{reason=\"router_memory_full\"}"), "{page}");
    assert_eq!(mock.stats().requests, 1);
}

#[tokio::test]
async fn an_answer_that_finds_no_room_is_refused_and_its_provider_not_blamed() {
    let (mock, router) = start("size=400000", &[("max_buffered_size", "300000")]).await;
    for (path, body) in
        [("/v1/messages", question(10)), ("/api/conversation_with_model", Bytes::from_static(ASK.as_bytes()))]
    {
        let requests = mock.stats().requests;
        let reply = router.client().post(path, body).await;
        // Anthropic has a status of its own for it.
        assert!(matches!(reply.status.as_u16(), 503 | 529), "{path}: {}", reply.text());
        assert!(reply.text().contains("may hold no more"), "{path}: {}", reply.text());
        assert_eq!(mock.stats().requests, requests + 1, "{path}: no other provider is asked");
        until("all is given back", async || held(&router) == 0 && router.in_flight() == 0).await;
    }
    let state = router.running().shared().state().clone();
    let failed: u64 = state.pools().flat_map(|pool| pool.balancer.status()).map(|status| status.failed).sum();
    assert_eq!(failed, 0);
    // Untouched it passes through, piece by piece.
    let reply = router.client().post(CHAT, question(10)).await;
    assert!(reply.status == 200 && reply.whole && reply.body.len() > 400_000);
}

#[tokio::test]
async fn a_stream_that_keeps_more_than_there_is_room_for_ends_with_an_error() {
    // The last event of a response tells all of it again, so all of it is kept.
    let (_mock, router) = start_of("ollama", "size=40000", &[("max_buffered_size", "30000")]).await;
    let body = r#"{"model":"m","stream":true,"max_output_tokens":200000,"input":"hi"}"#;
    let reply = router.client().post("/v1/responses", body).await;
    let text = reply.text();
    assert!(reply.status == 200 && !reply.whole, "{text:.300}");
    assert!(text.contains("router_memory_full") && !text.contains("event: response.completed"), "{text:.300}");
    until("all is given back", async || held(&router) == 0 && router.in_flight() == 0).await;
    // Where nothing is kept there is no need of room.
    let body = question(10).slice(1..);
    let body = [&br#"{"stream":true,"#[..], &body].concat();
    let reply = router.client().post("/v1/messages", body).await;
    assert!(reply.status == 200 && reply.whole && reply.body.len() > 40_000, "{:.300}", reply.text());
    let state = router.running().shared().state().clone();
    let failed: u64 = state.pools().flat_map(|pool| pool.balancer.status()).map(|status| status.failed).sum();
    assert_eq!(failed, 0);
}

#[tokio::test]
async fn an_answer_larger_than_its_own_limit_counts_as_broken() {
    let (_mock, router) = start("size=400000", &[("max_answer_size", "300000")]).await;
    let reply = router.client().post("/v1/messages", question(10)).await;
    assert_eq!(reply.status, 502, "{}", reply.text());
    let reply = router.client().post("/api/conversation_with_model", ASK).await;
    assert_eq!(reply.status, 502, "{}", reply.text());
    until("all is given back", async || held(&router) == 0).await;
}

#[tokio::test]
async fn a_crowd_never_holds_more_than_the_limit() {
    const LIMIT: usize = 1_000_000;
    let (_mock, router) = start("head-delay=20ms", &[("max_buffered_size", &LIMIT.to_string())]).await;
    let crowd: Vec<_> = (0..60)
        .map(|_| {
            let client = router.client();
            tokio::spawn(async move { client.post("/v1/messages", question(90_000)).await })
        })
        .collect();
    let mut most = 0;
    while crowd.iter().any(|one| !one.is_finished()) {
        most = most.max(held(&router));
        tokio::time::sleep(std::time::Duration::from_millis(1)).await;
    }
    let (mut good, mut refused) = (0, 0);
    for one in crowd {
        match one.await.expect("it is answered").status.as_u16() {
            200 => good += 1,
            503 | 529 => refused += 1,
            other => panic!("status {other}"),
        }
    }
    println!("{good} answered, {refused} refused, at most {most} bytes held");
    assert!(good > 0 && most <= LIMIT, "{most}");
    until("all is given back", async || held(&router) == 0).await;
}
