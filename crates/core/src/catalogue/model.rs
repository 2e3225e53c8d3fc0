//! A model: a public name and the providers behind it.

use std::{collections::HashSet, sync::Arc};

use super::{
    Context, ModelOptions, Provider,
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

/// Reads models, one at a time.
pub(super) struct Reading<'a> {
    pub(super) context: Context<'a>,
    pub(super) findings: &'a mut Findings,
}

impl Reading<'_> {
    /// The group of these active models, if there are any.
    pub(super) fn group<'a>(
        &mut self,
        groups: &Object<'a>,
        group: &str,
        active: &[(&str, Place)],
    ) -> Option<Object<'a>> {
        if active.is_empty() {
            return None;
        }
        if let Some(models) = groups.get(group).filter(|_| group != "active_models") {
            return Object::of(models, &groups.place.key(group), self.findings);
        }
        let names = || groups.entries().map(|(key, _)| key).filter(|key| *key != "active_models");
        for (name, at) in active {
            let problem = Problem::new(at.to_string(), format!("there is no group {group:?} in the file"));
            self.findings.problem(problem.value(*name).did_you_mean(group, names()));
        }
        None
    }

    /// The model of a group that `active_models` names at `at`; `None` when it cannot be served.
    pub(super) fn active_model(&mut self, models: &Object<'_>, group: &str, name: &str, at: &Place) -> Option<Model> {
        let Some(model) = models.get(name) else {
            let problem = Problem::new(at.to_string(), format!("there is no such model in group {group:?}"));
            self.findings.problem(problem.value(name).did_you_mean(name, models.entries().map(|(key, _)| key)));
            return None;
        };
        let object = Object::of(model, &models.place.key(name), self.findings)?;
        self.model(&object, group, name)
    }

    fn model(&mut self, object: &Object<'_>, group: &str, name: &str) -> Option<Model> {
        let options = ModelOptions::read(object, self.context.strategies, self.findings);
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
