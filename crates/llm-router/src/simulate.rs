//! `llm-router simulate`: back-ends of a scenario under every strategy, beside a scheduler that knows the future.

use llm_router_balancer::sim::{Format, Request, simulate};

use crate::args::Simulate;

#[expect(clippy::print_stdout, reason = "the report is the command's output")]
pub(crate) fn run(args: &Simulate) -> Result<(), Box<dyn std::error::Error>> {
    let mut request = Request {
        scenario: args.scenario.clone(),
        load: args.load,
        replicas: args.replicas,
        seed: args.seed,
        format: if args.json { Format::Json } else { Format::Table },
    };
    print!("{}", simulate(&request)?);
    if let Some(file) = &args.svg {
        request.format = Format::Svg;
        std::fs::write(file, simulate(&request)?)?;
    }
    Ok(())
}
