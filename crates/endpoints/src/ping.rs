//! Greetings: `GET P/ping`, and what Ollama's clients ask for to see whether somebody is there.

use http::{HeaderValue, Method, Response, header};
use llm_router_core::dialect::Surface;
use serde_json::json;

use crate::{
    body::Body,
    call::Call,
    endpoint::{Endpoint, Registration},
    error::Error,
    lists,
    route::Route,
    upstream::BoxFuture,
};

struct Ping;
struct OllamaGreeting;

inventory::submit! { Registration(&Ping) }
inventory::submit! { Registration(&OllamaGreeting) }

impl Endpoint for Ping {
    fn name(&self) -> &'static str {
        "ping"
    }

    fn routes(&self) -> Vec<Route> {
        vec![Route::public(Method::GET, "/ping", Surface::Builtin).prefixed()]
    }

    fn call<'a>(&'a self, _call: &'a mut Call) -> BoxFuture<'a, Result<Response<Body>, Error>> {
        Box::pin(async { lists::json(&json!({"status": true, "body": "pong"})) })
    }
}

impl Endpoint for OllamaGreeting {
    fn name(&self) -> &'static str {
        "ollama_greeting"
    }

    fn routes(&self) -> Vec<Route> {
        let get = |path| Route::public(Method::GET, path, Surface::Ollama);
        vec![get("/"), get("/ollama/").prefixed(), get("/ollama").prefixed()]
    }

    fn call<'a>(&'a self, _call: &'a mut Call) -> BoxFuture<'a, Result<Response<Body>, Error>> {
        Box::pin(async {
            let mut response = Response::new(Body::from("Ollama is running"));
            response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
            Ok(response)
        })
    }
}
