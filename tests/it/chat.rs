//! Chat through the router: untouched bytes, streams, and providers that take over from each other.

use bytes::Bytes;
use http::{Method, Request};
use http_body_util::BodyExt as _;
use llm_router_mock::{Mock, Script};
use llm_router_tests::{Provider, Router, models, until};
use serde_json::{Value, json};

fn ask(stream: bool) -> String {
    json!({"model": "m", "stream": stream, "messages": [{"role": "user", "content": "one two three"}]}).to_string()
}

fn script(text: &str) -> Script {
    Script::parse(text).expect("tests write well-formed scripts")
}

#[tokio::test]
async fn an_answer_comes_through_on_every_path_of_the_original() {
    let mock = Mock::spawn(Script::default()).await.unwrap();
    let router = Router::start(&models([("m", vec![Provider::new("a", "vllm", &mock.url())])]), &[]);
    for path in ["/api/chat/completions", "/chat/completions", "/v1/chat/completions"] {
        let reply = router.client().post(path, ask(false)).await;
        assert_eq!(reply.status, 200, "{path}: {}", reply.text());
        assert_eq!(reply.json()["choices"][0]["message"]["content"], "You said: one two three", "{path}");
        let reply = router.client().post(path, ask(true)).await;
        assert_eq!(reply.events().last().map(String::as_str), Some("[DONE]"), "{path}: {}", reply.text());
    }
    let ollama = Router::start(&models([("m", vec![Provider::new("o", "ollama", &mock.url())])]), &[]);
    let reply = ollama.client().post("/api/chat", ask(false)).await;
    assert_eq!(reply.json()["message"]["content"], "You said: one two three");
    until("all leases are settled", async || router.in_flight() == 0 && ollama.in_flight() == 0).await;
}

#[tokio::test]
async fn the_provider_sees_its_own_model_name_and_every_other_byte_as_sent() {
    let mock = Mock::spawn(Script::default()).await.unwrap();
    let provider = Provider::new("a", "openai", &mock.url()).with("model_path", "org/real").with("api_token", "sk-x");
    let router = Router::start(&models([("m", vec![provider])]), &[]);
    let body =
        r#"{ "messages":[{"role":"user","content":"hi"}], "model" : "m" ,"temperature":1.0, "x_unknown":[1e3] }"#;
    assert_eq!(router.client().post("/v1/chat/completions", body).await.status, 200);
    let seen = mock.requests().pop().unwrap();
    assert_eq!(String::from_utf8_lossy(&seen.body), body.replace("\"m\"", "\"org/real\""));
    assert_eq!(seen.headers["authorization"], "Bearer sk-x");
}

#[tokio::test]
async fn requests_go_round_and_a_dead_provider_fails_none() {
    let (a, b) = (Mock::spawn(Script::default()).await.unwrap(), Mock::spawn(Script::default()).await.unwrap());
    let providers = vec![
        Provider::new("a", "openai", &a.url()),
        Provider::new("gone", "openai", "http://127.0.0.1:1"),
        Provider::new("b", "openai", &b.url()),
    ];
    let router = Router::start(&models([("m", providers)]), &[]);
    for _ in 0..30 {
        let reply = router.client().post("/v1/chat/completions", ask(true)).await;
        assert_eq!((reply.status.as_u16(), reply.whole), (200, true));
    }
    let (a, b) = (a.requests().len(), b.requests().len());
    assert_eq!(a + b, 30);
    assert!(a.abs_diff(b) <= 6, "{a} and {b}");
}

#[tokio::test]
async fn when_all_fail_the_client_is_told_so_without_an_address() {
    let providers =
        vec![Provider::new("a", "openai", "http://127.0.0.1:1"), Provider::new("b", "openai", "http://127.0.0.1:2")];
    let router = Router::start(&models([("m", providers)]), &[]);
    let reply = router.client().post("/v1/chat/completions", ask(false)).await;
    assert_eq!(reply.status, 502);
    let error = reply.json()["error"].clone();
    assert_eq!(error["code"], "provider_unreachable");
    assert!(!reply.text().contains("127.0.0.1"), "{}", reply.text());
    assert_eq!(error["message"], "no provider of the model 'm' answered (2 tried): cannot connect");
}

#[tokio::test]
async fn a_refusal_of_one_provider_goes_to_the_next_and_the_last_one_is_passed_on() {
    let busy = Mock::spawn(script("status=429 retry-after=7")).await.unwrap();
    let well = Mock::spawn(Script::default()).await.unwrap();
    let both = vec![Provider::new("busy", "openai", &busy.url()), Provider::new("well", "openai", &well.url())];
    let router = Router::start(&models([("m", both), ("b", vec![Provider::new("c", "openai", &busy.url())])]), &[]);
    assert_eq!(router.client().post("/v1/chat/completions", ask(false)).await.status, 200);
    let reply = router.client().post("/v1/chat/completions", ask(false).replace("\"m\"", "\"b\"")).await;
    assert_eq!(reply.status, 429);
    assert_eq!(reply.headers["retry-after"], "7");
}

#[tokio::test]
async fn the_first_chunk_arrives_before_the_second_is_made() {
    let mock = Mock::spawn(script("token-delay=60s")).await.unwrap();
    let router = Router::start(&models([("m", vec![Provider::new("a", "openai", &mock.url())])]), &[]);
    let request = Request::builder().method(Method::POST).uri("/v1/chat/completions").body(Bytes::from(ask(true)));
    let mut body = router.client().open(request.unwrap()).await.into_body();
    let first = body.frame().await.unwrap().unwrap().into_data().unwrap();
    assert!(first.starts_with(b"data: {"), "{first:?}");
    assert_eq!(router.in_flight(), 1);
    drop(body);
    until("the provider sees the client go", async || mock.stats().aborted == 1).await;
    until("the lease is settled", async || router.in_flight() == 0).await;
}

#[tokio::test]
async fn lists_have_the_shape_of_their_dialect_and_name_no_host() {
    let router = Router::start(&models([("m/x", vec![Provider::new("a", "vllm", "http://10.1.2.3:8000")])]), &[]);
    let client = router.client();
    for path in ["/models", "/v1/models", "/api/openai/models", "/api/v0/models"] {
        let reply = client.get(path).await;
        assert_eq!(reply.json()["data"][0]["id"], "m/x", "{path}");
        assert!(!reply.text().contains("10.1.2.3"), "{path}");
    }
    for path in ["/api/tags", "/api/ollama/tags"] {
        let reply = client.get(path).await;
        assert_eq!(reply.json()["models"][0]["name"], "m/x", "{path}");
        assert!(!reply.text().contains("10.1.2.3"), "{path}");
    }
    assert_eq!(client.get("/v1/models/m/x").await.json()["id"], "m/x");
    assert_eq!(client.get("/v1/models/m%2Fx").await.json()["id"], "m/x");
    assert_eq!(client.get("/v1/models/nope").await.status, 404);
    assert_eq!(client.get("/api/ping").await.json(), json!({"status": true, "body": "pong"}));
    for path in ["/", "/api/ollama/"] {
        assert_eq!(client.get(path).await.text(), "Ollama is running");
    }
    let head = client.send(Request::head("/v1/models").body(Bytes::new()).unwrap()).await;
    assert_eq!((head.status.as_u16(), head.body.len()), (200, 0));
    let _: Value = client.post("/api/v0/models", "").await.json();
}

#[tokio::test]
async fn a_field_the_provider_cannot_carry_is_named_or_refused_as_the_settings_say() {
    let mock = Mock::spawn(Script::default()).await.unwrap();
    let body = r#"{"model":"m","seed":7,"messages":[{"role":"user","content":"hi"}]}"#;
    let config = models([("m", vec![Provider::new("a", "anthropic", &mock.url())])]);
    let reply = Router::start(&config, &[]).client().post("/v1/chat/completions", body).await;
    assert_eq!((reply.status.as_u16(), &reply.headers["x-llm-router-dropped"]), (200, &"seed".parse().unwrap()));
    let strict = Router::start(&config, &[("unsupported", "reject")]);
    let reply = strict.client().post("/v1/chat/completions", body).await;
    assert_eq!((reply.status.as_u16(), &reply.json()["error"]["param"]), (400, &json!("seed")), "{}", reply.text());
    let mut own = config;
    own["tests"]["m"]["unsupported"] = json!("drop");
    let own = Router::start(&own, &[("unsupported", "reject")]);
    assert_eq!(own.client().post("/v1/chat/completions", body).await.status, 200, "a model's own word counts more");
}

#[tokio::test]
async fn the_line_for_a_busy_provider_is_as_long_as_the_settings_say() {
    let mock = Mock::spawn(script("head-delay=60s")).await.unwrap();
    let config = models([("m", vec![Provider::new("a", "vllm", &mock.url()).with("max_concurrency", 1)])]);
    for (settings, reason) in [
        ([("queue_size", "0"), ("queue_timeout", "60")], "all of its providers are busy"),
        ([("queue_size", "8"), ("queue_timeout", "50ms")], "no provider became free in time"),
    ] {
        mock.clear();
        let router = Router::start(&config, &settings);
        let client = router.client();
        let first = tokio::spawn(async move { client.post("/v1/chat/completions", ask(false)).await });
        until("the provider is busy", async || mock.stats().in_flight == 1).await;
        let reply = router.client().post("/v1/chat/completions", ask(false)).await;
        assert_eq!(reply.status, 503, "{}", reply.text());
        assert!(reply.text().contains(reason) && reply.headers.contains_key("retry-after"), "{}", reply.text());
        first.abort();
        until("the provider is let go", async || mock.stats().in_flight == 0).await;
    }
}

#[tokio::test]
async fn an_ollama_server_is_told_what_its_operator_wants_unless_the_client_says() {
    let mock = Mock::spawn(Script::default()).await.unwrap();
    let provider = Provider::new("a", "ollama", &mock.url()).with("keep_alive", "5m").with("num_ctx", 8192);
    let router = Router::start(&models([("m", vec![provider])]), &[]);
    let own = r#"{"model":"m","keep_alive":0,"options":{"num_ctx":99},"messages":[{"role":"user","content":"hi"}]}"#;
    let limited = r#"{"model":"m","max_tokens":50,"messages":[{"role":"user","content":"hi"}]}"#;
    let article = r#"{"model":"m","text":"hi"}"#;
    for (path, body, wanted) in [
        ("/api/chat", ask(false), (json!("300s"), json!(8192))),
        ("/api/chat", own.to_owned(), (json!(0), json!(99))),
        ("/v1/chat/completions", ask(false), (json!("300s"), json!(8192))),
        ("/v1/messages", limited.to_owned(), (json!("300s"), json!(8192))),
        ("/api/generate_article_from_text", article.to_owned(), (json!("300s"), json!(8192))),
    ] {
        assert_eq!(router.client().post(path, body).await.status, 200, "{path}");
        let sent: Value = serde_json::from_slice(&mock.requests().pop().unwrap().body).unwrap();
        assert_eq!((sent["keep_alive"].clone(), sent["options"]["num_ctx"].clone()), wanted, "{path}");
        assert!(path != "/v1/messages" || sent["options"]["num_predict"] == 50, "{sent}");
    }
}
