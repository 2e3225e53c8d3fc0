//! Reload: settings, models, prompts and certificates read again and put in place at once, or not at all.

use std::{
    path::PathBuf,
    sync::{Mutex, PoisonError},
};

use llm_router_core::{
    problem::{Problem, Problems},
    settings::{Settings, Sources},
};
use llm_router_endpoints::State;

use crate::{
    load::{self, Models},
    tls,
    worker::Shared,
};

/// From what a router was made: enough to make it again from the files as they are then.
#[derive(Debug, Default)]
pub struct Origin {
    /// The settings file named at the start.
    pub file: Option<PathBuf>,
    /// The environment of the process.
    pub environment: Vec<(String, String)>,
    /// The flags of the command line.
    pub flags: Vec<(String, String)>,
    /// Where the demo provider is, when one was started.
    pub demo: Option<String>,
}

impl Origin {
    /// Reads settings and models as they are now.
    fn read(&self) -> Result<(Settings, Models, Vec<Problem>), Problems> {
        let sources = Sources {
            file: self.file.clone(),
            environment: self.environment.clone(),
            flags: self.flags.clone(),
            strategies: &[],
        };
        let loaded = load::settings(sources)?;
        let mut models = Models::read(&loaded.settings)?;
        if models.wants_demo() {
            let Some(url) = &self.demo else {
                let problem = Problem::new(models.origin, "asks for the built-in demo, which was not started");
                return Err(problem.hint("restart the router").into());
            };
            models = models.with_demo_at(url);
        }
        Ok((loaded.settings, models, loaded.warnings))
    }
}

/// What a reload came to.
#[derive(Debug)]
pub struct Reloaded {
    /// The version now in place.
    pub version: String,
    /// Whether anything is different from before.
    pub changed: bool,
    /// What is odd but does no harm, and what takes effect with the next start alone.
    pub warnings: Vec<Problem>,
}

/// Makes reloads one at a time.
pub(crate) struct Reloader {
    origin: Origin,
    one_at_a_time: Mutex<()>,
}

impl Reloader {
    pub(crate) fn new(origin: Origin) -> Self {
        Self { origin, one_at_a_time: Mutex::default() }
    }

    /// The settings file, whether or not it is there.
    pub(crate) fn file(&self) -> PathBuf {
        self.origin.file.clone().unwrap_or_else(|| llm_router_core::settings::FILE.into())
    }

    fn run(&self, shared: &Shared) -> Result<Reloaded, Problems> {
        let _turn = self.one_at_a_time.lock().unwrap_or_else(PoisonError::into_inner);
        let (settings, models, mut warnings) = self.origin.read()?;
        let before = shared.state().clone();
        let (state, more) = load::state_after(Some(&before), settings, &models)?;
        warnings.extend(more);
        warnings.extend(fixed(&before.settings, &state.settings));
        let tls = state.settings.tls.as_ref().map(tls::config).transpose();
        let tls = tls.map_err(|error| Problem::new("TLS", error.to_string()))?;
        let reloaded = Reloaded { version: state.version.clone(), changed: before.version != state.version, warnings };
        shared.tls.store(tls);
        shared.swap(state);
        Ok(reloaded)
    }
}

impl Shared {
    /// Reads everything again and puts it in place; says in the log how it went. Blocks while files are read.
    ///
    /// # Errors
    /// All problems at once; then everything is as it was before.
    pub fn reload(&self, why: &str) -> Result<Reloaded, Problems> {
        let result = match self.reloader.get() {
            Some(reloader) => reloader.run(self),
            None => {
                Err(Problem::new("llm-router", "was started from no files, so there are none to read again").into())
            }
        };
        match &result {
            Ok(reloaded) => {
                for warning in &reloaded.warnings {
                    tracing::warn!("{warning}");
                }
                tracing::info!(why, version = reloaded.version, changed = reloaded.changed, "reloaded");
            }
            Err(problems) => tracing::error!(why, "not reloaded, everything stays as it was: {problems}"),
        }
        result
    }
}

/// Settings that a running process cannot change: named when they differ.
fn fixed(before: &Settings, after: &Settings) -> Vec<Problem> {
    let (old, new) = (&before.server, &after.server);
    let differs = [
        ("server_host", old.host != new.host),
        ("server_port", old.port != new.port),
        ("server_workers_count", old.workers != new.workers),
        ("max_connections", old.max_connections != new.max_connections),
        ("admin_host", before.admin.host != after.admin.host),
        ("admin_port", before.admin.port != after.admin.port),
        ("pool_size", before.upstream.pool_size != after.upstream.pool_size),
        ("pool_idle_timeout", before.upstream.pool_idle_timeout != after.upstream.pool_idle_timeout),
        ("ca_file", before.upstream.ca_file != after.upstream.ca_file),
        ("redis_host", before.redis != after.redis),
        ("requests_kept", before.metrics.requests_kept != after.metrics.requests_kept),
        ("otlp_endpoint", before.metrics.traces.is_some() != after.metrics.traces.is_some()),
        ("log_level", before.log.level != after.log.level),
        ("log_format", before.log.format != after.log.format),
        ("log_filename", before.log.file != after.log.file),
    ];
    let files = [before, after].map(|settings| settings.capture.as_ref().map(|c| (c.file.clone(), c.file_size)));
    let capture = ("capture_file", matches!(&files, [Some(old), Some(new)] if old != new));
    let changed = [capture].into_iter().chain(differs).filter(|(_, differs)| *differs);
    changed.map(|(key, _)| Problem::new(key, "has changed, which takes effect with the next start")).collect()
}

/// The files a snapshot was made from, for whoever watches them.
pub(crate) fn files(reloader: &Reloader, state: &State) -> Vec<PathBuf> {
    let settings = &state.settings;
    let mut files = vec![reloader.file(), settings.models.config.clone()];
    files.extend(settings.upstream.ca_file.clone());
    if let Some(tls) = &settings.tls {
        files.extend([tls.cert.clone(), tls.key.clone()]);
        files.extend(tls.client_ca.clone());
    }
    files.push(settings.models.prompts_dir.clone());
    files
}
