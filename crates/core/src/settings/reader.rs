//! Turns raw values into typed ones, and reports each that cannot be.

use std::{collections::BTreeMap, num::NonZeroUsize, ops::RangeInclusive, time::Duration};

use super::{
    layer::{Found, Origin, PREFIX},
    word,
};
use crate::{
    problem::{Findings, Problem, nearest},
    secret::Secret,
};

/// A choice among words: the word and what it stands for.
pub(super) type Words<'a, T> = &'a [(&'a str, T)];

/// Hands out values by key. Every key asked for becomes a known one, with its default.
pub(super) struct Reader<'a> {
    values: &'a BTreeMap<String, Found>,
    pub(super) findings: &'a mut Findings,
    pub(super) known: Vec<(&'static str, String)>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(values: &'a BTreeMap<String, Found>, findings: &'a mut Findings) -> Self {
        Self { values, findings, known: Vec::new() }
    }

    /// A text without the blanks around it. An empty one means the default.
    pub(super) fn text(&mut self, key: &'static str, default: &str) -> String {
        match self.take(key, default) {
            Some((_, text)) if !text.is_empty() => text,
            _ => default.to_owned(),
        }
    }

    /// A text that may be left empty, which means none.
    pub(super) fn optional(&mut self, key: &'static str, default: &str) -> Option<String> {
        let text = self.take(key, default).map_or_else(|| default.to_owned(), |(_, text)| text);
        (!text.is_empty()).then_some(text)
    }

    /// A text that is never shown; empty means none.
    pub(super) fn secret(&mut self, key: &'static str) -> Option<Secret> {
        self.optional(key, "").map(Secret::new)
    }

    /// Texts separated by commas, or a TOML list.
    pub(super) fn list(&mut self, key: &'static str) -> Vec<String> {
        let text = self.optional(key, "").unwrap_or_default();
        text.split(',').map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned).collect()
    }

    /// Yes or no.
    pub(super) fn boolean(&mut self, key: &'static str, default: bool) -> bool {
        let Some((place, text)) = self.take(key, &default.to_string()) else { return default };
        word::boolean(&text).unwrap_or_else(|| {
            let allowed = format!(
                "is neither yes nor no; allowed: {} or {}, in any letter case",
                word::TRUE_WORDS.join(", "),
                word::FALSE_WORDS[..6].join(", ")
            );
            let problem = Problem::new(place, allowed).value(&text);
            self.findings.problem(match text.to_ascii_lowercase().as_str() {
                "on" => problem.hint("write true (the Python version read \"on\" as false)"),
                "off" => problem.hint("write false"),
                _ => problem,
            });
            default
        })
    }

    /// A whole number within bounds.
    pub(super) fn whole(&mut self, key: &'static str, default: u64, allowed: RangeInclusive<u64>) -> u64 {
        let Some((place, text)) = self.take(key, &default.to_string()) else { return default };
        let value = word::whole(&text).and_then(|v| u64::try_from(v).ok()).filter(|v| allowed.contains(v));
        value.unwrap_or_else(|| {
            let (low, high) = allowed.into_inner();
            let message = format!("is not a whole number from {low} to {high}");
            self.findings.problem(Problem::new(place, message).value(text));
            default
        })
    }

    /// A number of things or bytes, at least one.
    pub(super) fn count(&mut self, key: &'static str, default: usize, most: usize) -> NonZeroUsize {
        let value = self.whole(key, default as u64, 1..=most as u64);
        NonZeroUsize::new(value as usize).unwrap_or(NonZeroUsize::MIN)
    }

    /// A duration within bounds.
    pub(super) fn time(&mut self, key: &'static str, default: Duration, allowed: RangeInclusive<Duration>) -> Duration {
        let Some((place, text)) = self.take(key, &word::seconds(default)) else { return default };
        self.duration(place, text, allowed).unwrap_or(default)
    }

    /// A duration where 0 means no limit.
    pub(super) fn limit(&mut self, key: &'static str, most: Duration) -> Option<Duration> {
        let (place, text) = self.take(key, "0")?;
        self.duration(place, text, Duration::ZERO..=most).filter(|limit| !limit.is_zero())
    }

    /// A duration that, left empty, is some other one.
    pub(super) fn time_or(
        &mut self,
        key: &'static str,
        other: Duration,
        allowed: RangeInclusive<Duration>,
    ) -> Duration {
        match self.take(key, "") {
            Some((place, text)) if !text.is_empty() => self.duration(place, text, allowed).unwrap_or(other),
            _ => other,
        }
    }

    /// One of some words, in any letter case. An empty text means the default.
    pub(super) fn choice<T: Copy>(&mut self, key: &'static str, default: (&str, T), words: Words<'_, T>) -> T {
        let Some((place, text)) = self.take(key, default.0) else { return default.1 };
        if text.is_empty() {
            return default.1;
        }
        if let Some((_, value)) = words.iter().find(|(word, _)| word.eq_ignore_ascii_case(&text)) {
            return *value;
        }
        let names: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
        let problem = Problem::new(place, format!("is not known; allowed: {}", names.join(", ")));
        self.findings.problem(problem.value(&text).did_you_mean(&text, names));
        default.1
    }

    /// Reports a value that was read as text but turned out wrong.
    pub(super) fn refuse(&mut self, key: &'static str, message: impl Into<String>) {
        let problem = self.about(key, message);
        self.findings.problem(problem);
    }

    /// A finding about the value of a key.
    pub(super) fn about(&self, key: &'static str, message: impl Into<String>) -> Problem {
        match self.values.get(key) {
            Some(found) => Problem::new(&found.place, message).value(found.raw.text().unwrap_or_default()),
            None => Problem::new(key, message),
        }
    }

    /// Whether someone wrote another value than the default.
    pub(super) fn is_set(&self, key: &str) -> bool {
        let default = self.known.iter().find(|(known, _)| *known == key).map(|(_, default)| default.as_str());
        self.values.get(key).is_some_and(|found| match found.origin {
            Origin::Default => false,
            Origin::File => found.raw.text().as_deref() != default,
            Origin::Environment | Origin::Flag => true,
        })
    }

    /// Warns about every key nobody asked for.
    pub(super) fn report_unknown(&mut self) {
        let names: Vec<&str> = self.known.iter().map(|(key, _)| *key).collect();
        for (key, found) in self.values.iter().filter(|(key, _)| !names.contains(&key.as_str())) {
            let spelled = |name: &str| match found.origin {
                Origin::Environment => format!("{PREFIX}{}", name.to_ascii_uppercase()),
                Origin::Flag => format!("--{}", name.replace('_', "-")),
                Origin::Default | Origin::File => name.to_owned(),
            };
            let warning = Problem::new(&found.place, "is not a setting of this router and has no effect");
            self.findings.warning(match nearest(key, names.iter().copied()) {
                Some(near) => warning.hint(format!("the nearest name is {}", spelled(near))),
                None => warning,
            });
        }
    }

    /// Place and trimmed text of a value; `None` when nothing was written, or a table, which is reported.
    fn take(&mut self, key: &'static str, default: &str) -> Option<(String, String)> {
        self.known.push((key, default.to_owned()));
        let found = self.values.get(key)?;
        let Some(text) = found.raw.text() else {
            self.findings.problem(Problem::new(&found.place, "is a table; a single value is wanted"));
            return None;
        };
        Some((found.place.clone(), text.trim().to_owned()))
    }

    fn duration(&mut self, place: String, text: String, allowed: RangeInclusive<Duration>) -> Option<Duration> {
        let value = word::duration(&text).filter(|v| allowed.contains(v));
        if value.is_none() {
            let (low, high) = allowed.into_inner();
            let (low, high) = (word::seconds(low), word::seconds(high));
            let message = format!("is not a number of seconds from {low} to {high} (units ms, s, m, h are understood)");
            self.findings.problem(Problem::new(place, message).value(text));
        }
        value
    }
}
