//! The benchmark of llm-router: a load client that checks every answer, reads what the gateway's processes
//! used, and puts other gateways beside it; and an imitated provider for all of them to forward to.
//!
//! How to read the figures. CPU time of the gateway's processes per right answer (or per frame) is the one to
//! compare: throughput and latency depend on what else the machine does. Targets take turns within a round, and a
//! ratio is the median of the ratios within rounds. A row in which one target merged many frames and another few
//! compares little: merged frames share their cost. On loopback a gateway also pays for waking its sleeping peers, a
//! slower gateway more often than a faster one, so a saving often shows larger than it is. On a shared machine give
//! the gateway a core of its own, or measure again when it is quiet.
//!
//! ```no_run
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use clap::Parser;
//!
//! #[derive(Parser)]
//! struct Cli {
//!     #[command(flatten)]
//!     bench: llm_router_bench::Args,
//! }
//! llm_router_bench::run(&Cli::parse().bench, &mut std::io::stdout())?;
//! # Ok(())
//! # }
//! ```

mod args;
mod connection;
mod dialect;
mod error;
mod fault;
mod frames;
mod idle;
mod load;
mod measure;
mod process;
mod provider;
mod report;
mod run;
mod script;
mod streams;
mod suite;
mod tally;
mod target;
mod watch;
mod wire;
mod work;

pub use args::{
    Args, ClosedArgs, Command, Common, IdleArgs, LimitArgs, OpenArgs, ProviderArgs, SizeArgs, StreamsArgs, SuiteArgs,
};
pub use dialect::Dialect;
pub use error::Error;
pub use measure::Measure;
pub use provider::Provider;
pub use report::{Figure, Outcome, Report, Row};
pub use run::run;
pub use target::Target;
pub use work::{Job, Limit, Sizes, Translation, Work};
