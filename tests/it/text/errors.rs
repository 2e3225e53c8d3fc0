//! What a client is told when a text endpoint cannot answer: the truth, and in the shape of these routes.

use llm_router_mock::{Mock, Script};
use llm_router_tests::{Provider, Router, models};
use serde_json::{Value, json};

use super::{post, setup};

#[tokio::test]
async fn missing_arguments_are_named_all_at_once_in_the_words_of_the_python_version() {
    let (mock, router) = setup("").await;
    for (endpoint, names) in [
        ("conversation_with_model", "'model_name', 'user_last_statement'"),
        ("extended_conversation_with_model", "'model_name', 'user_last_statement', 'system_prompt'"),
        ("generate_questions", "'texts', 'model_name'"),
        ("translate", "'texts', 'model_name'"),
        ("simplify_text", "'texts', 'model_name'"),
        ("generate_article_from_text", "'text', 'model_name'"),
        ("create_full_article_from_texts", "'user_query', 'texts', 'model_name'"),
        ("generative_answer", "'question_str', 'texts', 'model_name'"),
    ] {
        let reply = post(&router, endpoint, &json!({})).await;
        let message = format!("Missing required argument(s) [{names}] for endpoint {endpoint}");
        let body = json!({"error": "No required parameters!", "message": message});
        assert_eq!((reply.status.as_u16(), reply.json()), (400, json!({"status": false, "body": body})), "{endpoint}");
    }
    assert!(mock.requests().is_empty());
}

#[tokio::test]
async fn wrong_arguments_bodies_and_models_are_the_clients_errors() {
    let (mock, router) = setup("").await;
    let bad = |status: u16, part: &'static str, body: String| (status, part, body);
    let translate = |more: Value| {
        let mut body = json!({"texts": ["a"], "model_name": "vllm"});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        body.to_string()
    };
    for (status, part, body) in [
        bad(400, "texts must be a list of strings", translate(json!({"texts": "a"}))),
        bad(
            400,
            "temperature must be a number; top_k must be a whole number",
            translate(json!({"temperature": "hot", "top_k": 1.5})),
        ),
        bad(400, "language must be a string or null", translate(json!({"language": 5}))),
        bad(404, "does not exist; did you mean 'vllm'?", translate(json!({"model_name": "vlm"}))),
        bad(400, "", "{\"texts\": [\"a\",".to_owned()),
        bad(400, "", String::new()),
        bad(400, "must be a JSON object", "[1]".to_owned()),
        bad(400, "must be a JSON object", "\"x\"".to_owned()),
    ] {
        let reply = router.client().post("/api/translate", body.clone()).await;
        assert_eq!(reply.status.as_u16(), status, "{body}: {}", reply.text());
        let json = reply.json();
        assert_eq!(json["status"], false, "{body}");
        assert!(json["body"].as_str().unwrap().contains(part), "{body}: {json}");
    }
    assert!(mock.requests().is_empty());
    let reply = router.client().get("/api/translate").await;
    assert_eq!((reply.status.as_u16(), reply.headers["allow"].to_str().unwrap()), (405, "OPTIONS, POST"));
}

#[tokio::test]
async fn a_refusal_of_the_provider_is_passed_on_with_its_status_and_words() {
    let (mock, router) = setup("status=400 body=\"{\\\"error\\\":{\\\"message\\\":\\\"context too long\\\"}}\"").await;
    let body = json!({"text": "a", "model_name": "vllm"});
    let reply = post(&router, "generate_article_from_text", &body).await;
    assert_eq!((reply.status.as_u16(), reply.json()), (400, json!({"status": false, "body": "context too long"})));
    assert_eq!(mock.stats().requests, 1, "a client's error is not tried again");
    mock.set_script(Script::parse("status=429 retry-after=7").unwrap());
    let reply = post(&router, "generate_article_from_text", &body).await;
    assert_eq!((reply.status.as_u16(), reply.headers["retry-after"].to_str().unwrap()), (429, "7"));
}

#[tokio::test]
async fn what_is_no_answer_is_a_bad_gateway_and_names_no_host() {
    let (mock, router) = setup("").await;
    for script in ["garbage=body:0", "cut=body:10", "reset=body:10", "status=200 body=\"<html>\""] {
        mock.set_script(Script::parse(script).unwrap());
        for kind in ["openai", "ollama", "anthropic"] {
            let reply = post(&router, "generate_article_from_text", &json!({"text": "a", "model": kind})).await;
            assert!([502, 503].contains(&reply.status.as_u16()), "{script}, {kind}: {} {}", reply.status, reply.text());
            assert_eq!(reply.json()["status"], false);
            assert!(!reply.text().contains("127.0.0.1"), "{}", reply.text());
        }
    }
}

#[tokio::test]
async fn another_provider_takes_over() {
    let good = Mock::spawn(Script::default()).await.unwrap();
    let bad = Mock::spawn(Script::parse("status=500").unwrap()).await.unwrap();
    // The next provider speaks another API, and is asked in it.
    let providers = vec![Provider::new("bad", "openai", &bad.url()), Provider::new("good", "ollama", &good.url())];
    let router = Router::start(&models([("m", providers)]), &[]);
    let reply = post(&router, "generate_article_from_text", &json!({"text": "a", "model": "m"})).await;
    assert_eq!((reply.status.as_u16(), &reply.json()["response"]), (200, &json!({"article_text": "You said: a"})));
    assert_eq!((good.stats().requests, bad.stats().requests), (1, 1));
}

#[tokio::test]
async fn the_deadline_of_the_request_holds() {
    let mock = Mock::spawn(Script::parse("head-delay=60s").unwrap()).await.unwrap();
    let router =
        Router::start(&models([("m", vec![Provider::new("a", "vllm", &mock.url())])]), &[("timeout", "200ms")]);
    let body = json!({"texts": ["a", "b"], "model": "m"});
    let reply = post(&router, "translate", &body).await;
    assert_eq!(reply.status.as_u16(), 504, "{}", reply.text());
    assert_eq!(reply.json()["status"], false);
    llm_router_tests::until("the provider is let go", async || mock.stats().in_flight == 0 && router.in_flight() == 0)
        .await;
}

#[tokio::test]
async fn no_value_of_any_argument_is_answered_with_a_fault_of_ours() {
    let (_mock, router) = setup("").await;
    let values = [
        json!(null),
        json!(true),
        json!(0),
        json!(-1),
        json!(1.5),
        json!(1e308),
        json!(""),
        json!("x"),
        json!("7"),
        json!([]),
        json!([1]),
        json!(["a"]),
        json!([{"user": "a"}]),
        json!({}),
        json!({"a": 1}),
        json!({"a": ["b"]}),
        json!([[[[[]]]]]),
    ];
    let all = json!({"model_name": "vllm", "language": "en", "temperature": 1, "max_new_tokens": 9, "top_k": 1, "top_p": 1,
        "typical_p": 1, "repetition_penalty": 1, "stream": false, "user_last_statement": "a", "system_prompt": "b",
        "historical_messages": [], "texts": ["a"], "text": "a", "number_of_questions": 1, "user_query": "q",
        "article_type": "t", "question_str": "q", "doc_name_in_answer": false, "question_prompt": "p"});
    for endpoint in
        ["conversation_with_model", "generate_questions", "create_full_article_from_texts", "generative_answer"]
    {
        for name in all.as_object().unwrap().keys() {
            for value in &values {
                let mut body = all.clone();
                body[name] = value.clone();
                let reply = post(&router, endpoint, &body).await;
                let status = reply.status.as_u16();
                assert!([200, 400, 404].contains(&status), "{endpoint}, {name} = {value}: {status} {}", reply.text());
                assert!(
                    status == 200 || reply.json()["status"] == false,
                    "{endpoint}, {name} = {value}: {}",
                    reply.text()
                );
                assert!(status != 404 || name == "model_name", "{endpoint}, {name} = {value}: {}", reply.text());
            }
        }
    }
}
