//! The calls of the Python version's own client library, request for request.
//!
//! It sends `POST /api/conversation_with_model` and `POST /api/extended_conversation_with_model` with the payload as
//! JSON and, if it has a token, `Authorization: Bearer`; it reads any answer below 400 as JSON, and maps 401 and 429
//! to errors of their own. It sends every field of its models, those the caller did not set with their defaults.

use bytes::Bytes;
use http::Request;
use llm_router_mock::Script;
use llm_router_tests::{Reply, Router};
use serde_json::{Value, json};

use super::{sent, setup};

/// The fields its models share, at their defaults.
fn payload(own: Value) -> Value {
    let mut fields = json!({"model_name": "vllm", "temperature": 0.75, "max_new_tokens": 256, "top_k": 50, "top_p": 0.99,
        "typical_p": 1.0, "repetition_penalty": 1.2, "language": "pl"});
    fields.as_object_mut().unwrap().extend(own.as_object().unwrap().clone());
    fields
}

async fn call(router: &Router, path: &str, payload: &Value) -> Reply {
    let request = Request::post(path)
        .header("content-type", "application/json")
        .header("accept", "*/*")
        .header("accept-encoding", "gzip, deflate")
        .header("authorization", "Bearer client-token")
        .header("user-agent", "python-requests/2.32")
        .body(Bytes::from(payload.to_string()));
    router.client().send(request.unwrap()).await
}

#[tokio::test]
async fn its_conversation_gets_response_and_generation_time() {
    let (mock, router) = setup("").await;
    let payload =
        payload(json!({"user_last_statement": "Cześć", "historical_messages": [{"user": "a", "assistant": "b"}]}));
    let reply = call(&router, "/api/conversation_with_model", &payload).await;
    assert_eq!((reply.status.as_u16(), &reply.json()["response"]), (200, &json!("You said: Cześć")));
    assert!(reply.json()["generation_time"].is_f64());
    assert_eq!(reply.headers["content-type"], "application/json");
    let seen = mock.requests().pop().unwrap();
    assert!(!seen.headers.contains_key("authorization"), "a client's token is for the router");
    let asked = &sent(&mock)[0];
    for field in ["model_name", "language", "max_new_tokens", "user_last_statement", "historical_messages", "typical_p"]
    {
        assert!(asked.get(field).is_none(), "{field} leaks: {asked}");
    }
}

#[tokio::test]
async fn its_extended_conversation_has_the_history_between_system_and_user() {
    let (mock, router) = setup("").await;
    let payload = payload(json!({"user_last_statement": "c", "system_prompt": "s",
        "historical_messages": [{"user": "a", "assistant": "b"}]}));
    let reply = call(&router, "/api/extended_conversation_with_model", &payload).await;
    assert_eq!(reply.json()["response"], "You said: c");
    let said = json!([{"role": "system", "content": "s"}, {"role": "user", "content": "a"},
        {"role": "assistant", "content": "b"}, {"role": "user", "content": "c"}]);
    assert_eq!(sent(&mock)[0]["messages"], said);
}

#[tokio::test]
async fn it_can_tell_a_rate_limit_and_a_failure_from_an_answer() {
    let (mock, router) = setup("status=429").await;
    let payload = payload(json!({"user_last_statement": "a"}));
    assert_eq!(call(&router, "/api/conversation_with_model", &payload).await.status.as_u16(), 429);
    mock.set_script(Script::parse("status=500").unwrap());
    let reply = call(&router, "/api/conversation_with_model", &payload).await;
    assert_eq!((reply.status.as_u16(), &reply.json()["status"]), (500, &json!(false)));
}
