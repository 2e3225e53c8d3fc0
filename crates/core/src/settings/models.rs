//! Settings of what is served: models, prompts, strategy.

use std::{num::NonZeroUsize, path::PathBuf};

use super::reader::Reader;
use crate::catalogue::{STICKY_KEYS, StickyKey, UNSUPPORTED, Unsupported};

/// Where models and prompts come from, and how a provider is chosen.
#[derive(Debug, Clone)]
pub struct Models {
    /// `models_config`: the models file.
    pub config: PathBuf,
    /// Whether `models_config` was set by someone; if so, the file must exist.
    pub config_is_set: bool,
    /// `balance_strategy`: the strategy of models that name none.
    pub strategy: String,
    /// `sticky_key`: what the strategy `sticky` keeps together, for models that do not say.
    pub sticky_key: StickyKey,
    /// `unsupported`: what happens to a field that a provider's dialect cannot carry, for models that do not say.
    pub unsupported: Unsupported,
    /// `prompts_dir`: folder of prompt files that override the built-in ones; it need not exist.
    pub prompts_dir: PathBuf,
    /// `default_ep_language`: language of the text endpoints when a request names none.
    pub language: String,
    /// `batch_concurrency`: texts of one batch request worked on at the same time.
    pub batch_concurrency: NonZeroUsize,
}

impl Models {
    pub(super) fn read(r: &mut Reader<'_>, strategies: &[&str]) -> Self {
        minimum(r);
        let config = PathBuf::from(r.text("models_config", "resources/configs/models-config.json"));
        Self {
            config,
            config_is_set: r.is_set("models_config"),
            strategy: strategy(r, strategies),
            sticky_key: r.choice("sticky_key", STICKY_KEYS[0], &STICKY_KEYS),
            unsupported: r.choice("unsupported", UNSUPPORTED[0], &UNSUPPORTED),
            prompts_dir: PathBuf::from(r.text("prompts_dir", "resources/prompts")),
            language: language(r),
            batch_concurrency: r.count("batch_concurrency", 8, 1024),
        }
    }
}

fn minimum(r: &mut Reader<'_>) {
    const KEY: &str = "minimum";
    let before = r.findings.problems.len();
    let proxy = r.boolean(KEY, true);
    if !proxy && r.findings.problems.len() == before {
        let problem = r.about(KEY, "switches off the only mode there is, the proxy");
        r.findings.problem(problem.hint("set LLM_ROUTER_MINIMUM=1, or minimum = true in the settings file"));
    }
}

fn strategy(r: &mut Reader<'_>, strategies: &[&str]) -> String {
    const KEY: &str = "balance_strategy";
    let name = r.text(KEY, "balanced");
    if !strategies.contains(&name.as_str()) {
        let problem = r.about(KEY, format!("is not a balancing strategy; allowed: {}", strategies.join(", ")));
        r.findings.problem(problem.did_you_mean(&name, strategies.iter().copied()));
    }
    name
}

fn language(r: &mut Reader<'_>) -> String {
    const KEY: &str = "default_ep_language";
    let language = r.text(KEY, "pl");
    // It becomes a folder name.
    if !language.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_') {
        r.refuse(KEY, "is not a language; allowed: letters, digits, - and _, such as pl or en");
    }
    language
}
