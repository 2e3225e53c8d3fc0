//! A provider type and a strategy of one's own, found by the router because they are linked into the program: models
//! name the one as their `api_type` and the other as their `strategy`, and `load::state` knows both.
//!
//! `cargo run -p examples --bin own_parts`

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request};
use llm_router_balancer::{
    Choice, Demand, Member, Strategy, View,
    strategy::{Needs, Registration as StrategyRegistration},
};
use llm_router_core::{
    api_type::{ApiType, Registration},
    catalogue::BaseUrl,
    operation::Operation,
    secret::Secret,
    settings::Sources,
};
use llm_router_mock::{Mock, Script};
use llm_router_server::{Models, Running, fetch::fetch, load, trust};
use serde_json::json;

/// Speaks OpenAI's chat and nothing else, and wants its key in a header of its own. Clients of every other API reach it
/// by translation.
struct Acme;

inventory::submit! { Registration(&Acme) }

impl ApiType for Acme {
    fn name(&self) -> &'static str {
        "acme"
    }

    fn path(&self, operation: Operation) -> Option<&'static str> {
        (operation == Operation::ChatCompletions).then_some("v1/chat/completions")
    }

    fn authorize(&self, token: &Secret, headers: &mut HeaderMap) {
        if let Ok(mut key) = HeaderValue::from_str(token.expose()) {
            key.set_sensitive(true); // is not shown by `Debug`
            headers.insert("x-acme-key", key);
        }
    }
}

/// The first provider of the list that can serve: health, limits and tags were looked at before.
struct InOrder;

inventory::submit! { StrategyRegistration::new("in_order", "the first of the list that can serve", &InOrder) }

impl Strategy for InOrder {
    type Plan = ();

    fn plan(&self, _: &[Member]) {}

    fn choose(&self, view: &View<'_, ()>, _: &Demand<'_>) -> Choice {
        view.eligible().iter().next().map_or(Choice::None, Choice::Use)
    }

    fn needs(&self) -> Needs {
        Needs { permits: false, ..Needs::default() } // true: one request at a time for each provider
    }
}

fn start(first: &str, second: &str) -> Result<Running, Box<dyn std::error::Error>> {
    let models = json!({
        "active_models": {"chat": ["small"]},
        "chat": {"small": {"strategy": "in_order", "providers": [
            {"id": "first", "api_type": "acme", "api_host": first, "api_token": "secret"},
            {"id": "second", "api_type": "openai", "api_host": second},
        ]}},
    });
    let sources = Sources::default().flag("server_host", "127.0.0.1").flag("server_port", 0).flag("admin_port", "");
    let (state, _warnings) = load::state(load::settings(sources)?.settings, &Models::from_text(models.to_string()))?;
    Ok(Running::start(state, Arc::new(()))?)
}

#[expect(clippy::print_stdout, reason = "an example shows what came of it")]
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (first, second) = (Mock::spawn(Script::default()).await?, Mock::spawn(Script::default()).await?);
    let router = start(&first.url(), &second.url())?;
    let place = BaseUrl::parse(&format!("http://{}", router.address()))?;
    for path in ["/v1/chat/completions", "/api/chat", "/v1/messages"] {
        let body = json!({"model": "small", "max_tokens": 9, "messages": [{"role": "user", "content": "Hello!"}]});
        let request = Request::post(path).body(Bytes::from(body.to_string()))?;
        println!("{path}: {}", fetch(&place, &trust(None)?, request).await?.status());
    }
    let asked =
        |mock: &llm_router_mock::MockServer| mock.requests().iter().filter(|seen| seen.method == "POST").count();
    println!("first: {}, second: {}", asked(&first), asked(&second));
    let keys = first.requests().iter().filter(|seen| seen.headers.contains_key("x-acme-key")).count();
    println!("requests with the key: {}", keys.min(asked(&first)));
    router.stop(Duration::from_secs(10)).await;
    Ok(())
}
