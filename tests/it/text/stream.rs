//! Streamed answers of the text endpoints: one shape, whatever the provider speaks.

use llm_router_tests::until;
use serde_json::{Value, json};

use super::{TYPES, post, sent, setup};

/// The words of a stream, and its last event before `[DONE]`.
fn told(events: &[String]) -> (String, Value) {
    let chunks: Vec<Value> = events
        .iter()
        .take_while(|event| *event != "[DONE]")
        .map(|event| serde_json::from_str(event).unwrap())
        .collect();
    let words = chunks.iter().filter_map(|chunk| chunk["choices"][0]["delta"]["content"].as_str()).collect();
    (words, chunks.last().unwrap().clone())
}

#[tokio::test]
async fn every_single_answer_streams_from_every_type_of_provider() {
    let (mock, router) = setup("").await;
    for (endpoint, arguments) in [
        ("conversation_with_model", json!({"user_last_statement": "one two three"})),
        (
            "extended_conversation_with_model",
            json!({"user_last_statement": "one two three", "system_prompt": "be brief"}),
        ),
        ("generate_article_from_text", json!({"text": "one two three"})),
        ("create_full_article_from_texts", json!({"texts": ["one two three"], "user_query": "q"})),
        ("generative_answer", json!({"texts": ["one two three"], "question_str": "q"})),
    ] {
        for kind in TYPES {
            let mut body = arguments.clone();
            body["model_name"] = json!(kind);
            body["stream"] = json!(true);
            let reply = post(&router, endpoint, &body).await;
            let events = reply.events();
            assert!(reply.whole && reply.status == 200, "{endpoint}, {kind}: {}", reply.text());
            assert_eq!(reply.headers["content-type"], "text/event-stream; charset=utf-8");
            assert_eq!(events.last().map(String::as_str), Some("[DONE]"), "{endpoint}, {kind}: {}", reply.text());
            let (words, last) = told(&events);
            assert_eq!(words, "You said: one two three", "{endpoint}, {kind}");
            assert_eq!((&last["choices"][0]["finish_reason"], &last["model"]), (&json!("stop"), &json!(kind)));
            assert!(last["generation_time"].is_f64());
            let asked = sent(&mock).pop().unwrap();
            assert_eq!(asked["stream"], true);
            let system = asked["messages"][0]["role"] == "system" || asked["system"].is_string();
            assert!(system, "a streamed question has its system prompt too: {asked}");
        }
    }
}

#[tokio::test]
async fn without_stream_there_is_none_and_batches_never_stream() {
    let (mock, router) = setup("").await;
    for kind in TYPES {
        let body = json!({"model_name": kind, "user_last_statement": "hi", "stream": "false"});
        assert_eq!(post(&router, "conversation_with_model", &body).await.json()["response"], "You said: hi", "{kind}");
        assert_eq!(sent(&mock)[0]["stream"], false, "{kind}");
        let body = json!({"model_name": kind, "texts": ["hi"], "stream": true});
        assert_eq!(post(&router, "simplify_text", &body).await.json()["response"], json!(["You said: hi"]), "{kind}");
    }
}

#[tokio::test]
async fn a_stream_that_breaks_off_says_so_and_is_cut() {
    let (_mock, router) = setup("cut=event:5").await;
    for kind in TYPES {
        let body = json!({"model_name": kind, "user_last_statement": "one two three four five", "stream": true});
        let reply = post(&router, "conversation_with_model", &body).await;
        let last: Value = serde_json::from_str(reply.events().last().unwrap()).unwrap();
        assert!(!reply.whole, "{kind}: {}", reply.text());
        assert_eq!(last["status"], false, "{kind}: {}", reply.text());
        assert!(last["error"]["message"].as_str().unwrap().contains("broke off"), "{kind}: {last}");
        assert!(!reply.text().contains("127.0.0.1"));
    }
    until("all leases are settled", async || router.in_flight() == 0).await;
    until("all records are in", async || router.finished().len() == TYPES.len()).await;
    assert!(router.finished().iter().all(|facts| facts.outcome.name() == "truncated"));
}

#[tokio::test]
async fn a_refusal_before_the_first_word_is_an_error_and_no_stream() {
    let (_mock, router) = setup("status=400").await;
    let body = json!({"model_name": "vllm", "user_last_statement": "hi", "stream": true});
    let reply = post(&router, "conversation_with_model", &body).await;
    assert_eq!((reply.status.as_u16(), &reply.json()["status"]), (400, &json!(false)));
}
