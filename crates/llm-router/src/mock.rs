//! `llm-router mock`: the scripted provider by itself.

use llm_router_mock::{Mock, MockServer, Script};

use crate::{args, say::say};

/// The demo provider: it has the one model of the demo.
pub(crate) async fn demo() -> std::io::Result<MockServer> {
    Mock::spawn(Script::parse("models=demo").unwrap_or_default()).await
}

pub(crate) fn run(args: &args::Mock) -> Result<(), Box<dyn std::error::Error>> {
    let script = Script::parse(&args.script)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mock = Mock::bind(args.listen.as_str(), script).await?;
        say(&format!("a scripted provider listens on {}", mock.server().url()));
        tokio::select! {
            () = mock.serve() => Ok(()),
            result = tokio::signal::ctrl_c() => Ok(result?),
        }
    })
}
