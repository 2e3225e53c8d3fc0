//! Simulates a scenario and prints what was found: `simulate NAME LOAD [REPLICAS [SEED]] [json|table|svg]`.

#![expect(clippy::print_stdout, reason = "it prints what was found")]

use llm_router_balancer::sim::{Format, Request, simulate};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments: Vec<String> = std::env::args().skip(1).collect();
    let format = match arguments.last().map(String::as_str) {
        Some("json") => Some(Format::Json),
        Some("svg") => Some(Format::Svg),
        Some("table") => Some(Format::Table),
        _ => None,
    };
    if format.is_some() {
        arguments.pop();
    }
    let number = |at: usize| arguments.get(at).map(|text| text.parse::<u32>()).transpose();
    let request = Request {
        scenario: arguments.first().cloned().unwrap_or_else(|| "H1".into()),
        load: arguments.get(1).map_or(Ok(0.7), |text| text.parse())?,
        replicas: number(2)?,
        seed: number(3)?.unwrap_or(1).into(),
        format: format.unwrap_or_default(),
    };
    print!("{}", simulate(&request)?);
    Ok(())
}
