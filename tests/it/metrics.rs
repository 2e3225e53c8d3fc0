//! Metrics as Prometheus meets them: every family well formed, numbers that are true, and no series of a client's
//! making.

use std::{collections::BTreeSet, io::Write as _, net::SocketAddr, process::Stdio};

use bytes::Bytes;
use http::{Method, Request};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use llm_router_mock::{Mock, Script};
use llm_router_tests::{Provider, Router, models, tool, until};
use serde_json::json;
use tokio::net::TcpStream;

use crate::scene::Scene;

const ON: [(&str, &str); 1] = [("use_prometheus", "true")];

fn ask(model: &str, stream: bool) -> String {
    json!({"model": model, "stream": stream, "messages": [{"role": "user", "content": "one two three"}]}).to_string()
}

async fn page(router: &Router) -> String {
    let reply = router.client().get("/metrics").await;
    assert_eq!(reply.status, 200);
    assert_eq!(reply.headers["content-type"], "text/plain; version=0.0.4; charset=utf-8");
    reply.text()
}

/// The value of a sample, by the line's beginning.
fn value(page: &str, sample: &str) -> Option<f64> {
    page.lines().find_map(|line| line.strip_prefix(sample)?.strip_prefix(' ')?.parse().ok())
}

/// What the page has series of, values left out.
fn series(page: &str) -> BTreeSet<String> {
    page.lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| Some(line.rsplit_once(' ')?.0.to_owned()))
        .collect()
}

#[tokio::test]
async fn without_the_setting_there_is_no_such_route() {
    let router = Router::start(&models([("m", vec![Provider::new("a", "vllm", "http://127.0.0.1:1")])]), &[]);
    assert_eq!(router.client().get("/metrics").await.status, 404);
}

#[tokio::test]
async fn a_fallback_a_stream_and_a_refusal_are_all_counted_where_they_belong() {
    let (well, busy) = (
        Mock::spawn(Script::default()).await.unwrap(),
        Mock::spawn(Script::parse("status=503").unwrap()).await.unwrap(),
    );
    let both = vec![
        Provider::new("busy", "openai", &busy.url()).with("tier", 0),
        Provider::new("well", "ollama", &well.url()).with("tier", 1),
    ];
    let router = Router::start(&models([("m", both)]), &ON);
    let client = router.client();
    assert_eq!(client.post("/v1/chat/completions", ask("m", true)).await.status, 200);
    assert_eq!(client.post("/v1/chat/completions", ask("nope", true)).await.status, 404);
    until("both are settled", async || router.finished().len() == 2).await;
    let page = page(&router).await;
    let of = |sample: &str| value(&page, sample).unwrap_or_else(|| panic!("no {sample} in\n{page}"));
    let well = r#"provider_type="ollama",model_name="m",provider="well""#;
    assert_eq!(of(r#"http_requests_total{method="POST",endpoint="/v1/chat/completions",http_status="200"}"#), 1.0);
    assert_eq!(of(r#"http_requests_total{method="POST",endpoint="/v1/chat/completions",http_status="404"}"#), 1.0);
    assert_eq!(of(r#"llm_router_refused_total{reason="model_not_found"}"#), 1.0);
    assert_eq!(of(r#"llm_router_retry_total{model_name="m",error_code="503"}"#), 1.0);
    assert_eq!(of(&format!("llm_router_fallback_total{{{well}}}")), 1.0);
    assert_eq!(of(&format!("llm_router_provider_calls_total{{{well}}}")), 1.0);
    assert_eq!(of(&format!("llm_router_time_to_first_token_seconds_count{{{well}}}")), 1.0);
    assert_eq!(of(&format!("llm_router_time_between_tokens_seconds_count{{{well}}}")), 1.0);
    assert_eq!(of(&format!(r#"llm_router_response_format_total{{{well},format="streamed"}}"#)), 1.0);
    assert_eq!(of(r#"llm_router_requests_total{model_name="m",outcome="complete"}"#), 1.0);
    assert_eq!(of(r#"llm_router_provider_up{model_name="m",provider="busy"}"#), 0.0);
    assert_eq!(of(r#"llm_router_in_flight{model_name="m",provider="well"}"#), 0.0);
    assert!(of(&format!(r#"llm_router_tokens_total{{{well},direction="output"}}"#)) > 0.0, "{page}");
    assert_eq!(of("http_requests_in_progress"), 1.0, "the scrape itself");
    assert!(value(&page, r#"llm_router_overhead_seconds_count{stage="response"}"#) == Some(1.0), "{page}");
}

#[tokio::test]
async fn the_prefix_leads_there_too_and_a_scanner_adds_no_series() {
    let mock = Mock::spawn(Script::default()).await.unwrap();
    let router = Router::start(&models([("m", vec![Provider::new("a", "vllm", &mock.url())])]), &ON);
    assert_eq!(router.client().get("/api/metrics").await.status, 200);
    let mut scanner = Scanner::new(&router).await;
    scanner.scan(0, 1).await;
    page(&router).await;
    let before = series(&page(&router).await);
    let long = std::env::var("LLM_ROUTER_TESTS_LONG").is_ok_and(|long| !long.is_empty());
    scanner.scan(1, if long { 100_000 } else { 5_000 }).await;
    let after = series(&page(&router).await);
    // A histogram's buckets are all there from its first value on, so even the number of lines stays.
    assert_eq!(after.difference(&before).collect::<Vec<_>>(), Vec::<&String>::new());
}

/// Asks for what is not there, over connections that it keeps.
struct Scanner {
    address: SocketAddr,
    sender: SendRequest<Full<Bytes>>,
}

impl Scanner {
    async fn new(router: &Router) -> Self {
        Self { address: router.address(), sender: Self::connect(router.address()).await }
    }

    async fn connect(address: SocketAddr) -> SendRequest<Full<Bytes>> {
        let stream = TcpStream::connect(address).await.expect("it accepts");
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.expect("no I/O yet");
        tokio::spawn(async move { drop(connection.await) });
        sender
    }

    async fn send(&mut self, request: http::request::Builder, body: String, status: u16) {
        if self.sender.ready().await.is_err() {
            self.sender = Self::connect(self.address).await;
        }
        let request = request.header("host", "router.test").body(Full::new(Bytes::from(body))).expect("well formed");
        let reply = self.sender.send_request(request).await.expect("there is an answer");
        assert_eq!(reply.status(), status);
        reply.into_body().collect().await.expect("the answer is whole");
    }

    /// Every one of them has a path, a model, a method, a request id and a key that nobody has had before.
    async fn scan(&mut self, from: u32, to: u32) {
        for n in from..to {
            let kinds = if n == 0 { 0..3 } else { n % 3..n % 3 + 1 };
            for kind in kinds {
                let id = format!("id-{n}");
                self.one(kind, n, Request::builder().header("x-request-id", &id).header("x-api-key", &id)).await;
            }
        }
    }

    async fn one(&mut self, kind: u32, n: u32, request: http::request::Builder) {
        let method = |text: String| Method::from_bytes(text.as_bytes()).expect("a method is any word");
        match kind {
            0 => self.send(request.uri(format!("/wp-{n}/login.php?x={n}")), String::new(), 404).await,
            1 => {
                let request = request.method(Method::POST).uri("/v1/chat/completions");
                self.send(request, ask(&format!("gpt-{n}"), n.is_multiple_of(2)), 404).await;
            }
            _ => self.send(request.method(method(format!("M{n}"))).uri("/"), String::new(), 405).await,
        }
    }
}

/// Families of the Python version and what their series were told apart by.
const ORIGINAL: [(&str, &[&str]); 15] = [
    ("http_requests_total", &["method", "endpoint", "http_status"]),
    ("http_request_duration_seconds_bucket", &["method", "endpoint", "le"]),
    ("http_requests_in_progress", &[]),
    ("http_request_exceptions_total", &["method", "endpoint"]),
    ("http_request_size_bytes_bucket", &["method", "endpoint", "le"]),
    ("http_response_size_bytes_bucket", &["method", "endpoint", "http_status", "le"]),
    ("llm_router_provider_calls_total", &["provider_type", "model_name"]),
    ("llm_router_provider_latency_seconds_bucket", &["provider_type", "model_name", "le"]),
    ("llm_router_provider_error_total", &["provider_type", "model_name", "error_code"]),
    ("llm_router_lb_strategy_selected_total", &["strategy", "model_name"]),
    ("llm_router_pipeline_stage_total", &["stage", "result"]),
    ("llm_router_retry_total", &["model_name", "error_code"]),
    ("llm_router_retry_exhausted_total", &["model_name", "last_error_code"]),
    ("llm_router_tokens_total", &["model_name", "direction", "provider_type"]),
    ("llm_router_response_format_total", &["format", "model_name", "provider_type"]),
];

#[tokio::test]
async fn what_the_python_version_counted_is_counted_under_the_same_names_and_labels() {
    let scene = Scene::open().await;
    scene.play().await;
    let page = scene.router.client().get("/metrics").await.text();
    let conversion = ("llm_router_payload_conversion_total", &["from_type", "to_type"][..]);
    for (name, labels) in ORIGINAL.into_iter().chain([conversion]) {
        let of = |line: &&str| line.strip_prefix(name).is_some_and(|rest| rest.starts_with(['{', ' ']));
        let line = page.lines().find(of).unwrap_or_else(|| panic!("no {name} in\n{page}"));
        for label in labels {
            assert!(line.contains(&format!("{label}=\"")), "no {label} in {line}");
        }
    }
}

#[tokio::test]
async fn prometheus_own_linter_finds_nothing() {
    let mock = Mock::spawn(Script::default()).await.unwrap();
    let gone = Provider::new("gone", "openai", "http://127.0.0.1:1");
    let router = Router::start(&models([("m\"\\ü", vec![Provider::new("a", "vllm", &mock.url()), gone])]), &ON);
    for stream in [true, false, true, false] {
        assert_eq!(router.client().post("/v1/chat/completions", ask("m\"\\ü", stream)).await.status, 200);
    }
    let page = page(&router).await;
    let mut lint = tool("promtool", "prometheus")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    lint.stdin.take().unwrap().write_all(page.as_bytes()).unwrap();
    let lint = lint.wait_with_output().unwrap();
    let said = format!("{}{}", String::from_utf8_lossy(&lint.stdout), String::from_utf8_lossy(&lint.stderr));
    // Names of the Python version that a linter of today would choose otherwise stay as they are.
    let kept = ["llm_router_provider_error_total", "llm_router_retry_total"];
    let complaints: Vec<&str> = said.lines().filter(|line| !kept.iter().any(|name| line.starts_with(name))).collect();
    assert!(complaints.is_empty(), "{said}\n{page}");
}
