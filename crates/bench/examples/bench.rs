//! The benchmark as a program of its own, so that one and the same meter measures any build of the router.

use std::io;
use std::process::ExitCode;

use clap::Parser;

#[derive(Parser)]
#[command(about = "Measure a gateway, alone or beside others")]
struct Cli {
    #[command(flatten)]
    bench: llm_router_bench::Args,
}

#[expect(clippy::print_stderr, reason = "a program says why it failed")]
fn main() -> ExitCode {
    match llm_router_bench::run(&Cli::parse().bench, &mut io::stdout()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: {error}");
            ExitCode::FAILURE
        }
    }
}
