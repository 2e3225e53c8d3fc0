//! The binary: arguments, logs, the event loop of the main thread, exit codes. No logic.

mod args;
mod check;
mod doctor;
mod logs;
mod mock;
mod operator;
mod say;
mod serve;
mod simulate;
mod top;
mod upgrade;
mod why;

use std::process::ExitCode;

use args::{Args, Command};
use clap::Parser as _;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let args = Args::parse();
    let result = match args.command {
        None => serve::run(&args.serve),
        Some(Command::Serve(args)) => serve::run(&args),
        Some(Command::Check(args)) => check::run(&args),
        Some(Command::Upgrade(args)) => upgrade::run(&args),
        Some(Command::Simulate(args)) => simulate::run(&args),
        Some(Command::Bench(args)) => llm_router_bench::run(&args, &mut std::io::stdout()).map_err(Into::into),
        Some(Command::Doctor(args)) => doctor::run(&args),
        Some(Command::Top(args)) => top::run(&args),
        Some(Command::Why(args)) => why::run(&args),
        Some(Command::Mock(args)) => mock::run(&args),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say::complain(&format!("llm-router: {error}"));
            ExitCode::FAILURE
        }
    }
}
