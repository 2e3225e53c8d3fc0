//! Reload: all or nothing, and what was learned and begun survives.

use std::{fs, path::Path};

use http::{Method, Request};
use llm_router_mock::{Mock, Script};
use llm_router_tests::{Client, Provider, Router, models, until};
use serde_json::{Value, json};

const ASK: &str = r#"{"model":"m","messages":[{"role":"user","content":"hi"}]}"#;

/// A router over a models file on disk, with an operators' listener.
fn start(folder: &Path, first: &Value) -> Router {
    let file = folder.join("models.json");
    fs::write(&file, first.to_string()).expect("the folder is writable");
    let file = file.to_str().expect("a temporary path is UTF-8");
    Router::start_from_files(&[("models_config", file), ("admin_port", "0")])
}

fn admin(router: &Router) -> Client {
    Client::new(router.running().admin_address().expect("it has an operators' listener"))
}

#[tokio::test]
async fn an_operator_sees_the_probes_and_clients_see_numbers_alone() {
    let folder = tempfile::tempdir().unwrap();
    let router =
        start(folder.path(), &models([("m", vec![Provider::new("secret-id", "openai", "http://127.0.0.1:1")])]));
    assert_eq!(admin(&router).get("/livez").await.status, 200);
    let detail = admin(&router).get("/readyz").await;
    assert_eq!((detail.status.as_u16(), &detail.json()["status"]), (200, &json!("ready")));
    assert_eq!(detail.json()["pools"][0]["providers"][0]["id"], "secret-id");
    let public = router.client().get("/readyz").await;
    assert_eq!(public.json()["providers"], json!({"serving": 1, "left_alone": 0}));
    assert!(!public.text().contains("secret-id") && !detail.text().contains("127.0.0.1"));
    assert_eq!(public.json()["config"]["version"].as_str().unwrap().len(), 16);
    assert_eq!(admin(&router).get("/nothing").await.status, 404);
    let wrong = admin(&router).get("/admin/reload").await;
    assert_eq!((wrong.status.as_u16(), wrong.headers["allow"].to_str().unwrap()), (405, "POST"));
}

#[tokio::test]
async fn a_bad_file_changes_nothing_and_says_why() {
    let mock = Mock::spawn(Script::default()).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let router = start(folder.path(), &models([("m", vec![Provider::new("a", "openai", &mock.url())])]));
    let before = admin(&router).get("/readyz").await.json();
    fs::write(folder.path().join("models.json"), r#"{"active_models": {"g": ["m"]}, "g": {"m": {"providers": 3}}}"#)
        .unwrap();
    let reply = admin(&router).post("/admin/reload", "").await;
    assert_eq!(reply.status, 422, "{}", reply.text());
    assert!(reply.json()["problems"][0].as_str().unwrap().contains("providers"), "{}", reply.text());
    assert_eq!(admin(&router).get("/readyz").await.json(), before);
    assert_eq!(router.client().post("/v1/chat/completions", ASK).await.status, 200);
}

#[tokio::test]
async fn what_is_under_way_and_what_was_learned_survive() {
    let slow = Mock::spawn(Script::parse("tokens=3 token-delay=400ms").unwrap()).await.unwrap();
    let other = Mock::spawn(Script::default()).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let router = start(folder.path(), &models([("m", vec![Provider::new("a", "openai", &slow.url())])]));
    let body = ASK.replace("\"model\"", "\"stream\":true,\"model\"");
    let request = Request::builder().method(Method::POST).uri("/v1/chat/completions").body(body.into()).unwrap();
    let client = router.client();
    let stream = tokio::spawn(async move { client.send(request).await });
    until("the stream is under way", async || slow.stats().in_flight == 1).await;
    let both = vec![Provider::new("a", "openai", &slow.url()), Provider::new("b", "openai", &other.url())];
    fs::write(folder.path().join("models.json"), models([("m", both), ("n", vec![])]).to_string()).unwrap();
    let reply = admin(&router).post("/admin/reload", "").await;
    assert_eq!((reply.status.as_u16(), &reply.json()["changed"]), (200, &json!(true)), "{}", reply.text());
    assert_eq!(router.in_flight(), 1, "the lease of before is the lease of after");
    until("the new provider serves", async || {
        assert_eq!(router.client().post("/v1/chat/completions", ASK).await.status, 200);
        other.stats().requests > 0
    })
    .await;
    let reply = stream.await.unwrap();
    assert!(reply.whole && reply.text().contains("[DONE]"), "{}", reply.text());
    until("all is settled", async || router.in_flight() == 0).await;
    let status = router.running().shared().state().pools().next().unwrap().balancer.status();
    assert!(status[0].succeeded > 0 && status[1].succeeded > 0, "counts go on: {status:?}");
}

#[tokio::test]
async fn a_changed_file_is_noticed() {
    let mock = Mock::spawn(Script::default()).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let router = start(folder.path(), &models([("other", vec![Provider::new("a", "openai", &mock.url())])]));
    assert_eq!(router.client().post("/v1/chat/completions", ASK).await.status, 404);
    let new = models([("m", vec![Provider::new("a", "openai", &mock.url())])]);
    fs::write(folder.path().join("models.json"), new.to_string()).unwrap();
    until("the new model answers", async || router.client().post("/v1/chat/completions", ASK).await.status == 200)
        .await;
}

#[tokio::test]
async fn without_files_there_is_nothing_to_reload() {
    let router = Router::start(&models([("m", vec![Provider::new("a", "openai", "http://127.0.0.1:1")])]), &[]);
    assert!(router.running().shared().reload("a test").unwrap_err().to_string().contains("no files"));
}
