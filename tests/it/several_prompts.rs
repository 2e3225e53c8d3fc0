//! Text completions of several prompts, as batch jobs send them, for a model whose providers take one prompt each.

use llm_router_mock::{Mock, MockServer, Script};
use llm_router_tests::{Provider, Reply, Router, models, until};
use serde_json::{Value, json};

async fn scene(kind: &str, script: &str) -> (Router, MockServer) {
    let mock = Mock::spawn(Script::parse(script).expect("a script")).await.expect("a port is free");
    let models = models([("m", vec![Provider::new("a", kind, &mock.url())])]);
    (Router::start(&models, &[]), mock)
}

async fn ask(router: &Router, prompt: Value, more: Value) -> Reply {
    let mut body = json!({"model": "m", "max_tokens": 50, "prompt": prompt});
    body.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
    router.client().post("/v1/completions", body.to_string()).await
}

#[tokio::test]
async fn each_is_asked_and_the_answers_are_one() {
    for kind in ["ollama", "anthropic"] {
        let (router, mock) = scene(kind, "").await;
        let reply = ask(&router, json!(["one", "two", "three"]), json!({"seed": 1})).await;
        assert_eq!(reply.status, 200, "{kind}: {}", reply.text());
        let told = reply.json();
        let texts: Vec<_> = ["one", "two", "three"].map(|text| json!(format!("You said: {text}"))).to_vec();
        let choices = told["choices"].as_array().expect("choices");
        assert_eq!(choices.iter().map(|choice| choice["text"].clone()).collect::<Vec<_>>(), texts, "{kind}");
        assert_eq!(choices.iter().map(|choice| choice["index"].clone()).collect::<Vec<_>>(), [0, 1, 2], "{kind}");
        let usage = |name: &str| told["usage"][name].as_u64().expect("a number");
        assert_eq!(usage("completion_tokens"), 9, "three words each: {told}");
        assert_eq!(usage("total_tokens"), usage("prompt_tokens") + 9);
        assert_eq!(told["object"], "text_completion");
        assert_eq!(mock.requests().len(), 3);
        until("all leases are settled", async || router.in_flight() == 0).await;
    }
}

#[tokio::test]
async fn a_client_that_wants_a_stream_gets_one() {
    let (router, _mock) = scene("ollama", "").await;
    let wanted = json!({"stream": true, "stream_options": {"include_usage": true}});
    let reply = ask(&router, json!(["one", "two"]), wanted).await;
    assert!(reply.headers["content-type"].to_str().expect("text").starts_with("text/event-stream"));
    let text = reply.text();
    let events: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("data: ")).collect();
    assert_eq!(events.last(), Some(&"[DONE]"), "{text}");
    let events: Vec<Value> =
        events[..events.len() - 1].iter().map(|event| serde_json::from_str(event).expect("JSON")).collect();
    let texts: Vec<_> =
        events.iter().flat_map(|e| e["choices"].as_array().expect("a list")).map(|c| &c["text"]).collect();
    assert_eq!(texts, ["You said: one", "You said: two"]);
    let usage = &events.last().expect("an event")["usage"];
    assert_eq!(usage["completion_tokens"], 6, "{text}");
    assert!(events[..events.len() - 1].iter().all(|event| event.get("usage").is_none()), "{text}");
}

#[tokio::test]
async fn a_refusal_of_one_is_the_answer_to_all_and_what_nobody_can_read_is_refused() {
    let (router, mock) = scene("ollama", "error=context fail-after=1").await;
    let reply = ask(&router, json!(["one", "two", "three"]), json!({})).await;
    assert_eq!(reply.status, 400, "{}", reply.text());
    assert_eq!(mock.requests().len(), 2, "the third is not asked any more");
    let reply = ask(&router, json!([[1, 2], [3]]), json!({})).await;
    assert_eq!((reply.status.as_u16(), &reply.json()["error"]["param"]), (400, &json!("prompt")), "{}", reply.text());
    assert!(reply.text().contains("token numbers"), "{}", reply.text());
    until("all leases are settled", async || router.in_flight() == 0).await;
}
