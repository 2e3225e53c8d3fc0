//! Spans as a collector gets them.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use llm_router_mock::{Mock, Script};
use llm_router_tests::{Provider, Router, models, until};
use serde_json::{Value, json};
use tokio::net::TcpListener;

/// What a collector was sent: path, key, message.
type Sent = Arc<Mutex<Vec<(String, String, Value)>>>;

async fn collector() -> (String, Sent) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
    let url = format!("http://{}", listener.local_addr().expect("it is bound"));
    let sent = Sent::default();
    let seen = Arc::clone(&sent);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let seen = Arc::clone(&seen);
            let service = service_fn(move |request: Request<Incoming>| {
                let seen = Arc::clone(&seen);
                async move {
                    let (head, body) = request.into_parts();
                    let body = body.collect().await?.to_bytes();
                    let key =
                        head.headers.get("x-key").and_then(|key| key.to_str().ok()).unwrap_or_default().to_owned();
                    let message = serde_json::from_slice(&body).unwrap_or_default();
                    seen.lock().unwrap_or_else(PoisonError::into_inner).push((
                        head.uri.path().to_owned(),
                        key,
                        message,
                    ));
                    Ok::<_, hyper::Error>(Response::new(Full::new(Bytes::from_static(b"{}"))))
                }
            });
            tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
        }
    });
    (url, sent)
}

fn spans(sent: &Sent) -> Vec<Value> {
    let sent = sent.lock().unwrap_or_else(PoisonError::into_inner);
    let of =
        |message: &Value| message["resourceSpans"][0]["scopeSpans"][0]["spans"].as_array().cloned().unwrap_or_default();
    sent.iter().flat_map(|(_, _, message)| of(message)).collect()
}

fn attribute<'a>(span: &'a Value, key: &str) -> &'a Value {
    let found = span["attributes"].as_array().into_iter().flatten().find(|attribute| attribute["key"] == key);
    found.map_or(&Value::Null, |attribute| &attribute["value"])
}

#[tokio::test]
async fn a_traced_request_reaches_the_collector_as_spans() {
    let (url, sent) = collector().await;
    let well = Mock::spawn(Script::default()).await.expect("a port is free");
    let busy = Mock::spawn(Script::parse("status=503").expect("a script")).await.expect("a port is free");
    let both = vec![
        Provider::new("busy", "openai", &busy.url()).with("tier", 0),
        Provider::new("well", "ollama", &well.url()).with("tier", 1),
    ];
    let settings = [("otlp_endpoint", &*url), ("otlp_headers", "x-key=secret"), ("otlp_share", "0")];
    let router = Router::start(&models([("m", both)]), &settings);
    let ask = |trace: &str| {
        let body = json!({"model": "m", "messages": [{"role": "user", "content": "hi"}]}).to_string();
        Request::post("/v1/chat/completions").header("traceparent", trace).body(Bytes::from(body)).expect("well formed")
    };
    let client = router.client();
    let traced = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    assert_eq!(client.send(ask(traced)).await.status, 200);
    assert_eq!(client.send(ask(&traced.replace("-01", "-00"))).await.status, 200);
    until("the spans have come", async || spans(&sent).len() >= 3).await;
    let spans = spans(&sent);
    assert_eq!(spans.len(), 3, "the request without the flag is not recorded: {spans:?}");
    let server = spans.iter().find(|span| span["kind"] == 2).expect("the router's own");
    assert_eq!(server["traceId"], "0af7651916cd43dd8448eb211c80319c");
    assert_eq!(server["parentSpanId"], "b7ad6b7169203331");
    assert_eq!(server["name"], "POST /v1/chat/completions");
    assert_eq!(attribute(server, "http.response.status_code")["intValue"], "200");
    let failed = spans.iter().find(|span| attribute(span, "error.type")["stringValue"] == "503").expect("the refusal");
    assert_eq!((&failed["kind"], &failed["status"]["code"]), (&3.into(), &2.into()));
    let answered = spans.iter().find(|span| !attribute(span, "gen_ai.provider.name").is_null()).expect("the answer");
    assert_eq!(answered["parentSpanId"], server["spanId"]);
    assert_eq!(attribute(answered, "gen_ai.provider.name")["stringValue"], "ollama");
    assert_eq!(attribute(answered, "gen_ai.operation.name")["stringValue"], "chat");
    assert!(attribute(answered, "gen_ai.usage.output_tokens")["intValue"].is_string(), "{answered}");
    let (path, key, _) = sent.lock().unwrap_or_else(PoisonError::into_inner)[0].clone();
    assert_eq!((path.as_str(), key.as_str()), ("/v1/traces", "secret"));
}
