//! The settings: defaults, then a file, then `LLM_ROUTER_*` variables, then flags, checked as a whole.
//!
//! One flat name serves everywhere: `server_port` in the file, `LLM_ROUTER_SERVER_PORT` in the environment,
//! `--set server_port=` as a flag. To add a setting, add a field and its line in `read` of one section below,
//! and a sentence in `resources/llm-router.toml`; a test holds the two together.

mod admin;
mod capture;
mod images;
mod layer;
mod log;
mod models;
mod queue;
mod reader;
mod redis;
mod retry;
mod server;
#[cfg(test)]
mod tests;
mod tls;
mod upstream;
pub mod word;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
};

use layer::{Found, Layers, Origin};
use reader::Reader;

use crate::problem::{Findings, Problem, Problems};

pub use self::{
    admin::Admin,
    capture::Capture,
    images::{ImageHost, Images, Reach},
    layer::PREFIX,
    log::{Log, LogFormat, LogLevel, Metrics, Traces},
    models::Models,
    queue::Queue,
    redis::{OnRedisDown, Redis},
    retry::Retry,
    server::{Server, ServerType},
    tls::Tls,
    upstream::{Timeouts, Upstream},
};

/// The settings file as shipped: every key with its default.
pub const SHIPPED: &str = include_str!("../../../../resources/llm-router.toml");

/// Where the settings file is looked for when none is named.
pub const FILE: &str = "resources/llm-router.toml";

/// Everything an operator can set, checked.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The listening side.
    pub server: Server,
    /// The operator's listener.
    pub admin: Admin,
    /// TLS towards clients, if there is any.
    pub tls: Option<Tls>,
    /// The way to the providers.
    pub upstream: Upstream,
    /// Pictures that clients give by URL.
    pub images: Images,
    /// What is served.
    pub models: Models,
    /// Waiting for a provider.
    pub queue: Queue,
    /// What is sent more than once.
    pub retry: Retry,
    /// Logs.
    pub log: Log,
    /// Bodies that are written down, if any are.
    pub capture: Option<Arc<Capture>>,
    /// Metrics.
    pub metrics: Metrics,
    /// State shared between routers.
    pub redis: Redis,
}

/// Where settings are read from.
#[derive(Debug, Default)]
pub struct Sources<'a> {
    /// A settings file that must exist. Without one, [`FILE`] is read if it exists.
    pub file: Option<PathBuf>,
    /// Environment variables; those that do not begin with [`PREFIX`] are passed over.
    pub environment: Vec<(String, String)>,
    /// Flags by setting name, in either spelling: `server-port` or `server_port`.
    pub flags: Vec<(String, String)>,
    /// The balancing strategies there are.
    pub strategies: &'a [&'a str],
}

impl Sources<'_> {
    /// Sets one setting, over the file and the environment: `.flag("server_port", 0)`. The names stand in
    /// `resources/llm-router.toml`; one that is none of them is a warning, [`Loaded::warnings`].
    #[must_use]
    pub fn flag(mut self, name: &str, value: impl ToString) -> Self {
        self.flags.push((name.to_owned(), value.to_string()));
        self
    }
}

/// Settings, and what their author should know.
#[derive(Debug)]
pub struct Loaded {
    /// The settings.
    pub settings: Settings,
    /// What is odd but does no harm.
    pub warnings: Vec<Problem>,
}

impl Settings {
    /// Reads and checks all sources.
    ///
    /// # Errors
    ///
    /// All problems at once: a file that cannot be read, and every value that is not what its setting allows.
    pub fn load(sources: Sources<'_>) -> Result<Loaded, Problems> {
        let (settings, findings) = Self::examine(sources);
        let (settings, warnings) = findings.finish(settings)?;
        Ok(Loaded { settings, warnings })
    }

    /// Reads all sources, takes the default for everything that is wrong, and says what is. Good for looking further,
    /// into the files that the settings name; nothing should run on settings with problems.
    #[must_use]
    pub fn examine(sources: Sources<'_>) -> (Self, Findings) {
        let mut findings = Findings::default();
        let mut layers = Layers::default().toml(Origin::Default, "built-in settings", SHIPPED, &mut findings);
        if let Some((name, text)) = read_file(sources.file.as_deref(), &mut findings) {
            layers = layers.toml(Origin::File, &name, &text, &mut findings);
        }
        let environment = sources.environment.into_iter().filter_map(|(name, value)| {
            let key = name.strip_prefix(PREFIX).filter(|key| !key.is_empty())?.to_ascii_lowercase();
            Some((key, value))
        });
        let flags = sources.flags.into_iter().map(|(name, value)| (name.replace('-', "_"), value));
        let values = layers.texts(Origin::Environment, environment).texts(Origin::Flag, flags).merge(&mut findings);
        protections(&values, &mut findings);
        let (settings, _) = check(&values, sources.strategies, &mut findings);
        (settings, findings)
    }
}

/// Turns values into settings; also returns the known keys with the text of their defaults.
fn check(
    values: &BTreeMap<String, Found>,
    strategies: &[&str],
    findings: &mut Findings,
) -> (Settings, Vec<(&'static str, String)>) {
    let mut reader = Reader::new(values, findings);
    let r = &mut reader;
    let settings = Settings {
        server: Server::read(r),
        admin: Admin::read(r),
        tls: Tls::read(r),
        upstream: Upstream::read(r),
        images: Images::read(r),
        models: Models::read(r, strategies),
        queue: Queue::read(r),
        retry: Retry::read(r),
        log: Log::read(r),
        capture: Capture::read(r).map(Arc::new),
        metrics: Metrics::read(r),
        redis: Redis::read(r),
    };
    r.report_unknown();
    (settings, reader.known)
}

fn read_file(named: Option<&Path>, findings: &mut Findings) -> Option<(String, String)> {
    let path = named.unwrap_or(Path::new(FILE));
    let name = path.display().to_string();
    match std::fs::read_to_string(path) {
        Ok(text) => Some((name, text)),
        Err(error) if named.is_none() && error.kind() == std::io::ErrorKind::NotFound => None,
        Err(error) => {
            findings.problem(Problem::new(name, format!("cannot be read: {error}")));
            None
        }
    }
}

/// Switches of the later Python versions that protect something. To ignore one would expose what it guards.
const PROTECTIONS: [&str; 4] = ["auth_enabled", "force_masking", "force_guardrail_request", "force_guardrail_response"];

fn protections(values: &BTreeMap<String, Found>, findings: &mut Findings) {
    for key in PROTECTIONS {
        let Some(found) = values.get(key) else { continue };
        let text = found.raw.text().unwrap_or_default();
        if word::boolean(&text) != Some(false) {
            let problem = Problem::new(&found.place, "asks for a protection that this router does not have");
            findings.problem(problem.value(text).hint("remove it to run without"));
        }
    }
}
