//! The command line of the benchmark.

use std::net::SocketAddr;
use std::time::Duration;

use clap::{Args as ClapArgs, Subcommand};

use crate::target::Target;
use crate::work::{Job, Limit, Sizes, Work};

/// Measure a gateway, alone or beside others.
#[derive(Debug, Clone, ClapArgs)]
pub struct Args {
    /// What to run.
    #[command(subcommand)]
    pub command: Command,
}

/// A kind of measurement, or the provider it needs.
#[derive(Debug, Clone, Subcommand)]
pub enum Command {
    /// Every connection sends its next request when it has the answer to the last
    Closed(ClosedArgs),
    /// Requests start at a fixed rate; latency counts from when a request was due
    Open(OpenArgs),
    /// Streams: CPU per chunk, time to first frame, gaps, lost and merged frames
    Streams(StreamsArgs),
    /// Silent open streams: memory of each, and whether they end when the client leaves
    Idle(IdleArgs),
    /// All of the above in the sizes the project is judged by; prints one table of ratios
    Suite(SuiteArgs),
    /// Serve the imitated provider that the gateways under test forward to
    Provider(ProviderArgs),
}

/// Where to measure, and how often.
#[derive(Debug, Clone, ClapArgs)]
pub struct Common {
    /// The gateway; CPU and memory need its process id.
    #[arg(help = "The gateway: [NAME=]http://HOST:PORT[/PATH][=PID]; CPU and memory need its process id")]
    pub target: Target,
    /// Another gateway beside it, repeatable; ratios are to the first
    #[arg(long, value_name = "TARGET")]
    pub against: Vec<Target>,
    /// A further column, repeatable: the first target's figures as ratio to the second's
    #[arg(long, value_name = "NAME/NAME", value_parser = pair)]
    pub compare: Vec<(String, String)>,
    /// The provider itself: what a gateway adds to its latency is reported
    #[arg(long, value_name = "TARGET")]
    pub direct: Option<Target>,
    /// Rounds; each takes all targets in turn, and medians are reported
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..=100))]
    pub rounds: u16,
    /// Model name in the requests
    #[arg(long, default_value = "bench")]
    pub model: String,
    /// A further request header, repeatable, such as 'Authorization: Bearer KEY'
    #[arg(long = "header", value_name = "NAME: VALUE", value_parser = header)]
    pub headers: Vec<String>,
    /// Print JSON instead of a table
    #[arg(long)]
    pub json: bool,
    /// Load machines other than this one
    #[arg(long)]
    pub allow_remote: bool,
}

/// When a round ends.
#[derive(Debug, Clone, Copy, ClapArgs)]
pub struct LimitArgs {
    /// Requests (or streams) of a round at most
    #[arg(long, default_value_t = 1_000_000, value_parser = clap::value_parser!(u64).range(1..=10_000_000))]
    pub requests: u64,
    /// Seconds during which a round starts new ones
    #[arg(long, default_value_t = 5.0, value_parser = seconds)]
    pub seconds: f64,
}

/// Sizes of the bodies.
#[derive(Debug, Clone, Copy, ClapArgs)]
pub struct SizeArgs {
    /// Bytes of a request body
    #[arg(long, default_value_t = 1024, value_parser = clap::value_parser!(u32).range(0..=67_000_000))]
    pub body: u32,
    /// Bytes of an answer body; the imitated provider obeys
    #[arg(long, default_value_t = 1024, value_parser = clap::value_parser!(u32).range(512..=16_000_000))]
    pub answer: u32,
}

/// Options of `closed`.
#[derive(Debug, Clone, ClapArgs)]
pub struct ClosedArgs {
    #[command(flatten)]
    #[expect(missing_docs, reason = "clap would show it as the command's description")]
    pub common: Common,
    /// Connections, each with one request under way
    #[arg(long, default_value_t = 32, value_parser = clap::value_parser!(u32).range(1..=50_000))]
    pub connections: u32,
    #[command(flatten)]
    #[expect(missing_docs, reason = "clap would show it as the command's description")]
    pub sizes: SizeArgs,
    #[command(flatten)]
    #[expect(missing_docs, reason = "clap would show it as the command's description")]
    pub limit: LimitArgs,
}

/// Options of `open`.
#[derive(Debug, Clone, ClapArgs)]
pub struct OpenArgs {
    #[command(flatten)]
    #[expect(missing_docs, reason = "clap would show it as the command's description")]
    pub common: Common,
    /// Requests a second
    #[arg(long, default_value_t = 1000.0, value_parser = rate)]
    pub rate: f64,
    /// Connections at most; waiting for a free one counts as latency
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=50_000))]
    pub connections: u32,
    #[command(flatten)]
    #[expect(missing_docs, reason = "clap would show it as the command's description")]
    pub sizes: SizeArgs,
    #[command(flatten)]
    #[expect(missing_docs, reason = "clap would show it as the command's description")]
    pub limit: LimitArgs,
}

/// Options of `streams`.
#[derive(Debug, Clone, ClapArgs)]
pub struct StreamsArgs {
    #[command(flatten)]
    #[expect(missing_docs, reason = "clap would show it as the command's description")]
    pub common: Common,
    /// Streams at a time
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..=50_000))]
    pub streams: u32,
    /// Chunks of each stream
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=999_999))]
    pub chunks: u32,
    /// Milliseconds before each chunk but the first; 0 for as fast as it goes
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(0..=60_000))]
    pub pause: u32,
    #[command(flatten)]
    #[expect(missing_docs, reason = "clap would show it as the command's description")]
    pub limit: LimitArgs,
}

/// Options of `idle`.
#[derive(Debug, Clone, ClapArgs)]
pub struct IdleArgs {
    #[command(flatten)]
    #[expect(missing_docs, reason = "clap would show it as the command's description")]
    pub common: Common,
    /// Streams open at a time; client and gateway need as many file descriptors, the gateway twice
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=50_000))]
    pub streams: u32,
}

/// Options of `suite`.
#[derive(Debug, Clone, ClapArgs)]
pub struct SuiteArgs {
    #[command(flatten)]
    #[expect(missing_docs, reason = "clap would show it as the command's description")]
    pub common: Common,
    /// Streams open at a time in the memory row
    #[arg(long, default_value_t = 5000, value_parser = clap::value_parser!(u32).range(1..=50_000))]
    pub idle_streams: u32,
    /// Shorter rounds: coarser figures
    #[arg(long)]
    pub short: bool,
    /// A target by its name, repeatable, that translates: adds rows in which it is asked in a dialect that its provider
    /// does not speak, and every other target in the one that it does. Its model is --model with -ollama or -anthropic
    /// behind it where the provider speaks these
    #[arg(long, value_name = "NAME")]
    pub translating: Vec<String>,
}

/// Options of `provider`.
#[derive(Debug, Clone, Copy, ClapArgs)]
pub struct ProviderArgs {
    /// Address to listen on; port 0 takes a free one, and the first line printed tells which
    #[arg(long, default_value = "127.0.0.1:0")]
    pub listen: SocketAddr,
    /// Listen on so many addresses, counted up from that of --listen, at the same port: each is a provider to a gateway
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub hosts: u32,
}

impl Command {
    /// Where to measure; nothing for the provider.
    #[must_use]
    pub fn common(&self) -> Option<&Common> {
        match self {
            Self::Closed(args) => Some(&args.common),
            Self::Open(args) => Some(&args.common),
            Self::Streams(args) => Some(&args.common),
            Self::Idle(args) => Some(&args.common),
            Self::Suite(args) => Some(&args.common),
            Self::Provider(_) => None,
        }
    }

    /// The targets that have to translate, by name.
    #[must_use]
    pub fn translating(&self) -> &[String] {
        if let Self::Suite(args) = self { &args.translating } else { &[] }
    }

    /// What to measure, in order.
    #[must_use]
    pub fn jobs(&self) -> Vec<Job> {
        let work = match self {
            Self::Closed(args) => Work::Closed {
                connections: args.connections as usize,
                sizes: args.sizes.into(),
                limit: args.limit.into(),
            },
            Self::Open(args) => Work::Open {
                rate: args.rate,
                connections: args.connections as usize,
                sizes: args.sizes.into(),
                limit: args.limit.into(),
            },
            Self::Streams(args) => Work::Streams {
                streams: args.streams as usize,
                chunks: args.chunks,
                pause: Duration::from_millis(args.pause.into()),
                limit: args.limit.into(),
            },
            Self::Idle(args) => Work::Idle { streams: args.streams as usize },
            Self::Suite(args) => {
                return Job::suite(args.idle_streams as usize, args.short, !args.translating.is_empty());
            }
            Self::Provider(_) => return Vec::new(),
        };
        vec![work.into()]
    }
}

impl From<LimitArgs> for Limit {
    fn from(args: LimitArgs) -> Self {
        Self { requests: args.requests, time: Duration::from_secs_f64(args.seconds) }
    }
}

impl From<SizeArgs> for Sizes {
    fn from(args: SizeArgs) -> Self {
        Self { request: args.body as usize, answer: args.answer as usize }
    }
}

fn within(text: &str, least: f64, most: f64) -> Result<f64, String> {
    let number: f64 = text.parse().map_err(|_| "not a number".to_owned())?;
    if (least..=most).contains(&number) { Ok(number) } else { Err(format!("must be from {least} to {most}")) }
}

fn seconds(text: &str) -> Result<f64, String> {
    within(text, 0.01, 3600.0)
}

fn rate(text: &str) -> Result<f64, String> {
    within(text, 0.1, 1_000_000.0)
}

fn pair(text: &str) -> Result<(String, String), String> {
    let (one, other) = text.split_once('/').ok_or("expected NAME/NAME")?;
    Ok((one.to_owned(), other.to_owned()))
}

fn header(text: &str) -> Result<String, String> {
    let clean = !text.contains(['\r', '\n']) && text.find(':').is_some_and(|colon| colon > 0);
    if clean { Ok(text.to_owned()) } else { Err("expected NAME: VALUE".to_owned()) }
}
