//! The end of a router: not ready at once, nothing new, streams to their end or to an honest one.

use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Method, Request};
use llm_router_mock::{Mock, MockServer, Script};
use llm_router_tests::{Client, Provider, Reply, Router, models, until};
use tokio::{net::TcpStream, task::JoinHandle};

async fn mock(script: &str) -> MockServer {
    Mock::spawn(Script::parse(script).expect("tests write well-formed scripts")).await.expect("a port is free")
}

fn start(kind: &str, mock: &MockServer) -> Router {
    Router::start(&models([("m", vec![Provider::new("a", kind, &mock.url())])]), &[("admin_port", "0")])
}

/// A chat under way, over one of the two streaming dialects or without a stream.
async fn under_way(router: &Router, path: &str, stream: bool, mock: &MockServer) -> JoinHandle<Reply> {
    let body = format!(r#"{{"model":"m","stream":{stream},"messages":[{{"role":"user","content":"hi"}}]}}"#);
    let request = Request::builder().method(Method::POST).uri(path).body(Bytes::from(body));
    let (client, request) = (router.client(), request.expect("the request is well-formed"));
    let sent = tokio::spawn(async move { client.send(request).await });
    until("the provider has the request", async || mock.stats().in_flight == 1).await;
    sent
}

#[tokio::test]
async fn a_draining_router_is_not_ready_takes_nothing_new_and_lets_streams_finish() {
    let mock = mock("tokens=5 token-delay=150ms").await;
    let router = start("openai", &mock);
    let stream = under_way(&router, "/v1/chat/completions", true, &mock).await;
    let admin = Client::new(router.running().admin_address().expect("there is one"));
    let begun = Instant::now();
    let drained = router.running().drain(Duration::from_secs(600));
    let watch = async {
        until("it is not ready", async || admin.get("/readyz").await.status == 503).await;
        until("it takes no connection", async || TcpStream::connect(router.address()).await.is_err()).await;
        assert_eq!(admin.get("/livez").await.status, 200);
    };
    let (drained, ()) = tokio::join!(drained, watch);
    assert!(drained, "all had ended by themselves");
    let reply = stream.await.expect("the client is well");
    assert!(reply.whole && reply.events().last().is_some_and(|last| last == "[DONE]"), "{}", reply.text());
    assert!(begun.elapsed() < Duration::from_secs(60), "it waits for the stream, not for the limit");
}

#[tokio::test]
async fn when_the_time_is_up_streams_end_with_an_error_event_and_a_cut() {
    for (kind, path, sign) in
        [("openai", "/v1/chat/completions", "\"code\":\"router_stopping\""), ("ollama", "/api/chat", "{\"error\":")]
    {
        let mock = mock("endless token-delay=20ms").await;
        let router = start(kind, &mock);
        let stream = under_way(&router, path, true, &mock).await;
        let drained = router.running().drain(Duration::from_millis(300)).await;
        assert!(!drained, "{path}: the stream had not ended");
        let reply = stream.await.expect("the client is well");
        assert!(!reply.whole, "{path}: a cut stream must not look like a whole one");
        assert!(reply.text().contains(sign), "{path}: {}", reply.text());
        assert!(!reply.text().contains("[DONE]"), "{path}");
        until("the lease is settled", async || router.in_flight() == 0).await;
        until("the provider is let go", async || mock.stats().in_flight == 0).await;
    }
}

#[tokio::test]
async fn when_the_time_is_up_a_request_without_an_answer_is_told_to_come_again() {
    let mock = mock("head-delay=60s").await;
    let router = start("openai", &mock);
    let call = under_way(&router, "/v1/chat/completions", false, &mock).await;
    router.running().drain(Duration::from_millis(50)).await;
    let reply = call.await.expect("the client is well");
    assert_eq!((reply.status.as_u16(), &reply.headers["retry-after"]), (503, &"1".parse().expect("a value")));
    assert_eq!(reply.json()["error"]["code"], "router_stopping");
}
