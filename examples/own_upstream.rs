//! The endpoints without a socket: a way to providers of one's own, here a function. One provider is down, and another
//! takes over; the client speaks Ollama's API, the provider OpenAI's.
//!
//! `cargo run -p examples --bin own_upstream`

use std::{path::Path, sync::Arc};

use http::{Request, Response};
use llm_router_core::{
    catalogue::{Catalogue, Context, ProcessSecrets},
    prompts::Prompts,
    settings::{Settings, Sources},
};
use llm_router_endpoints::{Body, BoxFuture, State, Target, Upstream, UpstreamError, answer, strategies};
use serde_json::{Value, json};

/// The most that is read of a body, in bytes.
const MOST: usize = 1 << 20;

/// Answers for every provider.
struct Canned;

impl Upstream for Canned {
    fn send<'a>(
        &'a self,
        target: &'a Target,
        request: Request<Body>,
    ) -> BoxFuture<'a, Result<Response<Body>, UpstreamError>> {
        Box::pin(async move {
            if &*target.provider().id == "down" {
                return Err(UpstreamError::Connect("it is down".into()));
            }
            let body = request.into_body().read(MOST).await.map_err(|error| UpstreamError::Broken(error.into()))?;
            let asked: Value = serde_json::from_slice(&body).map_err(|error| UpstreamError::Broken(error.into()))?;
            let text = format!("{} was asked: {}", target.upstream_model(), asked["messages"][0]["content"]);
            let choice =
                json!({"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"});
            Ok(Response::new(json!({"object": "chat.completion", "choices": [choice]}).to_string().into()))
        })
    }
}

fn state() -> Result<State, Box<dyn std::error::Error>> {
    let models = json!({
        "active_models": {"chat": ["small"]},
        "chat": {"small": {"providers": [
            {"id": "down", "api_type": "vllm", "api_host": "http://one.invalid", "model_path": "small-7b"},
            {"id": "up", "api_type": "vllm", "api_host": "http://two.invalid", "model_path": "small-7b"},
        ]}},
    });
    let strategies = strategies();
    let context = Context { secrets: &ProcessSecrets, strategies: &strategies };
    let (catalogue, _warnings) = Catalogue::load(&models.to_string(), "models", context)?;
    let settings = Settings::load(Sources { strategies: &strategies, ..Sources::default() })?.settings;
    let (prompts, _warnings) = Prompts::load(Path::new("prompts"), "en")?; // the folder need not be there
    Ok(State::new(Arc::new(settings), catalogue, prompts)?)
}

#[expect(clippy::print_stdout, reason = "an example shows what comes back")]
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (state, canned) = (Arc::new(state()?), Arc::new(Canned));
    for content in ["Hello!", "And again!"] {
        let body = json!({"model": "small", "stream": false, "messages": [{"role": "user", "content": content}]});
        let request = Request::post("/api/chat").body(Body::from(body.to_string()))?;
        let answer = answer(&state, canned.clone(), Arc::new(()), request).await;
        let (head, body) = answer.into_parts();
        println!("{} {}", head.status, String::from_utf8_lossy(&body.read(MOST).await?));
    }
    Ok(())
}
