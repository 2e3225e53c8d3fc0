//! A text endpoint of your own: twenty lines, found without touching a list.
//!
//! The prompt is built in here; a file `resources/prompts/own/system/en/haiku.prompt` would override it. The rest is a
//! `main` that serves it beside everything else, with the demo model if no other is configured.

use std::sync::Arc;

use llm_router_core::{prompts::Embedded, settings::Sources};
use llm_router_endpoints::{
    Registration,
    text::{Arguments, Message, Plan, Prompted, Text},
};
use llm_router_mock::{Mock, Script};
use llm_router_server::{AccessLog, Models, Running, load, log::Log};
use serde_json::json;

struct Haiku;

inventory::submit! { Registration(&Text(Haiku)) }
inventory::submit! {
    Embedded { key: "own/system/en/haiku", text: "Write a haiku about ##TOPIC##. Answer with its three lines alone." }
}

impl Prompted for Haiku {
    fn path(&self) -> &'static str {
        "/haiku"
    }

    fn plan(&self, arguments: &mut Arguments) -> Plan {
        let topic = arguments.text("topic");
        let wish = arguments.optional_text("wish").unwrap_or_else(|| "Begin.".to_owned());
        Plan::one(vec![Message::user(wish)])
            .prompt("own", "haiku")
            .fill("TOPIC", topic)
            .shaped(|poem| json!({"lines": poem.lines().collect::<Vec<_>>()}))
    }
}

#[expect(clippy::print_stdout, reason = "an example says what to try")]
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let settings = load::settings(Sources { environment: std::env::vars().collect(), ..Sources::default() })?.settings;
    let mut models = Models::read(&settings)?;
    if models.wants_demo() {
        models = models.with_demo_at(&Mock::spawn(Script::default()).await?.url());
    }
    let (log, _writer, _) = Log::open(settings.log.file.clone())?;
    let access = AccessLog::new(log, &settings.log);
    let (state, _) = load::state(settings, &models)?;
    let running = Running::start(state, Arc::new(access))?;
    println!(
        "curl http://127.0.0.1:{}/api/haiku -d '{{\"model\":\"demo\",\"topic\":\"frogs\"}}'",
        running.address().port()
    );
    running.until_signal().await?;
    Ok(())
}
