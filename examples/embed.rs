//! A whole router inside a program of one's own: settings and models from memory, a port that the system chooses, one
//! request through it, and an end that waits for requests under way.
//!
//! `cargo run -p examples --bin embed`

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http::Request;
use llm_router_core::{catalogue::BaseUrl, settings::Sources};
use llm_router_endpoints::{Facts, Observer};
use llm_router_mock::{Mock, Script};
use llm_router_server::{Models, Running, fetch::fetch, load, trust};
use serde_json::json;

/// Told of every request when it is over; `()` for whoever does not care.
struct Told;

impl Observer for Told {
    #[expect(clippy::print_stdout, reason = "an example shows what it is told")]
    fn finished(&self, facts: &Arc<Facts>) {
        println!("{} {} by {:?}", facts.route, facts.status, facts.provider);
    }
}

fn start(provider: &str) -> Result<Running, Box<dyn std::error::Error>> {
    // Flags stand over the environment, which is not read unless it is given, and over resources/llm-router.toml.
    let sources = Sources::default()
        .flag("server_host", "127.0.0.1")
        .flag("server_port", 0)
        .flag("admin_port", "") // no pages for operators
        .flag("balance_strategy", "adaptive");
    let settings = load::settings(sources)?.settings;
    let models = json!({
        "active_models": {"chat": ["small"]},
        "chat": {"small": {"providers": [{"id": "one", "api_type": "openai", "api_host": provider}]}},
    });
    let (state, _warnings) = load::state(settings, &Models::from_text(models.to_string()))?;
    Ok(Running::start(state, Arc::new(Told))?)
}

#[expect(clippy::print_stdout, reason = "an example shows what comes back")]
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let provider = Mock::spawn(Script::default()).await?; // yours has an address of its own
    let router = start(&provider.url())?; // its threads are its own

    let question = json!({"model": "small", "messages": [{"role": "user", "content": "Hello!"}]});
    let request = Request::post("/v1/chat/completions").body(Bytes::from(question.to_string()))?;
    let place = BaseUrl::parse(&format!("http://{}", router.address()))?;
    let answer = fetch(&place, &trust(None)?, request).await?;
    println!("{} {}", answer.status(), String::from_utf8_lossy(answer.body()));

    let drained = router.stop(Duration::from_secs(10)).await; // dropped instead, it would go on until the process ends
    println!("all requests had ended: {drained}");
    Ok(())
}
