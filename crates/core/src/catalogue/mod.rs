//! The models and their providers, as read from models-config.json.

mod model;
mod options;
mod provider;
mod simulated;
mod timeouts;
mod token;
mod tree;
mod url;

use std::{collections::HashMap, sync::Arc};

pub(crate) use self::options::{ON_DISCONNECT, STICKY_KEYS, UNSUPPORTED};
pub use self::{
    model::Model,
    options::{ModelOptions, OnDisconnect, StickyKey, Unsupported},
    provider::Provider,
    simulated::{Simulated, SimulatedTrouble, TroubleKind},
    timeouts::TimeoutOverrides,
    token::{ProcessSecrets, Secrets},
    tree::Extra,
    url::{BaseUrl, Scheme},
};
use self::{
    model::Reading,
    tree::{Node, Object, Place},
};
use crate::problem::{Findings, Problem, Problems};

/// The models file of the demo, served when there is no other: its one provider has the address [`DEMO_HOST`].
pub const DEMO: &str = include_str!("../../../../resources/configs/models-config.json");

/// Stands in [`DEMO`] where the address of the in-process mock belongs.
pub const DEMO_HOST: &str = "mock://demo";

/// Models that a finding names; of more it tells the number.
const MOST_SHOWN: usize = 8;

/// All active models, in the order of the file.
#[derive(Debug, Default)]
pub struct Catalogue {
    models: Vec<Arc<Model>>,
    by_name: HashMap<Arc<str>, usize>,
}

/// What reading a models file needs from outside.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    /// Where tokens given by reference are looked up.
    pub secrets: &'a dyn Secrets,
    /// The balancing strategies there are.
    pub strategies: &'a [&'a str],
}

impl Catalogue {
    /// Reads and checks a models file; also returns its warnings.
    ///
    /// The format is the one of the Python version: groups of models, and `active_models` that lists which of them
    /// exist. Models that are not listed are not looked at. `null` means absent. `origin` names the file in findings.
    ///
    /// # Errors
    ///
    /// All problems at once, each with its place in the file.
    pub fn load(text: &str, origin: &str, context: Context<'_>) -> Result<(Self, Vec<Problem>), Problems> {
        let mut findings = Findings::default();
        let catalogue = match serde_json::from_str::<Node>(text) {
            Ok(root) => Self::read(&root, &Place::root(origin), context, &mut findings),
            Err(error) => {
                findings.problem(Problem::new(origin, format!("is not JSON: {error}")));
                Self::default()
            }
        };
        findings.finish(catalogue)
    }

    /// The models, in the order of the file.
    #[must_use]
    pub fn models(&self) -> &[Arc<Model>] {
        &self.models
    }

    /// Finds a model by its public name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Arc<Model>> {
        self.by_name.get(name).map(|index| &self.models[*index])
    }

    fn read(root: &Node, place: &Place, context: Context<'_>, findings: &mut Findings) -> Self {
        tree::report_duplicates(root, place, findings);
        let mut reading = Reading { context, findings };
        let Some(groups) = Object::of(root, place, reading.findings) else { return Self::default() };
        let Some(active) = groups.get("active_models") else {
            without_active(&groups, place, reading.findings);
            return Self::default();
        };
        let mut catalogue = Self::default();
        let Some(active) = Object::of(active, &place.key("active_models"), reading.findings) else { return catalogue };
        for (group, names) in active.entries() {
            let names = active_names(names, &active.place.key(group), reading.findings);
            let Some(models) = reading.group(&groups, group, &names) else { continue };
            for (name, at) in names {
                if let Some(model) = reading.active_model(&models, group, name, &at) {
                    catalogue.add(model, &at, reading.findings);
                }
            }
        }
        if catalogue.models.is_empty() && findings.problems.is_empty() {
            findings.warning(Problem::new(place.key("active_models").to_string(), "no model is active"));
        }
        catalogue.report_shared_ids(place, findings);
        catalogue
    }

    fn add(&mut self, model: Model, at: &Place, findings: &mut Findings) {
        let model = Arc::new(model);
        match self.by_name.get(&model.name) {
            None => {
                self.by_name.insert(Arc::clone(&model.name), self.models.len());
                self.models.push(model);
            }
            Some(index) => {
                let message = format!("is active twice; this one, of group {:?}, replaces the earlier", &*model.group);
                findings.warning(Problem::new(at.to_string(), message).value(&*model.name));
                self.models[*index] = model;
            }
        }
    }

    fn report_shared_ids(&self, place: &Place, findings: &mut Findings) {
        let mut users: Vec<(&str, Vec<&str>)> = Vec::new();
        let mut seen: HashMap<&str, usize> = HashMap::new();
        for model in &self.models {
            for provider in &model.providers {
                let index = *seen.entry(&provider.id).or_insert(users.len());
                if index == users.len() {
                    users.push((&provider.id, Vec::new()));
                }
                users[index].1.push(&model.name);
            }
        }
        for (id, models) in users.iter().filter(|(_, models)| models.len() > 1) {
            let (shown, more) = models.split_at(models.len().min(MOST_SHOWN));
            let more = if more.is_empty() { String::new() } else { format!(" and {} more", more.len()) };
            let message = format!("provider id {id:?} is used by several models: {}{more}", shown.join(", "));
            findings.warning(Problem::new(place.to_string(), message));
        }
    }
}

/// No `active_models`: fine, as in the Python version, only in a file whose every value is empty.
fn without_active(groups: &Object<'_>, place: &Place, findings: &mut Findings) {
    let mut entries = groups.entries().peekable();
    if entries.peek().is_some() && entries.all(|(_, value)| value.is_empty()) {
        findings.warning(Problem::new(place.to_string(), "has no models"));
        return;
    }
    let problem = Problem::new(place.to_string(), "the key \"active_models\" is missing");
    let keys: Vec<&str> = groups.entries().map(|(key, _)| key).collect();
    findings.problem(match crate::problem::similar("active_models", keys) {
        Some(close) => problem.hint(format!("is {close:?} a misspelling of it?")),
        None => problem.hint("add \"active_models\": {\"<group>\": [\"<model>\", ...]}"),
    });
}

fn active_names<'a>(names: &'a Node, place: &Place, findings: &mut Findings) -> Vec<(&'a str, Place)> {
    let items = match names {
        Node::Null => return Vec::new(),
        Node::List(items) => items,
        other => {
            findings.problem(Problem::new(
                place.to_string(),
                format!("is {}; a list of model names is wanted", other.kind()),
            ));
            return Vec::new();
        }
    };
    let mut found: Vec<(&str, Place)> = Vec::new();
    let mut seen = std::collections::HashSet::new();
    for (index, item) in items.iter().enumerate() {
        let at = place.index(index);
        match item {
            Node::Text(name) if !seen.insert(name.as_str()) => {
                findings.warning(Problem::new(at.to_string(), "stands twice in this list").value(name));
            }
            Node::Text(name) => found.push((name, at)),
            other => {
                let message = format!("is {}; a model name is wanted", other.kind());
                findings.problem(Problem::new(at.to_string(), message));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests;
