//! The simulator as a command: names and numbers in, text out.

use super::{Report, SimError, run, scenario, svg};

/// What to simulate, and how to show it.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    /// One of [`SCENARIOS`](super::SCENARIOS), in either case.
    pub scenario: String,
    /// The load, in the unit of the scenario.
    pub load: f64,
    /// Replicas of the router; `None`: as the scenario has it.
    pub replicas: Option<u32>,
    /// The seed. The same seed gives the same text, bit for bit.
    pub seed: u64,
    /// How to show it.
    pub format: Format,
}

/// How a report is shown.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Format {
    /// See [`Report::json`].
    Json,
    /// See [`Report::table`].
    #[default]
    Table,
    /// See [`svg`].
    Svg,
}

impl Report {
    /// The report in this format.
    #[must_use]
    pub fn show(&self, format: Format) -> String {
        match format {
            Format::Json => self.json(),
            Format::Table => self.table(),
            Format::Svg => svg(std::slice::from_ref(self)),
        }
    }
}

/// Runs a scenario by name and shows what was found.
///
/// # Errors
/// [`SimError`]: there is no such scenario, or a number makes no sense.
pub fn simulate(request: &Request) -> Result<String, SimError> {
    let unknown = || SimError::UnknownScenario { name: request.scenario.clone() };
    let scenario = scenario(&request.scenario).ok_or_else(unknown)?;
    let replicas = request.replicas.unwrap_or(scenario.replicas);
    Ok(run(&scenario, request.load, replicas, request.seed)?.show(request.format))
}
