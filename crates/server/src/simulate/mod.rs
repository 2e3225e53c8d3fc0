//! What `llm-router simulate` simulates: a scenario of the simulator, or the providers of a models file; with calls at
//! random, or recorded ones.

mod fleet;
mod trace;

use std::path::{Path, PathBuf};

use llm_router_balancer::sim::{self, Call, SCENARIOS, Scenario, Traffic};
use llm_router_core::problem::{Problem, Problems};

/// What is wanted.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    /// A scenario by its name, where no models file is given.
    pub scenario: String,
    /// A models file.
    pub models: Option<PathBuf>,
    /// Which of its models.
    pub model: Option<String>,
    /// Recorded calls.
    pub trace: Option<PathBuf>,
}

/// The scenario, and what its author should know.
///
/// # Errors
/// All problems at once: files that cannot be read, and everything in them that is not what it must be.
pub fn scenario(wanted: &Wanted) -> Result<(Scenario, Vec<Problem>), Problems> {
    let (mut scenario, mut warnings) = match &wanted.models {
        Some(file) => fleet::scenario(&read(file)?, &file.display().to_string(), wanted.model.as_deref())?,
        None => (named(&wanted.scenario)?, Vec::new()),
    };
    if let Some(file) = &wanted.trace {
        let model = wanted.models.is_some().then_some(scenario.name.as_str());
        let (calls, more) = trace::read(&read(file)?, &file.display().to_string(), model)?;
        warnings.extend(more);
        play(&mut scenario, calls);
    }
    Ok((scenario, warnings))
}

fn named(name: &str) -> Result<Scenario, Problems> {
    sim::scenario(name).ok_or_else(|| {
        let message = format!("is not a scenario; there are: {}", SCENARIOS.join(", "));
        Problem::new("--scenario", message).value(name).did_you_mean(name, SCENARIOS).into()
    })
}

/// Has a scenario meet recorded calls instead of its own.
fn play(scenario: &mut Scenario, calls: Vec<Call>) {
    let talks = calls.iter().any(|call| call.conversation.is_some());
    let sticky = || "sticky".to_owned();
    if talks && !scenario.strategies.contains(&sticky()) {
        scenario.strategies.push(sticky());
    }
    scenario.seconds = calls.iter().map(|call| call.at).fold(0.0, f64::max).max(1.0);
    // The calls are the same whatever the seed.
    scenario.runs = 1;
    scenario.traffic = Traffic::Trace(calls);
}

fn read(file: &Path) -> Result<String, Problems> {
    std::fs::read_to_string(file)
        .map_err(|error| Problem::new(file.display().to_string(), format!("cannot be read: {error}")).into())
}
