//! `llm-router check`: everything that is wrong with the configuration, at once.

use llm_router_core::translate::capabilities;
use llm_router_server::load;

use crate::{
    args::Check,
    say::{counted, say},
    serve,
};

/// Stands for the demo provider, which a check does not start.
pub(crate) const NOWHERE: &str = "http://127.0.0.1:1";

pub(crate) fn run(args: &Check) -> Result<(), Box<dyn std::error::Error>> {
    if args.capabilities {
        say(&capabilities().to_string());
        return Ok(());
    }
    let ((state, origin), warnings) = load::check(serve::sources(&args.serve), NOWHERE)?;
    for warning in &warnings {
        say(&format!("warning: {warning}"));
    }
    let count = state.catalogue.models().len();
    let providers: usize = state.catalogue.models().iter().map(|model| model.providers.len()).sum();
    let (models, providers) = (counted(count, "model"), counted(providers, "provider"));
    say(&format!("ok: {models} with {providers}, from {origin}"));
    Ok(())
}
