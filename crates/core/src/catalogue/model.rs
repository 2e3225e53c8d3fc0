//! A model: a public name and the providers behind it.

use std::{collections::HashSet, sync::Arc};

use super::{
    Context, Extra, Provider, TimeoutOverrides,
    tree::{Node, Object, Place},
};
use crate::problem::{Findings, Problem};

/// One active model. It has at least one provider.
#[derive(Debug)]
pub struct Model {
    /// The name clients ask for.
    pub name: Arc<str>,
    /// The group of the file it stands in; groups only order the lists.
    pub group: Arc<str>,
    /// Its providers in the order of the file, those of `providers` before those of `providers_sleep`.
    pub providers: Vec<Arc<Provider>>,
    /// What may be set per model.
    pub options: ModelOptions,
}

/// What may be set per model beside its providers.
#[derive(Debug, Default)]
pub struct ModelOptions {
    /// `strategy`: how a provider is chosen, instead of the general setting.
    pub strategy: Option<String>,
    /// `timeouts`: limits instead of the general ones.
    pub timeouts: TimeoutOverrides,
    /// `unsupported`: what happens to a field the provider's dialect cannot carry.
    pub unsupported: Option<Unsupported>,
    /// `on_disconnect`: what becomes of an answer whose client has gone.
    pub on_disconnect: Option<OnDisconnect>,
    /// Keys that mean nothing here.
    pub extra: Extra,
}

/// What happens to a request field that the provider's dialect cannot carry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unsupported {
    /// Leave it out and name it in the answer's header.
    Drop,
    /// Refuse the request and name it.
    Reject,
}

/// What becomes of a provider's answer when the client that it is for has gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnDisconnect {
    /// The provider's connection is closed at once.
    Cancel,
    /// The answer is read to its end, so that its usage is counted and the provider's cache is warm.
    Drain,
}

const KEYS: [&str; 6] = ["providers", "providers_sleep", "strategy", "timeouts", "unsupported", "on_disconnect"];

/// Reads models, one at a time.
pub(super) struct Reading<'a> {
    pub(super) context: Context<'a>,
    pub(super) findings: &'a mut Findings,
}

impl Reading<'_> {
    /// The model that `active_models` names at `at`; `None` when it cannot be served.
    pub(super) fn active_model(&mut self, groups: &Object<'_>, group: &str, name: &str, at: &Place) -> Option<Model> {
        let Some(models) = groups.get(group).filter(|_| group != "active_models") else {
            let names = groups.entries().map(|(key, _)| key).filter(|key| *key != "active_models");
            let problem = Problem::new(at.to_string(), format!("there is no group {group:?} in the file"));
            self.findings.problem(problem.value(name).did_you_mean(group, names));
            return None;
        };
        let place = groups.place.key(group);
        let models = Object::of(models, &place, self.findings)?;
        let Some(model) = models.get(name) else {
            let problem = Problem::new(at.to_string(), format!("there is no such model in group {group:?}"));
            self.findings.problem(problem.value(name).did_you_mean(name, models.entries().map(|(key, _)| key)));
            return None;
        };
        let object = Object::of(model, &place.key(name), self.findings)?;
        self.model(&object, group, name)
    }

    fn model(&mut self, object: &Object<'_>, group: &str, name: &str) -> Option<Model> {
        let options = self.options(object);
        let mut ids = HashSet::new();
        let mut providers = self.awake(object, &mut ids)?;
        providers.extend(self.sleeping(object, &mut ids));
        if providers.is_empty() {
            let place = object.place.key("providers").to_string();
            self.findings.warning(Problem::new(place, "the model has no providers and is not served"));
            return None;
        }
        Some(Model { name: name.into(), group: group.into(), providers, options })
    }

    fn options(&mut self, object: &Object<'_>) -> ModelOptions {
        ModelOptions {
            strategy: self.strategy(object),
            timeouts: TimeoutOverrides::read(object, self.findings),
            unsupported: word(
                object,
                "unsupported",
                &[("drop", Unsupported::Drop), ("reject", Unsupported::Reject)],
                self.findings,
            ),
            on_disconnect: word(
                object,
                "on_disconnect",
                &[("cancel", OnDisconnect::Cancel), ("drain", OnDisconnect::Drain)],
                self.findings,
            ),
            extra: object.rest(&KEYS, self.findings),
        }
    }

    fn strategy(&mut self, object: &Object<'_>) -> Option<String> {
        let node = object.get("strategy")?;
        let known = self.context.strategies;
        if let Node::Text(name) = node
            && known.contains(&name.as_str())
        {
            return Some(name.clone());
        }
        let message = format!("is not a balancing strategy; allowed: {}", known.join(", "));
        let problem = Problem::new(object.place.key("strategy").to_string(), message).value(node.shown());
        self.findings.problem(problem.did_you_mean(&node.shown(), known.iter().copied()));
        None
    }

    /// The providers of tier 0; `None` when there is no list, or a bad entry in it.
    fn awake(&mut self, object: &Object<'_>, ids: &mut HashSet<Arc<str>>) -> Option<Vec<Arc<Provider>>> {
        let place = object.place.key("providers");
        let Some(node) = object.get("providers") else {
            self.findings.problem(Problem::new(place.to_string(), "is missing; a list of providers is wanted"));
            return None;
        };
        let Node::List(items) = node else {
            let message = format!("is {}; a list of providers is wanted", node.kind());
            self.findings.problem(Problem::new(place.to_string(), message));
            return None;
        };
        let before = self.findings.problems.len();
        let mut providers = Vec::new();
        for (index, item) in items.iter().enumerate() {
            let at = place.index(index);
            let Some(provider) = Provider::read(item, &at, 0, self.context, self.findings) else { continue };
            if ids.insert(Arc::clone(&provider.id)) {
                providers.push(Arc::new(provider));
            } else {
                let problem = Problem::new(at.key("id").to_string(), "is the id of an earlier provider of this model");
                self.findings.problem(problem.value(&*provider.id).hint("give each provider an id of its own"));
            }
        }
        (self.findings.problems.len() == before).then_some(providers)
    }

    /// The providers of tier 1. The Python version never read them, so what is wrong with one is a warning.
    fn sleeping(&mut self, object: &Object<'_>, ids: &mut HashSet<Arc<str>>) -> Vec<Arc<Provider>> {
        let Some(Node::List(items)) = object.get("providers_sleep") else {
            self.report_odd_sleep(object);
            return Vec::new();
        };
        let place = object.place.key("providers_sleep");
        let mut providers = Vec::new();
        for (index, item) in items.iter().enumerate() {
            let at = place.index(index);
            let mut found = Findings::default();
            let provider = Provider::read(item, &at, 1, self.context, &mut found);
            let usable = found.problems.is_empty();
            let told = found.problems.into_iter().map(|problem| problem.hint("this reserve provider is left out"));
            self.findings.warnings.extend(told.chain(found.warnings));
            let Some(provider) = provider.filter(|_| usable) else { continue };
            if ids.insert(Arc::clone(&provider.id)) {
                providers.push(Arc::new(provider));
            } else {
                let warning = Problem::new(at.key("id").to_string(), "is the id of an earlier provider of this model");
                self.findings.warning(warning.value(&*provider.id).hint("this reserve provider is left out"));
            }
        }
        providers
    }

    fn report_odd_sleep(&mut self, object: &Object<'_>) {
        if let Some(node) = object.get("providers_sleep") {
            let message = format!("is {}; a list of providers is wanted", node.kind());
            let place = object.place.key("providers_sleep").to_string();
            self.findings.warning(Problem::new(place, message).hint("there are no reserve providers"));
        }
    }
}

/// One of some words.
fn word<T: Copy>(object: &Object<'_>, key: &str, words: &[(&str, T)], findings: &mut Findings) -> Option<T> {
    let node = object.get(key)?;
    if let Node::Text(text) = node
        && let Some((_, value)) = words.iter().find(|(word, _)| word == text)
    {
        return Some(*value);
    }
    let allowed: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
    let problem =
        Problem::new(object.place.key(key).to_string(), format!("is not known; allowed: {}", allowed.join(", ")));
    findings.problem(problem.value(node.shown()));
    None
}
