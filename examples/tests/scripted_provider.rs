//! The mock provider in tests of one's own: the code under test is `ask`, a client that tries again.

use std::time::Duration;

use bytes::Bytes;
use http::{Request, StatusCode};
use llm_router_core::catalogue::BaseUrl;
use llm_router_mock::{Mock, MockServer, Outcome, Script};
use llm_router_server::{fetch::fetch, trust};
use serde_json::{Value, json};

/// Asks a provider, at most three times, each within `limit`.
async fn ask_within(limit: Duration, place: &str, text: &str) -> Option<String> {
    let place = BaseUrl::parse(place).ok()?;
    let authorities = trust(None).ok()?;
    for _ in 0..3 {
        let body = json!({"model": "any", "messages": [{"role": "user", "content": text}]});
        let request = Request::post("/v1/chat/completions").body(Bytes::from(body.to_string())).ok()?;
        match tokio::time::timeout(limit, fetch(&place, &authorities, request)).await {
            Ok(Ok(answer)) if answer.status() == StatusCode::OK => {
                let answer: Value = serde_json::from_slice(answer.body()).ok()?;
                return Some(answer["choices"][0]["message"]["content"].as_str()?.to_owned());
            }
            _ => {}
        }
    }
    None
}

async fn ask(place: &str, text: &str) -> Option<String> {
    ask_within(Duration::from_secs(60), place, text).await
}

async fn provider(script: &str) -> MockServer {
    Mock::spawn(Script::parse(script).expect("a script")).await.expect("a port is free")
}

#[tokio::test]
async fn an_overloaded_provider_is_asked_again() {
    let mock = provider("fail-first=2 status=503 retry-after=1").await;
    assert_eq!(ask(&mock.url(), "Hello!").await.as_deref(), Some("You said: Hello!"));
    let seen = mock.requests();
    let statuses: Vec<_> = seen.iter().map(|seen| seen.status).collect();
    assert_eq!(statuses, [Some(503), Some(503), Some(200)]);
    let body: Value = serde_json::from_slice(&seen[2].body).expect("it was JSON");
    assert_eq!(body["messages"][0]["content"], "Hello!");
}

#[tokio::test]
async fn an_answer_that_breaks_off_or_does_not_begin_is_no_answer() {
    let mock = provider("cut=body:20").await;
    assert_eq!(ask(&mock.url(), "Hello!").await, None);
    let all = mock.wait_for(Duration::from_secs(10), |stats| stats.faulted == 3).await.expect("three were cut");
    assert_eq!(all.requests, 3);

    mock.clear();
    mock.set_script(Script::parse("fail-first=1 stall=0").expect("a script"));
    assert_eq!(ask_within(Duration::from_secs(2), &mock.url(), "Hello!").await.as_deref(), Some("You said: Hello!"));
    mock.wait_for(Duration::from_secs(10), |stats| stats.aborted > 0).await.expect("the first was given up");
    assert_eq!(mock.requests()[0].outcome, Outcome::Aborted);
}

#[tokio::test]
async fn one_request_has_a_script_of_its_own() {
    let mock = provider("text=\"All is well.\"").await;
    assert_eq!(ask(&mock.url(), "Hello!").await.as_deref(), Some("All is well."));
    assert_eq!(ask(&mock.url(), "Hello! [[mock status=500]]").await, None);
    assert_eq!(mock.stats().requests, 4);
}
