//! Bodies of the right form with hostile values: no depth, number, text or name breaks anything, and nothing a client
//! or a provider writes becomes a header.

use llm_router_mock::{Mock, Script};
use llm_router_tests::{Provider, Reply, Router, models, until};
use serde_json::json;

/// Where clients ask, and the field that holds their text.
const WAYS: [(&str, &str); 7] = [
    ("/v1/chat/completions", "messages"),
    ("/api/v0/chat/completions", "messages"),
    ("/v1/completions", "prompt"),
    ("/api/chat", "messages"),
    ("/api/generate", "prompt"),
    ("/v1/messages", "messages"),
    ("/v1/responses", "input"),
];

/// A model of each provider type, so that every way is translated somewhere.
const TYPES: [&str; 3] = ["openai", "ollama", "anthropic"];

/// Values of any field, in JSON.
fn values() -> Vec<String> {
    let deep = |open: &str, close: &str| format!("{}1{}", open.repeat(100_000), close.repeat(100_000));
    vec![
        deep("[", "]"),
        deep(r#"{"a":"#, "}"),
        deep(r#"[{"role":"user","content":"#, "}]"),
        "[".repeat(100_000),
        r#""\ud800""#.to_owned(),
        r#""\udc00\ud800""#.to_owned(),
        r#""\u0000""#.to_owned(),
        r#"[{"role":"user","content":"\ud83d"}]"#.to_owned(),
        r#"[{"role":"user\r\nx-evil: 1","content":"hi"}]"#.to_owned(),
        r#"[{"role":"user","content":[{"type":"image_url","image_url":{"url":"http://127.0.0.1:1/x"}}]}]"#.to_owned(),
        r#"[{"role":"user","content":[{"type":"image_url","image_url":{"url":"data:image/png;base64,***"}}]}]"#
            .to_owned(),
        "1e999999".to_owned(),
        "-1e999999".to_owned(),
        "123456789012345678901234567890".to_owned(),
        "-0.0000000000000000000000000000000000001".to_owned(),
        format!("1{}", "0".repeat(50_000)),
        "NaN".to_owned(),
        "null".to_owned(),
        r#"{"":{"":null}}"#.to_owned(),
    ]
}

async fn start() -> (llm_router_mock::MockServer, Router) {
    let mock = Mock::spawn(Script::default()).await.expect("a port is free");
    let served = TYPES.map(|kind| (kind, vec![Provider::new("p", kind, &mock.url())]));
    let settings = [("max_request_body_size", "3000000"), ("probe_interval", "0")];
    (mock, Router::start(&models(served), &settings))
}

/// What is wrong with the answer to a hostile value, if anything.
fn wrong(reply: &Reply) -> Option<&'static str> {
    if !reply.whole {
        return Some("the answer broke off");
    }
    if reply.status.as_u16() >= 500 {
        return Some("it is taken for a fault of somebody else");
    }
    if reply.headers.contains_key("x-evil") {
        return Some("a header slipped through");
    }
    (reply.status.as_u16() >= 400 && serde_json::from_slice::<serde_json::Value>(&reply.body).is_err())
        .then_some("an error without a body that programs can read")
}

#[tokio::test]
async fn no_value_of_any_field_breaks_anything() {
    let (_mock, router) = start().await;
    let mut found = Vec::new();
    let mut statuses = std::collections::BTreeMap::<u16, u32>::new();
    for (path, text) in WAYS {
        for model in TYPES {
            for value in values() {
                for field in [text, "max_tokens", "tools", "response_format"] {
                    let body = format!(r#"{{"model":"{model}","{field}":{value}}}"#);
                    let reply = router.client().post(path, body).await;
                    *statuses.entry(reply.status.as_u16()).or_default() += 1;
                    found.extend(
                        wrong(&reply).map(|why| format!("{path} {model} {field}={value:.60}: {why}: {}", reply.text())),
                    );
                }
            }
        }
    }
    println!("{statuses:?}");
    assert!(found.is_empty(), "{} of them:\n{:.6000}", found.len(), found.join("\n"));
    until("nothing is under way", async || router.in_flight() == 0).await;
}

#[tokio::test]
async fn no_name_becomes_a_header() {
    let mock = Mock::spawn(Script::default()).await.expect("a port is free");
    let name = "m\r\nx-evil: 1\r\n\r\n\u{0}ü\"\\";
    let served = models([(name, vec![Provider::new(name, "openai", &mock.url())])]);
    let router = Router::start(&served, &[("response_details", "true"), ("use_prometheus", "true")]);
    let field = "f\r\nx-evil: 1";
    for stream in [false, true] {
        let body = json!({"model": name, "stream": stream, "max_tokens": 9, field: 1, "top_k": 1,
            "messages": [{"role": "user", "content": "hi"}]});
        for path in ["/v1/chat/completions", "/v1/messages", "/api/chat"] {
            let reply = router.client().post(path, body.to_string()).await;
            assert!(reply.status == 200 && reply.whole, "{path}: {}", reply.text());
            assert!(!reply.headers.contains_key("x-evil"), "{path}: {:?}", reply.headers);
        }
    }
    let page = router.client().get("/metrics").await.text();
    let named: Vec<_> = page.lines().filter(|line| line.contains("x-evil")).collect();
    assert!(!named.is_empty(), "the metrics name the model");
    for line in named {
        assert!(line.starts_with("llm_router_") && line.contains(r"\nx-evil"), "{line}");
    }
}
