//! Many texts in one request: a bounded number at once, in order, each failure its own.

use std::time::Duration;

use llm_router_mock::{Mock, MockServer, Script};
use llm_router_tests::{Provider, Router, models, until};
use serde_json::{Value, json};

use super::{answer, post};

/// A mock, and a router with a model `m` on it that takes `slots` requests at the same time.
async fn batch(script: &str, slots: u32, settings: &[(&str, &str)]) -> (MockServer, Router) {
    let mock = Mock::spawn(Script::parse(script).unwrap()).await.unwrap();
    let provider = Provider::new("a", "vllm", &mock.url()).with("max_concurrency", slots);
    let router = Router::start(&models([("m", vec![provider])]), settings);
    (mock, router)
}

fn texts(count: usize) -> Vec<String> {
    (0..count).map(|n| format!("text {n}")).collect()
}

#[tokio::test]
async fn two_hundred_texts_keep_four_slots_busy_and_come_back_in_order() {
    let (mock, router) = batch("head-delay=30ms", 4, &[("batch_concurrency", "16")]).await;
    let texts = texts(200);
    let got = answer(&router, "simplify_text", &json!({"texts": texts, "model": "m"})).await;
    let wanted: Vec<String> = texts.iter().map(|text| format!("You said: {text}")).collect();
    assert_eq!(got["response"], json!(wanted));
    assert_eq!((mock.stats().max_in_flight, mock.stats().requests), (4, 200));
    // Four at a time take a quarter of the serial time. A busy machine stretches both, so their ratio is what holds.
    let seen = mock.requests();
    let serial: Duration = seen.iter().filter_map(|request| request.lasted).sum();
    let begun = seen.iter().map(|request| request.began).min().unwrap();
    let ended = seen.iter().map(|request| request.began + request.lasted.unwrap()).max().unwrap();
    let took = ended - begun;
    assert!(serial > took * 5 / 2, "{took:?} of {serial:?}");
}

#[tokio::test]
async fn the_bound_of_the_settings_holds_where_the_provider_has_none() {
    let mock = Mock::spawn(Script::parse("head-delay=5ms").unwrap()).await.unwrap();
    let provider = Provider::new("a", "vllm", &mock.url());
    let router = Router::start(&models([("m", vec![provider])]), &[("batch_concurrency", "3")]);
    answer(&router, "translate", &json!({"texts": texts(30), "model": "m"})).await;
    assert_eq!((mock.stats().max_in_flight, mock.stats().requests), (3, 30));
}

#[tokio::test]
async fn one_texts_failure_costs_one_more_request_and_no_other_text() {
    let (mock, router) = batch("", 4, &[]).await;
    let mut texts = texts(20);
    texts[7] = "odd [[mock status=500 fail-first=1 counter=odd]]".to_owned();
    let got = answer(&router, "translate", &json!({"texts": texts, "model": "m"})).await;
    assert_eq!(got["response"][7]["translated"], "You said: odd");
    assert_eq!(got["response"][19], json!({"original": "text 19", "translated": "You said: text 19"}));
    assert_eq!(mock.stats().requests, 21);
}

#[tokio::test]
async fn a_text_that_keeps_failing_is_named_and_the_finished_ones_are_not_lost() {
    let (mock, router) = batch("", 4, &[("batch_concurrency", "1")]).await;
    let mut texts = texts(6);
    texts[2] = "odd [[mock status=500]]".to_owned();
    let reply = post(&router, "simplify_text", &json!({"texts": texts, "model": "m"})).await;
    assert_eq!(reply.status.as_u16(), 500, "{}", reply.text());
    let json = reply.json();
    assert_eq!((&json["status"], &json["body"]["failed"][0]["index"]), (&json!(false), &json!(2)));
    assert!(json["body"]["message"].as_str().unwrap().starts_with("text 3 of 6 failed: "), "{json}");
    let finished = json!(["You said: text 0", "You said: text 1", null, null, null, null]);
    assert_eq!(json["body"]["response"], finished);
    assert_eq!(mock.stats().requests, 4, "two texts, and one of them twice");
}

#[tokio::test]
async fn a_clients_error_in_a_text_is_not_tried_again() {
    let (mock, router) = batch("", 4, &[("batch_concurrency", "1")]).await;
    let texts = ["a", "odd [[mock status=400]]", "c"];
    let reply = post(&router, "translate", &json!({"texts": texts, "model": "m"})).await;
    assert_eq!((reply.status.as_u16(), mock.stats().requests), (400, 2));
}

#[tokio::test]
async fn no_texts_need_no_provider() {
    let (mock, router) = batch("", 1, &[]).await;
    for endpoint in ["translate", "simplify_text", "generate_questions"] {
        let got = answer(&router, endpoint, &json!({"texts": [], "model": "m"})).await;
        assert_eq!(got, json!({"response": []}));
    }
    assert_eq!(mock.stats().requests, 0);
}

#[tokio::test]
async fn a_client_that_goes_away_takes_all_of_its_texts_along() {
    let (mock, router) = batch("head-delay=60s", 8, &[]).await;
    let body = json!({"texts": texts(50), "model": "m"}).to_string();
    let request = http::Request::post("/api/translate").body(bytes::Bytes::from(body)).unwrap();
    let client = router.client();
    let waiting = tokio::spawn(async move { client.open(request).await.status() });
    until("eight texts are under way", async || mock.stats().in_flight == 8).await;
    waiting.abort();
    until("all are given up", async || mock.stats().in_flight == 0 && router.in_flight() == 0).await;
    assert_eq!(mock.stats().requests, 8);
}

#[tokio::test]
async fn times_of_requests_side_by_side_are_their_own() {
    let (mock, router) = batch("", 8, &[]).await;
    let slow = json!({"text": "a [[mock head-delay=2s]]", "model": "m"});
    let quick = json!({"text": "b", "model": "m"});
    let took = |reply: &Value| reply["generation_time"].as_f64().unwrap();
    let (slow, quick) = tokio::join!(post(&router, "generate_article_from_text", &slow), async {
        until("the slow one is under way", async || mock.stats().in_flight == 1).await;
        post(&router, "generate_article_from_text", &quick).await
    });
    // The Python version kept one start time for all requests of an endpoint.
    let (slow, quick) = (took(&slow.json()), took(&quick.json()));
    assert!(slow >= 2.0 && quick < slow, "{slow} {quick}");
}
