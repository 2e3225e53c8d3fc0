//! `on_disconnect = "drain"`: an answer whose client has gone is read to its end, within bounds; by default it is not.

use std::time::Duration;

use llm_router_mock::{Mock, MockServer, Script};
use llm_router_tests::{Provider, Router, models, until};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};

const CHAT: &str = "/v1/chat/completions";

async fn mock(script: &str) -> MockServer {
    Mock::spawn(Script::parse(script).expect("the script is well-formed")).await.expect("a port is free")
}

/// A model `m` that drains and a model `n` that says nothing.
fn served(mock: &MockServer, most: u32) -> Value {
    let provider = || Provider::new("a", "openai", &mock.url()).with("max_concurrency", most);
    let mut served = models([("m", vec![provider()]), ("n", vec![provider()])]);
    served["tests"]["m"]["on_disconnect"] = json!("drain");
    served
}

fn start(mock: &MockServer, settings: &[(&str, &str)]) -> Router {
    let settings: Vec<_> =
        [("probe_interval", "0"), ("use_prometheus", "true")].iter().chain(settings).copied().collect();
    Router::start(&served(mock, 100), &settings)
}

/// A client that has asked, and has read a little of the answer if it is a stream.
async fn ask(router: &Router, path: &str, model: &str, stream: bool) -> TcpStream {
    let body = json!({"model": model, "stream": stream, "max_tokens": 50,
        "messages": [{"role": "user", "content": "one two three"}]})
    .to_string();
    let request = format!("POST {path} HTTP/1.1\r\nhost: r\r\ncontent-length: {}\r\n\r\n{body}", body.len());
    let mut client = TcpStream::connect(router.address()).await.expect("it listens");
    client.write_all(request.as_bytes()).await.expect("it takes the request");
    if stream {
        let got = timeout(Duration::from_secs(10), client.read(&mut [0; 64])).await;
        assert!(got.is_ok_and(|got| got.is_ok_and(|size| size > 0)), "the stream has begun");
    }
    client
}

fn outcomes(router: &Router) -> Vec<&'static str> {
    router.finished().iter().map(|facts| facts.outcome.name()).collect()
}

#[tokio::test]
async fn an_answer_without_its_client_is_read_to_its_end_and_its_lease_held_meanwhile() {
    // The second way is translated; the client leaves inside the stream, or before there is a head.
    let ways = [
        (CHAT, true, "tokens=40 token-delay=50ms"),
        ("/v1/messages", true, "tokens=40 token-delay=50ms"),
        ("/api/chat", true, "tokens=40 token-delay=50ms"),
        (CHAT, false, "head-delay=2s"),
        ("/v1/messages", false, "head-delay=2s"),
    ];
    for way in ways.map(|way| tokio::spawn(is_read_to_its_end(way))) {
        way.await.expect("it is read to its end");
    }
}

async fn is_read_to_its_end((path, stream, script): (&'static str, bool, &'static str)) {
    let mock = mock(&format!("usage=always {script}")).await;
    let router = start(&mock, &[]);
    let client = ask(&router, path, "m", stream).await;
    mock.wait_for(Duration::from_secs(10), |stats| stats.in_flight == 1).await.expect("the provider is asked");
    drop(client);
    until("the client's connection is closed", async || router.running().shared().connections() == 0).await;
    assert_eq!((router.in_flight(), mock.stats().in_flight), (1, 1), "{path}: the lease is held while it is read");
    until("the answer is read", async || router.finished().len() == 1).await;
    until("nothing is under way", async || router.in_flight() == 0 && mock.stats().in_flight == 0).await;
    let stats = mock.stats();
    assert_eq!((stats.finished, stats.aborted), (1, 0), "{path}: {stats:?}");
    let facts = &router.finished()[0];
    assert_eq!(facts.outcome.name(), "drained", "{path}");
    assert!(facts.usage.as_ref().is_some_and(|usage| usage.output > 0), "{path}: {:?}", facts.usage);
    let state = router.running().shared().state().clone();
    let pool = state.pools().find(|pool| &*pool.model.name == "m").expect("it is served");
    assert_eq!(pool.balancer.status()[0].succeeded, 1, "{path}: it counts as a success");
    let page = router.client().get("/metrics").await.text();
    let drained = page.lines().find(|line| line.starts_with("llm_router_drained_total{") && line.contains("\"m\""));
    assert!(drained.is_some_and(|line| line.ends_with(" 1")), "{path}: {drained:?}");
}

#[tokio::test]
async fn other_models_and_requests_in_line_are_let_go_at_once() {
    let mock = mock("head-delay=60s").await;
    let router = Router::start(&served(&mock, 1), &[("probe_interval", "0")]);
    let client = ask(&router, CHAT, "n", false).await;
    until("the provider is asked", async || mock.stats().in_flight == 1).await;
    drop(client);
    until("it is let go", async || mock.stats().in_flight == 0 && router.in_flight() == 0).await;
    // Of two for the same place the second one waits; when it leaves, there is nothing to read.
    let first = ask(&router, CHAT, "m", false).await;
    until("the provider is asked", async || mock.stats().in_flight == 1).await;
    let second = ask(&router, CHAT, "m", false).await;
    let queued = || router.running().shared().state().pools().map(llm_router_endpoints::Pool::queued).sum::<u32>();
    until("the second waits", async || queued() == 1).await;
    drop(second);
    until("it leaves the line", async || queued() == 0 && router.finished().len() == 2).await;
    assert_eq!(outcomes(&router), ["cancelled", "cancelled"]);
    assert_eq!(mock.stats().requests, 2);
    drop(first);
}

#[tokio::test]
async fn what_is_read_for_nobody_is_bounded_in_time_and_size() {
    for bound in [("on_disconnect_timeout", "200ms"), ("on_disconnect_size", "3000")] {
        let mock = mock("endless token-delay=1ms").await;
        let router = start(&mock, &[bound]);
        drop(ask(&router, CHAT, "m", true).await);
        until("it is let go", async || mock.stats().aborted == 1 && router.in_flight() == 0).await;
        until("it is reported", async || outcomes(&router) == ["cancelled"]).await;
    }
    let silent = mock("head-delay=60s").await;
    let router = start(&silent, &[("on_disconnect_timeout", "200ms")]);
    let client = ask(&router, CHAT, "m", false).await;
    until("the provider is asked", async || silent.stats().in_flight == 1).await;
    drop(client);
    until("it is let go", async || silent.stats().aborted == 1 && router.in_flight() == 0).await;
    assert_eq!(outcomes(&router), ["cancelled"]);
}

#[tokio::test]
async fn a_provider_that_breaks_off_for_nobody_is_blamed_all_the_same() {
    let mock = mock("tokens=20 token-delay=10ms cut=event:8").await;
    let router = start(&mock, &[("on_disconnect", "drain")]);
    drop(ask(&router, CHAT, "n", true).await);
    until("it is reported", async || outcomes(&router) == ["truncated"]).await;
    assert_eq!(router.in_flight(), 0);
}
