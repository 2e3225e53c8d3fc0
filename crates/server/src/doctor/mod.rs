//! The examination behind `llm-router doctor`: everything outside of the process that a router needs.

mod clock;
mod provider;
mod redis;
mod system;

use std::{sync::Arc, time::Duration};

use llm_router_endpoints::State;

use crate::{tasks, upstream::Trust};

/// The longest wait for one answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// How a finding is to be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Grade {
    /// As it should be.
    Good,
    /// Odd; the router works.
    Warning,
    /// Requests will fail.
    Fault,
}

/// One thing that was looked at.
#[derive(Debug, Clone)]
pub struct Finding {
    /// How it is to be taken.
    pub grade: Grade,
    /// What was looked at.
    pub subject: String,
    /// What was found.
    pub said: String,
    /// What to do about it.
    pub advice: Option<String>,
}

impl Finding {
    fn good(subject: impl Into<String>, said: impl Into<String>) -> Self {
        Self { grade: Grade::Good, subject: subject.into(), said: said.into(), advice: None }
    }

    fn bad(grade: Grade, subject: impl Into<String>, said: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { grade, subject: subject.into(), said: said.into(), advice: Some(advice.into()) }
    }
}

/// Looks at everything. `stream`: also has every provider write one token, which it may charge for.
pub async fn examine(state: Arc<State>, trust: &Arc<Trust>, stream: bool) -> Vec<Finding> {
    let settings = &state.settings;
    let mut findings = vec![models(&state), system::open_files(settings)];
    findings.extend(system::files(settings));
    findings.extend(redis::servers(&settings.redis).await);
    // All at once: a provider that does not answer takes its time.
    let mut visits = Vec::new();
    for model in state.catalogue.models() {
        for provider in &model.providers {
            let (state, trust, number) = (Arc::clone(&state), Arc::clone(trust), visits.len());
            let visit = provider::Visit { state, model: Arc::clone(model), provider: Arc::clone(provider), trust };
            visits.push(async move { (number, visit.examine(stream).await) });
        }
    }
    let mut visited = tasks::together(visits).await;
    visited.sort_by_key(|(number, _)| *number);
    let mut ahead = Vec::new();
    for (_, (found, clock)) in visited {
        findings.extend(found);
        ahead.extend(clock);
    }
    findings.extend(clock::judge(&ahead));
    findings
}

fn models(state: &State) -> Finding {
    let models = state.catalogue.models();
    if models.is_empty() {
        let advice = "add models to active_models in the models file";
        return Finding::bad(Grade::Warning, "models", "none is active", advice);
    }
    let providers: usize = models.iter().map(|model| model.providers.len()).sum();
    let said = format!("well formed: models: {}, providers: {providers}", models.len());
    Finding::good("settings, models and prompts", said)
}
