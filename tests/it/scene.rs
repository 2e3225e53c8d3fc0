//! A router to which everything happens that leaves a trace in what operators see: answers, a take-over, refusals,
//! an answer that breaks off, and a client that leaves.

use bytes::Bytes;
use http::Request;
use http_body_util::BodyExt as _;
use llm_router_mock::{Mock, MockServer, Script};
use llm_router_tests::{Provider, Router, models};
use serde_json::json;

/// The router, and what stands behind it.
pub(crate) struct Scene {
    /// The router; it serves its metrics.
    pub(crate) router: Router,
    _mocks: Vec<MockServer>,
}

impl Scene {
    /// Starts all of it.
    pub(crate) async fn open() -> Self {
        let mut mocks = Vec::new();
        let mut mock = async |script: &str| {
            let script = Script::parse(script).expect("the script is well formed");
            let server = Mock::spawn(script).await.expect("a port is free");
            let url = server.url();
            mocks.push(server);
            url
        };
        let both = vec![
            Provider::new("busy", "openai", &mock("status=503").await).with("tier", 0),
            Provider::new("well", "vllm", &mock("").await).with("tier", 1),
        ];
        let all = models([
            ("m", both),
            ("down", vec![Provider::new("gone", "openai", "http://127.0.0.1:1")]),
            ("short", vec![Provider::new("breaks", "openai", &mock("cut=event:2").await)]),
            ("other", vec![Provider::new("foreign", "anthropic", &mock("").await)]),
            ("long", vec![Provider::new("slow", "openai", &mock("token-delay=20ms endless").await)]),
        ]);
        Self { router: Router::start(&all, &[("use_prometheus", "true"), ("admin_port", "0")]), _mocks: mocks }
    }

    /// Has everything happen once.
    pub(crate) async fn play(&self) {
        let client = self.router.client();
        for (model, stream) in [("m", true), ("m", false), ("other", false)] {
            assert_eq!(client.send(ask(model, stream)).await.status, 200);
        }
        // What these get depends on what the router has learned of their providers.
        for model in ["down", "nope", "short"] {
            client.send(ask(model, true)).await;
        }
        // Left before its end.
        let mut long = client.open(ask("long", true)).await.into_body();
        assert!(long.frame().await.is_some_and(|frame| frame.is_ok()), "the long answer begins");
    }
}

fn ask(model: &str, stream: bool) -> Request<Bytes> {
    let body = json!({"model": model, "stream": stream, "messages": [{"role": "user", "content": "hi"}]}).to_string();
    let request = Request::post("/v1/chat/completions").header("content-type", "application/json");
    request.body(body.into()).expect("the request is well formed")
}
