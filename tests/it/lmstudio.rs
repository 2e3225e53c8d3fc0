//! LM Studio's newer API: its chat, with every type of provider, and what stands beside it.

use llm_router_mock::{Mock, Script};
use llm_router_tests::{Provider, Router, models, until};
use serde_json::{Value, json};

use crate::hostile_providers::raw::{Play, RawProvider, Then};

const TYPES: [&str; 5] = ["openai", "vllm", "lmstudio", "ollama", "anthropic"];

fn ask(model: &str, stream: bool) -> String {
    json!({"model": model, "input": "hi", "system_prompt": "Be kind.", "stream": stream}).to_string()
}

#[tokio::test]
async fn its_chat_reaches_every_type_of_provider() {
    let mock = Mock::spawn(Script::default()).await.expect("a mock");
    let providers = TYPES.map(|kind| (kind, vec![Provider::new("a", kind, &mock.url())]));
    let router = Router::start(&models(providers), &[]);
    let said = json!([{"type": "message", "content": "You said: hi"}]);
    for kind in TYPES {
        let reply = router.client().post("/api/v1/chat", ask(kind, false)).await;
        assert_eq!((&reply.json()["model_instance_id"], &reply.json()["output"]), (&json!(kind), &said), "{kind}");
        assert!(reply.json()["stats"]["total_output_tokens"].as_u64() > Some(0), "{kind}: {}", reply.text());
        let reply = router.client().post("/api/v1/chat", ask(kind, true)).await;
        let events: Vec<Value> = reply.events().iter().map(|data| serde_json::from_str(data).expect("JSON")).collect();
        let kinds: Vec<_> = events.iter().map(|event| event["type"].as_str().expect("a type")).collect();
        assert_eq!(kinds[..2], ["chat.start", "message.start"], "{kind}: {}", reply.text());
        assert_eq!(kinds[kinds.len() - 2..], ["message.end", "chat.end"], "{kind}");
        assert_eq!(events.last().expect("an end")["result"]["output"], said, "{kind}");
        assert_eq!(mock.requests().pop().expect("it was asked").system.as_deref(), Some("Be kind."), "{kind}");
    }
    until("all leases are settled", async || router.in_flight() == 0).await;
}

#[tokio::test]
async fn a_server_that_has_it_is_sent_the_bytes_and_its_answer_is_passed_on() {
    let events =
        "event: chat.start\ndata: {\"type\":\"chat.start\"}\n\nevent: chat.end\ndata: {\"type\":\"chat.end\"}\n\n";
    let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n";
    for (answer, whole) in [(events, true), (&events[..events.len() - 1], false)] {
        // Its end is the connection's: only the last event tells that nothing is missing.
        let provider = RawProvider::start(vec![Play(format!("{head}{answer}").into_bytes(), Then::Close)]).await;
        let providers = vec![Provider::new("a", "lmstudio", provider.url())];
        let router = Router::start(&models([("m", providers)]), &[("probe_interval", "0")]);
        let reply = router.client().post("/api/v1/chat", ask("m", true)).await;
        assert_eq!((reply.whole, reply.text() == events), (whole, whole), "{}", reply.text());
        assert_eq!(reply.text().contains("event: error\n"), !whole);
        let seen = provider.requests().pop().expect("it was asked");
        assert!(seen.starts_with("POST /api/v1/chat ") && seen.ends_with(&ask("m", true)), "{seen}");
    }
}

#[tokio::test]
async fn models_are_listed_and_not_managed_and_errors_have_its_words() {
    let router = Router::start(&models([("m", vec![Provider::new("a", "openai", "http://127.0.0.1:9")])]), &[]);
    let list = router.client().get("/api/v1/models").await.json();
    assert_eq!((&list["models"][0]["key"], &list["data"][0]["id"]), (&json!("m"), &json!("m")));
    assert!(router.client().get("/v1/models").await.json().get("models").is_none(), "this one is OpenAI's alone");
    assert_eq!(router.client().post("/api/v1/models/load", r#"{"model":"m"}"#).await.status, 501);
    let reply = router.client().post("/api/v1/chat", ask("nobody", false)).await;
    assert_eq!((reply.status.as_u16(), &reply.json()["error"]["type"]), (404, &json!("model_not_found")));
    let stateful = json!({"model": "m", "input": "hi", "previous_response_id": "resp_1"}).to_string();
    let reply = router.client().post("/api/v1/chat", stateful).await;
    assert_eq!((reply.status.as_u16(), &reply.json()["error"]["param"]), (400, &json!("previous_response_id")));
}
