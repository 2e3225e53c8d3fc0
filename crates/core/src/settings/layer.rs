//! Where settings come from: text by text, laid over each other by figment, each value with its origin.

use std::collections::BTreeMap;

use figment::{
    Figment, Metadata, Profile, Provider,
    providers::Format,
    value::{Dict, Map, Value},
};
use serde::Deserialize;

use crate::problem::{Findings, Problem};

/// What every environment variable of the router begins with.
pub const PREFIX: &str = "LLM_ROUTER_";

/// The kinds of source, lowest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Origin {
    Default,
    File,
    Environment,
    Flag,
}

impl Origin {
    const ALL: [Self; 4] = [Self::Default, Self::File, Self::Environment, Self::Flag];

    fn label(self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::File => "file",
            Self::Environment => "environment",
            Self::Flag => "flag",
        }
    }
}

/// A value as written, before anyone asked what it means.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub(super) enum Raw {
    Bool(bool),
    Whole(i64),
    Fraction(f64),
    Text(String),
    List(Vec<Raw>),
    #[expect(dead_code, reason = "only that it is a table matters: no setting is one")]
    Table(BTreeMap<String, Raw>),
}

impl Raw {
    /// The value as the text it would have in an environment variable; `None` for a table.
    pub(super) fn text(&self) -> Option<String> {
        Some(match self {
            Self::Bool(value) => value.to_string(),
            Self::Whole(value) => value.to_string(),
            Self::Fraction(value) => value.to_string(),
            Self::Text(value) => value.clone(),
            Self::List(items) => items.iter().map(Self::text).collect::<Option<Vec<_>>>()?.join(","),
            Self::Table(_) => return None,
        })
    }
}

/// One value, and where it was found.
#[derive(Debug, Clone)]
pub(super) struct Found {
    pub(super) raw: Raw,
    pub(super) origin: Origin,
    /// As shown to the operator: a variable, a flag, or `file:line`.
    pub(super) place: String,
}

/// Four layers of settings, to be merged.
#[derive(Debug, Default)]
pub(super) struct Layers {
    figment: Figment,
    file: Option<(String, String)>,
}

impl Layers {
    /// Lays TOML text over what is there. Text that is no TOML is a problem and adds nothing.
    pub(super) fn toml(mut self, origin: Origin, name: &str, text: &str, findings: &mut Findings) -> Self {
        match figment::providers::Toml::from_str::<Dict>(text) {
            Ok(values) => self.figment = self.figment.merge(Layer { origin, values }),
            // The parser's message is several lines with a picture; the first and last carry the facts.
            Err(error) => findings.problem(Problem::new(name, one_line(&error.to_string()))),
        }
        if origin == Origin::File {
            self.file = Some((name.to_owned(), text.to_owned()));
        }
        self
    }

    /// Lays plain texts by key over what is there.
    pub(super) fn texts(mut self, origin: Origin, values: impl Iterator<Item = (String, String)>) -> Self {
        let values = values.map(|(key, value)| (key, Value::from(value))).collect();
        self.figment = self.figment.merge(Layer { origin, values });
        self
    }

    /// The value of each key that any layer names; the highest layer wins.
    pub(super) fn merge(self, findings: &mut Findings) -> BTreeMap<String, Found> {
        let merged: BTreeMap<String, Raw> = match self.figment.extract() {
            Ok(merged) => merged,
            Err(error) => {
                findings.problem(Problem::new("settings", one_line(&error.to_string())));
                return BTreeMap::new();
            }
        };
        merged
            .into_iter()
            .map(|(key, raw)| {
                let origin = self.origin(&key);
                let place = self.place(&key, origin);
                (key, Found { raw, origin, place })
            })
            .collect()
    }

    fn origin(&self, key: &str) -> Origin {
        let label = self.figment.find_metadata(key).map(|m| m.name.as_ref());
        Origin::ALL.into_iter().find(|o| Some(o.label()) == label).unwrap_or(Origin::Default)
    }

    fn place(&self, key: &str, origin: Origin) -> String {
        match (origin, &self.file) {
            (Origin::Environment, _) => format!("{PREFIX}{}", key.to_ascii_uppercase()),
            (Origin::Flag, _) => format!("--{}", key.replace('_', "-")),
            (Origin::File, Some((name, text))) => match line_of(text, key) {
                Some(line) => format!("{name}:{line}: {key}"),
                None => format!("{name}: {key}"),
            },
            _ => format!("{key} (default)"),
        }
    }
}

/// The line, counted from 1, on which a top-level key is set.
fn line_of(text: &str, key: &str) -> Option<usize> {
    let sets = |line: &str| line.trim_start().strip_prefix(key).is_some_and(|rest| rest.trim_start().starts_with('='));
    text.lines().position(sets).map(|index| index + 1)
}

fn one_line(text: &str) -> String {
    let lines = text.lines().map(str::trim).filter(|l| !l.is_empty() && !l.contains('|'));
    lines.collect::<Vec<_>>().join(": ")
}

/// One layer handed to figment.
struct Layer {
    origin: Origin,
    values: Dict,
}

impl Provider for Layer {
    fn metadata(&self) -> Metadata {
        Metadata::named(self.origin.label())
    }

    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        Ok(Profile::Default.collect(self.values.clone()))
    }
}
