//! The operators' pages about requests: what became of one and why, and the live view.

use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http_body_util::BodyExt as _;
use llm_router_endpoints::ClientKey;
use llm_router_mock::{Mock, MockServer, Script};
use llm_router_tests::{Client, Provider, Router, models, until};
use serde_json::{Value, json};

const TRACE: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

fn ask(model: &str) -> Bytes {
    json!({"model": model, "stream": true, "messages": [{"role": "user", "content": "hi"}]}).to_string().into()
}

fn admin(router: &Router) -> Client {
    Client::new(router.running().admin_address().expect("tests let the system choose a port"))
}

fn request(id: &str, model: &str) -> Request<Bytes> {
    let request = Request::post("/v1/chat/completions").header("x-request-id", id).header("traceparent", TRACE);
    let request = request.header("authorization", format!("Bearer sk-of-{model}"));
    request.body(ask(model)).expect("the request is well formed")
}

/// A router whose first choice refuses and whose second one answers; both mocks.
async fn started() -> (Router, MockServer, MockServer) {
    let busy =
        Mock::spawn(Script::parse("status=503").expect("the script is well formed")).await.expect("a port is free");
    let well = Mock::spawn(Script::default()).await.expect("a port is free");
    let both = vec![
        Provider::new("busy", "openai", &busy.url()).with("tier", 0),
        Provider::new("well", "vllm", &well.url()).with("tier", 1),
    ];
    let settings = [("admin_port", "0"), ("response_details", "true")];
    (Router::start(&models([("m", both)]), &settings), busy, well)
}

#[tokio::test]
async fn why_a_request_went_where_it_went_is_told_afterwards() {
    let (router, _busy, well) = started().await;
    let reply = router.client().send(request("one", "m")).await;
    assert_eq!(reply.status, 200);
    assert_eq!(reply.headers["x-llm-router-provider"], "well");
    assert_eq!(reply.headers["x-llm-router-attempts"], "2");
    let overhead: u64 = reply.headers["x-llm-router-overhead-us"].to_str().expect("text").parse().expect("a number");
    assert!(overhead < 5_000_000, "{overhead}");
    assert_eq!(router.client().send(request("two", "nope")).await.headers["x-llm-router-attempts"], "0");
    until("both are remembered", async || list(&router, "").await.len() == 2).await;
    assert_eq!(list(&router, "").await, ["two", "one"]);
    assert_eq!(list(&router, "?status=4xx").await, ["two"]);
    assert_eq!(list(&router, "?model=m&provider=well&outcome=complete&status=200").await, ["one"]);
    assert_eq!(list(&router, "?limit=1").await, ["two"]);
    for (query, why) in [
        ("?statuss=200", "\"statuss\" is no filter; there are model, provider"),
        ("?status=good", "status=good is neither a status"),
        ("?limit=many", "limit=many is no number"),
        ("?outcome=done", "there are complete, "),
    ] {
        let reply = admin(&router).get(&format!("/admin/requests{query}")).await;
        assert!(reply.status == 400 && reply.json()["error"].as_str().expect("text").contains(why), "{}", reply.text());
    }
    let key = ClientKey::of_key(b"sk-of-m").to_string();
    assert_eq!(list(&router, &format!("?key={key}")).await, ["one"]);
    assert!(!admin(&router).get("/admin/requests").await.text().contains("sk-of-m"), "a key is shown");
    let one = admin(&router).get("/admin/requests/one").await.json();
    assert_eq!(one["failed_attempts"][0]["provider"], "busy");
    assert_eq!(one["failed_attempts"][0]["failure"], "503");
    assert_eq!(one["choices"][0][0]["chosen"], true, "{one}");
    assert_eq!(one["choices"][1][0]["verdict"], "had failed this request", "{one}");
    assert_eq!(one["trace_id"], "0af7651916cd43dd8448eb211c80319c");
    assert!(one["phases_ms"]["head_at"].is_number() && one["phases_ms"]["connect"].is_number(), "{one}");
    assert_eq!(admin(&router).get("/admin/requests/two").await.json()["reason"], "model_not_found");
    assert_eq!(admin(&router).get("/admin/requests/three").await.status, 404);
    let seen = well.requests().pop().expect("it answered");
    let sent = seen.headers["traceparent"].to_str().expect("text").to_owned();
    assert!(sent.starts_with("00-0af7651916cd43dd8448eb211c80319c-") && sent.ends_with("-01"), "{sent}");
    assert_ne!(sent, TRACE, "the router's own span is the provider's parent");
}

#[tokio::test]
async fn every_kind_of_answer_tells_who_answered_and_only_where_it_is_wanted() {
    let (router, _busy, well) = started().await;
    let silent = Router::start(&models([("m", vec![Provider::new("well", "vllm", &well.url())])]), &[]);
    let chat = json!({"model": "m", "messages": [{"role": "user", "content": "hi"}], "max_tokens": 9});
    let native = json!({"model": "m", "messages": [{"role": "user", "content": "hi"}]});
    let prompted = json!({"model_name": "m", "user_last_statement": "hi"});
    let routes = [
        ("/v1/chat/completions", &chat),
        ("/v1/messages", &chat),
        ("/api/chat", &native),
        ("/api/conversation_with_model", &prompted),
    ];
    for (path, body) in routes {
        for stream in [false, true] {
            let mut body = body.clone();
            body["stream"] = stream.into();
            let reply = router.client().post(path, body.to_string()).await;
            assert_eq!(reply.status, 200, "{path} {}", reply.text());
            assert_eq!(reply.headers["x-llm-router-provider"], "well");
            for name in ["x-llm-router-attempts", "x-llm-router-overhead-us"] {
                let told = reply.headers.get(name).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
                assert!(told.is_some(), "{path} {stream} {name}: {:?}", reply.headers);
            }
            let reply = silent.client().post(path, body.to_string()).await;
            assert_eq!(reply.status, 200, "{path} {}", reply.text());
            assert!(!reply.headers.contains_key("x-llm-router-attempts"), "{path} tells without being asked to");
        }
    }
}

async fn list(router: &Router, query: &str) -> Vec<String> {
    let reply = admin(router).get(&format!("/admin/requests{query}")).await.json();
    let requests = reply["requests"].as_array().expect("a list");
    requests.iter().map(|request| request["id"].as_str().expect("an id").to_owned()).collect()
}

#[tokio::test]
async fn the_live_view_sends_the_state_of_every_provider() {
    let (router, _busy, _well) = started().await;
    assert_eq!(router.client().send(request("one", "m")).await.status, 200);
    let live = Request::get("/admin/live").body(Bytes::new()).expect("the request is well formed");
    let mut body = admin(&router).open(live).await.into_body();
    for _ in 0..2 {
        let event = tokio::time::timeout(Duration::from_secs(10), body.frame()).await.expect("every second");
        let event = event.expect("it goes on").expect("it is whole").into_data().expect("it is data");
        let text = String::from_utf8_lossy(&event).into_owned();
        let value: Value = serde_json::from_str(text.strip_prefix("data: ").expect("an event")).expect("JSON");
        assert_eq!(value["models"][0]["providers"][1]["id"], "well", "{value}");
        assert_eq!(value["models"][0]["providers"][0]["errors"], 1, "{value}");
        assert_eq!(value["models"][0]["providers"][1]["in_flight"], 0, "{value}");
        let notice = value["attention"][0]["text"].as_str().expect("something is to be looked at").to_owned();
        assert!(notice.starts_with("m: busy ") && notice.contains("1 failed attempts in the last minute"), "{notice}");
        assert!(notice.ends_with(": 503") && value["history"]["in_flight"].is_array(), "{value}");
    }
}

#[tokio::test]
async fn what_clients_suffer_from_is_told_first() {
    let gone = vec![Provider::new("gone", "openai", "http://127.0.0.1:1")];
    let settings = [("admin_port", "0"), ("probe_interval", "0")];
    let router = Router::start(&models([("down", gone)]), &settings);
    let overview = async || admin(&router).get("/admin/overview").await.json();
    assert_eq!(overview().await["attention"], json!([]), "nothing has happened yet");
    until("the model is said to be down", async || {
        router.client().send(request("lost", "down")).await;
        router.client().send(request("unknown", "nope")).await;
        overview().await["attention"].as_array().is_some_and(|all| all.len() >= 4)
    })
    .await;
    let all = overview().await["attention"].clone();
    let texts: Vec<&str> =
        all.as_array().expect("a list").iter().filter_map(|notice| notice["text"].as_str()).collect();
    let place =
        |part: &str| texts.iter().position(|text| text.contains(part)).unwrap_or_else(|| panic!("{part}: {all}"));
    let first_warning = all.as_array().expect("a list").iter().position(|notice| notice["grade"] == "warn");
    assert!(place("down: no provider serves") < first_warning.expect("there are warnings"), "{all}");
    assert!(
        place("requests of the last minute failed, such as lost") < first_warning.expect("there are some"),
        "{all}"
    );
    place("down: gone is left alone");
    place("model_not_found");
}

#[tokio::test]
async fn without_a_ring_nothing_is_remembered() {
    let router = Router::start(&models([("m", vec![])]), &[("admin_port", "0"), ("requests_kept", "0")]);
    assert_eq!(router.client().send(request("one", "nope")).await.status, 404);
    assert_eq!(admin(&router).get("/admin/requests").await.json(), json!({"kept": false, "requests": []}));
}
