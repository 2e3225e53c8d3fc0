//! Reads everything a router is made of: settings, models, prompts. `serve`, `check` and a reload all begin here.

use std::{
    hash::{DefaultHasher, Hash as _, Hasher as _},
    sync::Arc,
};

use llm_router_core::{
    catalogue::{Catalogue, Context, DEMO, DEMO_HOST, ProcessSecrets},
    problem::{Findings, Problem, Problems},
    prompts::Prompts,
    settings::{Loaded, Settings, Sources},
};
use llm_router_endpoints::{State, strategies};

use crate::{redis, tls};

/// The text of a models file, and where it came from.
#[derive(Debug, Clone)]
pub struct Models {
    /// Its name in findings.
    pub origin: String,
    /// Its text.
    pub text: String,
}

impl Models {
    /// A text that is in no file; findings say `models` where they would name it.
    #[must_use]
    pub fn from_text(text: impl Into<String>) -> Self {
        Self { origin: "models".to_owned(), text: text.into() }
    }

    /// Reads the configured file; the built-in demo when none is configured and none is there.
    ///
    /// # Errors
    /// A file that was configured, or is there, and cannot be read.
    pub fn read(settings: &Settings) -> Result<Self, Problems> {
        let path = &settings.models.config;
        let origin = path.display().to_string();
        match std::fs::read_to_string(path) {
            Ok(text) => Ok(Self { origin, text }),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound && !settings.models.config_is_set => {
                Ok(Self { origin: "the built-in demo".to_owned(), text: DEMO.to_owned() })
            }
            Err(error) => {
                let problem = Problem::new(origin, format!("cannot be read: {error}"));
                Err(problem.hint("LLM_ROUTER_MODELS_CONFIG names the models file").into())
            }
        }
    }

    /// Whether a model is served by the demo provider inside the process.
    #[must_use]
    pub fn wants_demo(&self) -> bool {
        self.text.contains(DEMO_HOST)
    }

    /// Puts the demo provider's real address where the file has its stand-in.
    #[must_use]
    pub fn with_demo_at(mut self, url: &str) -> Self {
        self.text = self.text.replace(DEMO_HOST, url);
        self
    }
}

/// Reads the settings.
///
/// # Errors
/// All problems at once.
pub fn settings(sources: Sources<'_>) -> Result<Loaded, Problems> {
    let names = strategies();
    Settings::load(Sources { strategies: &names, ..sources })
}

/// Reads settings, models and prompts for a look: what a router would be made of, with the name of the models file.
/// `demo` stands for the address of the demo provider.
///
/// # Errors
/// All problems of all of them at once: bad settings do not keep the files they name from being looked at.
pub fn check(sources: Sources<'_>, demo: &str) -> Result<((State, String), Vec<Problem>), Problems> {
    let names = strategies();
    let (settings, mut findings) = Settings::examine(Sources { strategies: &names, ..sources });
    let models = findings.take(Models::read(&settings).map(|models| (models, Vec::new())));
    let models = models.map(|models| models.with_demo_at(demo));
    match models {
        Some(models) if findings.problems.is_empty() => {
            let Some(state) = findings.take(state(settings, &models)) else { return Err(findings.into()) };
            findings.finish((state, models.origin))
        }
        models => {
            if let Some(models) = models {
                let context = Context { secrets: &ProcessSecrets, strategies: &names };
                findings.take(Catalogue::load(&models.text, &models.origin, context));
            }
            findings.take(Prompts::load(&settings.models.prompts_dir, &settings.models.language));
            Err(findings.into())
        }
    }
}

/// Builds a snapshot from settings and a models file; also returns the warnings.
///
/// # Errors
/// All problems at once, of models, prompts and routes.
pub fn state(settings: Settings, models: &Models) -> Result<(State, Vec<Problem>), Problems> {
    state_after(None, settings, models)
}

/// Builds the snapshot that follows another, as [`State::after`] has it.
///
/// # Errors
/// All problems at once, of models, prompts and routes; then nothing has changed.
pub fn state_after(
    previous: Option<&State>,
    settings: Settings,
    models: &Models,
) -> Result<(State, Vec<Problem>), Problems> {
    let names = strategies();
    let context = Context { secrets: &ProcessSecrets, strategies: &names };
    let mut findings = Findings::default();
    let catalogue = findings.take(Catalogue::load(&models.text, &models.origin, context));
    let prompts = findings.take(Prompts::load(&settings.models.prompts_dir, &settings.models.language));
    if let Some(Err(error)) = settings.tls.as_ref().map(tls::config) {
        findings.problem(Problem::new("TLS", error.to_string()));
    }
    let (Some(catalogue), Some(prompts)) = (catalogue, prompts) else { return Err(findings.into()) };
    let version = version(&settings, models, &prompts);
    let leases = match previous {
        Some(previous) => Ok(previous.leases.clone()),
        None => redis::leases(&settings.redis),
    };
    let leases = match leases {
        Ok(leases) => leases,
        Err(error) => {
            findings.problem(Problem::new("redis_host", error.to_string()));
            return Err(findings.into());
        }
    };
    match State::after(previous, leases, Arc::new(settings), catalogue, prompts) {
        Ok(mut state) => {
            state.version = version;
            findings.finish(state)
        }
        Err(error) => {
            findings.problem(Problem::new("llm-router", error.to_string()));
            Err(findings.into())
        }
    }
}

/// 16 hexadecimal digits that tell one configuration from another; secrets are not part of it.
fn version(settings: &Settings, models: &Models, prompts: &Prompts) -> String {
    let mut hasher = DefaultHasher::new();
    format!("{settings:?}").hash(&mut hasher);
    models.text.hash(&mut hasher);
    format!("{prompts:?}").hash(&mut hasher);
    format!("{:016x}", hasher.finish())
}
