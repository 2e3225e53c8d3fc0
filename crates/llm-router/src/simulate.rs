//! `llm-router simulate`: back-ends under every strategy, beside a scheduler that knows the future.

use llm_router_balancer::sim::{Format, run as simulated};
use llm_router_server::simulate::{Wanted, scenario};

use crate::{
    args::Simulate,
    say::{complain, say_all},
};

/// The load of a scenario, where none is given, and that of a trace: as it was recorded.
const LOAD: f64 = 0.7;
const RECORDED: f64 = 1.0;

pub(crate) fn run(args: &Simulate) -> Result<(), Box<dyn std::error::Error>> {
    let (scenario, warnings) = scenario(&Wanted {
        scenario: args.scenario.clone(),
        models: args.models.clone(),
        model: args.model.clone(),
        trace: args.trace.clone(),
    })?;
    for warning in &warnings {
        complain(&format!("warning: {warning}"));
    }
    let load = args.load.unwrap_or(if args.trace.is_some() { RECORDED } else { LOAD });
    let report = simulated(&scenario, load, args.replicas.unwrap_or(scenario.replicas), args.seed)?;
    say_all(&report.show(if args.json { Format::Json } else { Format::Table }));
    if let Some(file) = &args.svg {
        std::fs::write(file, report.show(Format::Svg))?;
    }
    Ok(())
}
