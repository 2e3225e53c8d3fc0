//! `llm-router check`: everything that is wrong with the configuration, at once.

use llm_router_server::{Models, load};

use crate::{args::Serve, serve};

#[expect(clippy::print_stdout, reason = "the findings are the command's output")]
pub(crate) fn run(args: &Serve) -> Result<(), Box<dyn std::error::Error>> {
    let loaded = load::settings(serve::sources(args))?;
    let models = Models::read(&loaded.settings)?.with_demo_at("http://127.0.0.1:1");
    let (state, warnings) = load::state(loaded.settings, &models)?;
    for warning in loaded.warnings.iter().chain(&warnings) {
        println!("warning: {warning}");
    }
    let count = state.catalogue.models().len();
    let providers: usize = state.catalogue.models().iter().map(|model| model.providers.len()).sum();
    println!("ok: {count} models with {providers} providers, from {}", models.origin);
    Ok(())
}
