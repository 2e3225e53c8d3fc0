//! Every client dialect against every provider type, streamed and whole, over real sockets.

use llm_router_mock::{Mock, Script};
use llm_router_tests::{Provider, Reply, Router, models, until};
use serde_json::{Value, json};

const TYPES: [&str; 5] = ["openai", "vllm", "lmstudio", "ollama", "anthropic"];
const WANT: &str = "You said: one two three";

/// A way a client asks, and how it reads the text of its answer.
struct Way {
    path: &'static str,
    body: fn(bool) -> Value,
    whole: fn(&Value) -> &Value,
    piece: fn(&Value) -> &Value,
    /// What the last event of a stream looks like.
    end: fn(&str) -> bool,
}

fn turn(stream: bool) -> Value {
    json!({"model": "m", "stream": stream, "max_tokens": 100, "messages": [{"role": "user", "content": "one two three"}]})
}

fn prompt(stream: bool) -> Value {
    json!({"model": "m", "stream": stream, "max_tokens": 100, "prompt": "one two three"})
}

const WAYS: [Way; 7] = [
    Way {
        path: "/v1/chat/completions",
        body: turn,
        whole: |v| &v["choices"][0]["message"]["content"],
        piece: |v| &v["choices"][0]["delta"]["content"],
        end: |last| last == "[DONE]",
    },
    Way {
        path: "/api/v0/chat/completions",
        body: turn,
        whole: |v| &v["choices"][0]["message"]["content"],
        piece: |v| &v["choices"][0]["delta"]["content"],
        end: |last| last == "[DONE]",
    },
    Way {
        path: "/v1/completions",
        body: prompt,
        whole: |v| &v["choices"][0]["text"],
        piece: |v| &v["choices"][0]["text"],
        end: |last| last == "[DONE]",
    },
    Way {
        path: "/api/chat",
        body: turn,
        whole: |v| &v["message"]["content"],
        piece: |v| &v["message"]["content"],
        end: |last| last.contains(r#""done":true"#),
    },
    Way {
        path: "/api/generate",
        body: prompt,
        whole: |v| &v["response"],
        piece: |v| &v["response"],
        end: |last| last.contains(r#""done":true"#),
    },
    Way {
        path: "/v1/messages",
        body: turn,
        whole: |v| &v["content"][0]["text"],
        piece: |v| &v["delta"]["text"],
        end: |last| last.contains("message_stop"),
    },
    Way {
        path: "/v1/responses",
        body: |stream| json!({"model": "m", "stream": stream, "input": "one two three"}),
        whole: |v| &v["output"][0]["content"][0]["text"],
        piece: |v| if v["type"] == "response.output_text.delta" { &v["delta"] } else { &Value::Null },
        end: |last| last.contains("response.completed"),
    },
];

/// The payloads of a stream, however it is framed.
fn payloads(reply: &Reply) -> Vec<String> {
    match reply.events() {
        events if events.is_empty() => reply.text().lines().map(str::to_owned).collect(),
        events => events,
    }
}

async fn check(router: &Router, way: &Way, api_type: &str) {
    let case = format!("{} to {api_type}", way.path);
    let reply = router.client().post(way.path, (way.body)(false).to_string()).await;
    assert_eq!(reply.status, 200, "{case}: {}", reply.text());
    assert_eq!((way.whole)(&reply.json()), WANT, "{case}: {}", reply.text());
    assert_eq!(reply.json()["model"], "m", "{case}");
    let reply = router.client().post(way.path, (way.body)(true).to_string()).await;
    assert!(reply.status == 200 && reply.whole, "{case}: {}", reply.text());
    let payloads = payloads(&reply);
    let text: String = payloads
        .iter()
        .filter_map(|payload| serde_json::from_str::<Value>(payload).ok())
        .filter_map(|event| (way.piece)(&event).as_str().map(str::to_owned))
        .collect();
    assert_eq!(text, WANT, "{case}: {}", reply.text());
    assert!(payloads.last().is_some_and(|last| (way.end)(last)), "{case}: {}", reply.text());
}

#[tokio::test]
async fn every_client_reaches_every_provider() {
    let mock = Mock::spawn(Script::default()).await.unwrap();
    for api_type in TYPES {
        let router = Router::start(&models([("m", vec![Provider::new("p", api_type, &mock.url())])]), &[]);
        for way in &WAYS {
            check(&router, way, api_type).await;
        }
        until("all leases are settled", async || router.in_flight() == 0).await;
    }
}

#[tokio::test]
async fn embeddings_reach_every_provider_that_has_them() {
    let mock = Mock::spawn(Script::default()).await.unwrap();
    for api_type in TYPES {
        let router = Router::start(&models([("m", vec![Provider::new("p", api_type, &mock.url())])]), &[]);
        let input = json!({"model": "m", "input": ["one", "two"]}).to_string();
        for path in ["/v1/embeddings", "/api/v0/embeddings", "/api/embed"] {
            let reply = router.client().post(path, input.clone()).await;
            if api_type == "anthropic" {
                assert_eq!(reply.status, 400, "{path}: {}", reply.text());
                continue;
            }
            assert_eq!(reply.status, 200, "{path} to {api_type}: {}", reply.text());
            let field = if path == "/api/embed" { "embeddings" } else { "data" };
            assert_eq!(reply.json()[field].as_array().map(Vec::len), Some(2), "{path} to {api_type}: {}", reply.text());
        }
    }
}

#[tokio::test]
async fn a_cut_stream_ends_with_an_error_in_the_clients_dialect_and_an_aborted_transfer() {
    let mock = Mock::spawn(Script::parse("cut=event:3").unwrap()).await.unwrap();
    for api_type in TYPES {
        let router = Router::start(&models([("m", vec![Provider::new("p", api_type, &mock.url())])]), &[]);
        for way in &WAYS {
            let reply = router.client().post(way.path, (way.body)(true).to_string()).await;
            if reply.status != 200 {
                continue; // The cut came before any content, so there was still a status to answer with.
            }
            let case = format!("{} to {api_type}: {}", way.path, reply.text());
            assert!(!reply.whole, "{case}");
            assert!(payloads(&reply).iter().any(|payload| payload.contains("error")), "{case}");
            assert!(!payloads(&reply).last().is_some_and(|last| (way.end)(last)), "{case}");
        }
        until("all leases are settled", async || router.in_flight() == 0).await;
    }
}
