//! `llm-router check`: everything that is wrong with the configuration, at once.

use llm_router_core::translate::capabilities;
use llm_router_server::load;

use crate::{args::Check, serve};

/// Stands for the demo provider, which a check does not start.
pub(crate) const NOWHERE: &str = "http://127.0.0.1:1";

#[expect(clippy::print_stdout, reason = "the findings are the command's output")]
pub(crate) fn run(args: &Check) -> Result<(), Box<dyn std::error::Error>> {
    if args.capabilities {
        println!("{}", capabilities());
        return Ok(());
    }
    let ((state, origin), warnings) = load::check(serve::sources(&args.serve), NOWHERE)?;
    for warning in &warnings {
        println!("warning: {warning}");
    }
    let count = state.catalogue.models().len();
    let providers: usize = state.catalogue.models().iter().map(|model| model.providers.len()).sum();
    println!("ok: {count} models with {providers} providers, from {origin}");
    Ok(())
}
