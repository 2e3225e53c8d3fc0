//! `llm-router serve`: reads, starts, and stays until a signal.

use std::{io::Write as _, sync::Arc};

use llm_router_core::{problem::Problem, settings::Sources};
use llm_router_server::{AccessLog, Inherited, Models, Origin, Program, Running, load};

use crate::{args::Serve, check::NOWHERE, logs, mock};

/// Where settings come from for this command line and this process.
pub(crate) fn sources(args: &Serve) -> Sources<'static> {
    Sources { file: args.config.clone(), environment: environment(), flags: args.flags(), strategies: &[] }
}

/// What a reload reads again. The environment and the command line of a process stay what they were.
fn origin(args: &Serve) -> Origin {
    Origin { file: args.config.clone(), environment: environment(), flags: args.flags(), demo: None }
}

fn environment() -> Vec<(String, String)> {
    std::env::vars_os()
        .map(|(name, value)| (name.to_string_lossy().into_owned(), value.to_string_lossy().into_owned()))
        .collect()
}

pub(crate) fn run(args: &Serve) -> Result<(), Box<dyn std::error::Error>> {
    // Whoever has to mend the settings is told of the models and prompts as well.
    let loaded =
        load::settings(sources(args)).map_err(|found| load::check(sources(args), NOWHERE).err().unwrap_or(found))?;
    let mut warnings = loaded.warnings;
    let (log, _writer, log_warning) = logs::start(&loaded.settings.log)?;
    warnings.extend(log_warning);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut models = Models::read(&loaded.settings)?;
        let mut origin = origin(args);
        let demo = models.wants_demo();
        if demo {
            let mock = mock::demo().await?;
            models = models.with_demo_at(&mock.url());
            origin.demo = Some(mock.url());
        }
        let (state, more) = load::state(loaded.settings, &models)?;
        warnings.extend(more);
        tell(&warnings);
        let settings = Arc::clone(&state.settings);
        let names: Vec<Arc<str>> = state.catalogue.models().iter().map(|model| Arc::clone(&model.name)).collect();
        let access = Arc::new(AccessLog::new(log.clone(), &settings.log));
        let running = Running::start_on(Inherited::take()?, state, access)?;
        running.upgrades_to(Program::this()?);
        running.reloads_from(origin);
        let address = running.address();
        tracing::info!(%address, models = names.len(), workers = settings.server.workers.get(), "serving");
        greet(&format!("http://127.0.0.1:{}", address.port()), names.first().map(|name| &**name), demo);
        if let Some(admin) = running.admin_address() {
            point(&format!("http://{admin}"));
        }
        tokio::select! {
            ended = running.until_signal() => ended?,
            () = logs::reopen_on_hangup(&log) => {}
        }
        Ok(())
    })
}

fn tell(warnings: &[Problem]) {
    for warning in warnings {
        tracing::warn!("{warning}");
    }
}

fn point(admin: &str) {
    // Whoever listened may be gone; that is no reason to end.
    let _ = writeln!(std::io::stdout(), "For operators: {admin}/readyz\n");
}

fn greet(url: &str, model: Option<&str>, demo: bool) {
    let Some(model) = model else { return };
    let demo = if demo { " with the built-in demo" } else { "" };
    // Whoever listened may be gone; that is no reason to end.
    let _ = writeln!(
        std::io::stdout(),
        "llm-router serves on {url}{demo}. Try:\n\n  \
         curl -N {url}/v1/chat/completions -H 'content-type: application/json' \\\n    \
         -d '{{\"model\":\"{model}\",\"stream\":true,\"messages\":[{{\"role\":\"user\",\"content\":\"Hello!\"}}]}}'\n"
    );
}
