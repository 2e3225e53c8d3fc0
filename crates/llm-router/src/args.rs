//! The command line.

use std::path::PathBuf;

use clap::{Args as Group, Parser, Subcommand};

/// One REST surface before many LLM back-ends.
#[derive(Parser)]
#[command(
    name = "llm-router",
    version,
    args_conflicts_with_subcommands = true,
    after_help = "Without a command the router serves. Every setting stands in resources/llm-router.toml with its \
                  default and a sentence; set it there, as LLM_ROUTER_<NAME> in the environment, or with --set NAME=VALUE.\n\
                  Without a models file a built-in demo model answers, so a plain `llm-router` works at once."
)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
    #[command(flatten)]
    pub(crate) serve: Serve,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Serve clients (the default).
    Serve(Serve),
    /// Read settings, models and prompts, print every problem and warning, and exit: 0 when the router would start.
    Check(Check),
    /// Have the running router start its program anew and hand its listening sockets over: nothing is refused or cut.
    Upgrade(Serve),
    /// Compare the balancing strategies on simulated back-ends.
    #[command(after_long_help = SIMULATED)]
    Simulate(Simulate),
    /// Measure this router, or any gateway, and put others beside it.
    Bench(llm_router_bench::Args),
    /// Check settings, files, limits, clock, Redis and every provider, and say what to do: exits with 1 on a fault.
    Doctor(Doctor),
    /// Watch a running router in the terminal.
    Top(Admin),
    /// Tell what became of a request and why it went where it went.
    Why(Why),
    /// Run a scripted provider that speaks every dialect, for trials and tests.
    #[command(after_long_help = llm_router_mock::Script::grammar())]
    Mock(Mock),
}

/// How providers and records become back-ends and calls.
const SIMULATED: &str = "\
A provider of the models file (--models) becomes a server:
  id               its name
  weight           its weight; a provider of weight 2 is taken to be twice as fast as one of weight 1
  max_concurrency  the router's limit on it, and how many requests it serves at once
  providers_sleep  those that serve while the others are out
  api_type         without a limit, ollama and lmstudio serve 1 request at once, the others 64
  simulate         an object that says more, and counts more than the above:
    slots            requests served at once; the rest waits there
    prefill, decode  tokens per second of a prompt (2000 by weight), and of an answer (40 by weight)
    load_time        seconds to load a model (0)
    per_minute       requests per minute before it answers \"too many\" (no limit)
    cache            tokens of conversations that it remembers (0)
    troubles         a list of {\"what\": \"down\", \"from\": 60, \"to\": 90, \"every\": 1000}: seconds from the beginning, and
                     again in every period; what is down, refuses (\"too many\"), or slow (with \"speed\", the share
                     of its speed that is left, such as 0.1)
Serving takes no notice of simulate.

A line of a trace (--trace) is a call:
  {\"at\": 12.5, \"prompt\": 800, \"output\": 200, \"model\": \"NAME\", \"conversation\": \"ID\"}
  at            seconds, from any moment on; the order of lines does not matter
  prompt        tokens of the prompt
  output        tokens of the answer
  model         left out: any; with --models, calls of other models are passed over
  conversation  left out: none; calls of one conversation are what sticky keeps together
A log that the router wrote with log_format = \"json\" is a trace as well: its requests, by when they began, as far as
the providers counted their tokens. The first tenth of the time is not counted, so that everybody has learned by then.";

/// What to check.
#[derive(Group)]
pub(crate) struct Check {
    /// Print instead, as a table, what each client's API can carry to each provider type.
    #[arg(long)]
    pub(crate) capabilities: bool,
    #[command(flatten)]
    pub(crate) serve: Serve,
}

/// What to simulate.
#[derive(Group)]
pub(crate) struct Simulate {
    /// A scenario by its name, such as H1; an unknown name lists them all.
    #[arg(long, value_name = "NAME", default_value = "H1", conflicts_with = "models")]
    pub(crate) scenario: String,
    /// A models file, whose providers become the back-ends; see below for how.
    #[arg(long, value_name = "FILE")]
    pub(crate) models: Option<PathBuf>,
    /// Which of its models, where it has several.
    #[arg(long, value_name = "NAME", requires = "models")]
    pub(crate) model: Option<String>,
    /// Recorded calls instead of random ones: JSON lines, or the router's own log; see below.
    #[arg(long, value_name = "FILE")]
    pub(crate) trace: Option<PathBuf>,
    /// The load, in the unit of the scenario: mostly the share of what the back-ends can do (0.7 when left out). With a
    /// trace, how many times as often its calls come (1 when left out).
    #[arg(long, value_name = "X")]
    pub(crate) load: Option<f64>,
    /// Routers that send to the same back-ends; as the scenario has it when left out.
    #[arg(long, value_name = "COUNT")]
    pub(crate) replicas: Option<u32>,
    /// The same seed gives the same report, bit for bit.
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
    /// Print one JSON object instead of a table.
    #[arg(long)]
    pub(crate) json: bool,
    /// Write a plot to this file as well.
    #[arg(long, value_name = "FILE")]
    pub(crate) svg: Option<PathBuf>,
}

/// Settings; whatever stands here wins over the environment and the settings file.
#[derive(Group, Default)]
pub(crate) struct Serve {
    /// Settings file, instead of resources/llm-router.toml.
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Name or address to listen on [setting server_host].
    #[arg(long, value_name = "HOST")]
    host: Option<String>,
    /// Port to listen on; 0 lets the system choose [setting server_port].
    #[arg(long, value_name = "PORT")]
    port: Option<String>,
    /// Event-loop threads [setting server_workers_count].
    #[arg(long, value_name = "COUNT")]
    workers: Option<String>,
    /// Accepted for command lines of the Python version [setting server_threads_count].
    #[arg(long, value_name = "COUNT")]
    threads: Option<String>,
    /// Accepted for command lines of the Python version: there is one server here.
    #[arg(long, conflicts_with = "waitress")]
    gunicorn: bool,
    /// Accepted for command lines of the Python version: there is one server here.
    #[arg(long)]
    waitress: bool,
    /// Any setting by its name; may be repeated.
    #[arg(long = "set", value_name = "NAME=VALUE", value_parser = pair)]
    settings: Vec<(String, String)>,
}

impl Serve {
    /// The settings given as flags, by their names.
    pub(crate) fn flags(&self) -> Vec<(String, String)> {
        let named = [
            ("server_host", &self.host),
            ("server_port", &self.port),
            ("server_workers_count", &self.workers),
            ("server_threads_count", &self.threads),
        ];
        let named = named.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value.clone()?)));
        let kind = |on: bool, name: &str| on.then(|| ("server_type".to_owned(), name.to_owned()));
        named
            .chain(kind(self.gunicorn, "gunicorn"))
            .chain(kind(self.waitress, "waitress"))
            .chain(self.settings.iter().cloned())
            .collect()
    }
}

/// Where a running router's operator pages are.
#[derive(Group)]
pub(crate) struct Admin {
    /// URL of the router's operator pages [settings admin_host and admin_port].
    #[arg(long = "admin", value_name = "URL", default_value = "http://127.0.0.1:8081")]
    pub(crate) url: String,
}

/// One request.
#[derive(Group)]
pub(crate) struct Why {
    /// Its id, as the answer's header x-request-id and the log have it.
    pub(crate) id: String,
    #[command(flatten)]
    pub(crate) admin: Admin,
}

/// An examination.
#[derive(Group)]
pub(crate) struct Doctor {
    #[command(flatten)]
    pub(crate) serve: Serve,
    /// Also ask every provider for a streamed answer of one token, which it may charge for.
    #[arg(long)]
    pub(crate) stream: bool,
}

/// A provider to play with.
#[derive(Group)]
pub(crate) struct Mock {
    /// Address to listen on; port 0 lets the system choose.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:9000")]
    pub(crate) listen: String,
    /// What it does: delays, faults, sizes. `--help` lists the directives at its end.
    #[arg(long, value_name = "SCRIPT", default_value = "")]
    pub(crate) script: String,
}

fn pair(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("wanted NAME=VALUE, such as server_port=9000")?;
    Ok((name.trim().to_owned(), value.to_owned()))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Args::command().debug_assert();
    }

    #[test]
    fn flags_become_settings_by_name() {
        let args = Args::parse_from(["llm-router", "--gunicorn", "--port", "9", "--set", "log-level=debug"]);
        let want = [("server_port", "9"), ("server_type", "gunicorn"), ("log-level", "debug")];
        assert_eq!(args.serve.flags(), want.map(|(name, value)| (name.to_owned(), value.to_owned())));
    }
}
