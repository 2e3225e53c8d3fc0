//! How providers are chosen, as clients meet it: what is sent again or twice, whose turn it is, and who may serve.

mod fair;
mod hedge;
mod retry;
mod shared;
mod sticky;
mod tags;

use bytes::Bytes;
use http::{Method, Request};
use llm_router_mock::{Mock, MockServer, Script};
use llm_router_tests::Reply;
use llm_router_tests::{Client, Provider};
use serde_json::json;

/// Providers are asked by clients alone, so that what they saw can be counted.
const QUIET: (&str, &str) = ("probe_interval", "0");

fn script(text: &str) -> Script {
    Script::parse(text).expect("tests write well-formed scripts")
}

async fn mocks<const N: usize>(scripts: [&str; N]) -> [MockServer; N] {
    let mut started = Vec::new();
    for text in scripts {
        started.push(Mock::spawn(script(text)).await.expect("a port is free"));
    }
    started.try_into().unwrap_or_else(|_| unreachable!("as many as there are scripts"))
}

/// Providers `a`, `b`, … at the mocks.
fn providers(mocks: &[MockServer]) -> Vec<Provider> {
    let id = |index: usize| char::from(b'a' + index as u8).to_string();
    mocks.iter().enumerate().map(|(index, mock)| Provider::new(&id(index), "openai", &mock.url())).collect()
}

/// A chat with the model `m` that says this.
fn chat(text: &str) -> String {
    json!({"model": "m", "messages": [{"role": "user", "content": text}]}).to_string()
}

/// Asks with some headers.
async fn ask(client: Client, path: &str, body: String, headers: &[(&str, &str)]) -> Reply {
    let mut request = Request::builder().method(Method::POST).uri(path).header("content-type", "application/json");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    client.send(request.body(Bytes::from(body)).expect("tests write well-formed requests")).await
}
