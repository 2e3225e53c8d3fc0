//! What may be set per model beside its providers.

use super::{
    Extra, TimeoutOverrides,
    tree::{Node, Object},
};
use crate::{
    problem::{Findings, Problem},
    settings::word,
};

/// What may be set per model beside its providers.
#[derive(Debug, Default)]
pub struct ModelOptions {
    /// `strategy`: how a provider is chosen, instead of the general setting.
    pub strategy: Option<String>,
    /// `sticky_key`: what the strategy `sticky` keeps together, instead of the general setting.
    pub sticky_key: Option<StickyKey>,
    /// `hedge`: whether a second provider is asked when the first is slow, instead of the general setting.
    pub hedge: Option<bool>,
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

/// What the strategy `sticky` keeps together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StickyKey {
    /// The turns of one conversation.
    Conversation,
    /// All requests whose prompts begin alike.
    Prefix,
}

/// The words for what happens to a field that cannot be carried, the default first.
pub(crate) const UNSUPPORTED: [(&str, Unsupported); 2] = [("drop", Unsupported::Drop), ("reject", Unsupported::Reject)];
/// The words for what `sticky` keeps together, the default first.
pub(crate) const STICKY_KEYS: [(&str, StickyKey); 2] =
    [("conversation", StickyKey::Conversation), ("prefix", StickyKey::Prefix)];

/// The words for what becomes of an answer whose client has gone, the default first.
pub(crate) const ON_DISCONNECT: [(&str, OnDisconnect); 2] =
    [("cancel", OnDisconnect::Cancel), ("drain", OnDisconnect::Drain)];

const KEYS: [&str; 8] =
    ["providers", "providers_sleep", "strategy", "sticky_key", "hedge", "timeouts", "unsupported", "on_disconnect"];

impl ModelOptions {
    /// Reads the options of a model's object.
    pub(super) fn read(object: &Object<'_>, strategies: &[&str], findings: &mut Findings) -> Self {
        Self {
            strategy: strategy(object, strategies, findings),
            sticky_key: choice("sticky_key", object, &STICKY_KEYS, findings),
            hedge: hedge(object, findings),
            timeouts: TimeoutOverrides::read(object, findings),
            unsupported: choice("unsupported", object, &UNSUPPORTED, findings),
            on_disconnect: choice("on_disconnect", object, &ON_DISCONNECT, findings),
            extra: object.rest(&KEYS, findings),
        }
    }
}

fn strategy(object: &Object<'_>, known: &[&str], findings: &mut Findings) -> Option<String> {
    let node = object.get("strategy")?;
    if let Node::Text(name) = node
        && known.contains(&name.as_str())
    {
        return Some(name.clone());
    }
    let message = format!("is not a balancing strategy; allowed: {}", known.join(", "));
    let problem = Problem::new(object.place.key("strategy").to_string(), message).value(node.shown());
    findings.problem(problem.did_you_mean(&node.shown(), known.iter().copied()));
    None
}

fn hedge(object: &Object<'_>, findings: &mut Findings) -> Option<bool> {
    let node = object.get("hedge")?;
    let value = match node {
        Node::Bool(value) => Some(*value),
        Node::Text(text) => word::boolean(text),
        _ => None,
    };
    if value.is_none() {
        let place = object.place.key("hedge").to_string();
        findings.problem(Problem::new(place, "is neither true nor false").value(node.shown()));
    }
    value
}

fn choice<T: Copy>(key: &str, object: &Object<'_>, words: &[(&str, T)], findings: &mut Findings) -> Option<T> {
    let node = object.get(key)?;
    let found = match node {
        Node::Text(text) => words.iter().find(|(word, _)| word == text),
        _ => None,
    };
    if found.is_none() {
        let names: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
        let problem =
            Problem::new(object.place.key(key).to_string(), format!("is not known; allowed: {}", names.join(", ")));
        findings.problem(problem.value(node.shown()).did_you_mean(&node.shown(), names));
    }
    found.map(|(_, value)| *value)
}
