//! Fields without a canonical meaning, and the report of those that found no place in the target.

use std::fmt;

use serde_json::{Map, Value};

use super::place::{Given, Place};
use crate::json::Object;

/// What was left in an object after its known fields were taken.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Rest {
    /// Where the object stood.
    pub at: Place,
    /// Its other fields, bit for bit.
    pub fields: Map<String, Value>,
}

impl Rest {
    /// Keeps the fields called in `names` and reports the others.
    pub fn keep(&mut self, names: &[&str], losses: &mut Losses) {
        let at = self.at;
        self.fields.retain(|name, _| {
            let kept = names.contains(&name.as_str());
            if !kept {
                losses.add(at.name(name));
            }
            kept
        });
    }

    /// Writes the fields called in `names` and reports the others.
    pub(crate) fn carry(mut self, names: &[&str], out: &mut Object<'_>, losses: &mut Losses) {
        self.keep(names, losses);
        out.others(&self.fields, &[]);
    }

    /// Adds the fields of another object, to be reported under their full names.
    pub fn join(&mut self, other: Self) {
        if other.fields.is_empty() {
            return;
        }
        if self.fields.is_empty() {
            *self = other;
            return;
        }
        let full = |rest: Self| {
            let at = rest.at;
            rest.fields.into_iter().map(move |(name, value)| (at.name(&name), value))
        };
        let fields = full(std::mem::take(self)).chain(full(other)).collect();
        *self = Self { at: Place::ROOT, fields };
    }

    /// Reports every field.
    pub fn lose(mut self, losses: &mut Losses) {
        self.keep(&[], losses);
    }
}

/// The fields of a request that its target cannot carry, by the client's names for them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Losses {
    fields: Vec<String>,
}

/// The longest value of the header that names losses, in bytes.
const HEADER_LIMIT: usize = 1024;

impl Losses {
    /// Reports a field.
    pub fn add(&mut self, field: impl fmt::Display) {
        let field = field.to_string();
        if !self.fields.contains(&field) {
            self.fields.push(field);
        }
    }

    /// Reports a value that was given.
    pub fn given<T>(&mut self, given: Option<Given<T>>) {
        if let Some(given) = given {
            self.add(given.at);
        }
    }

    /// Reports a value that was given, unless it says what the target does anyway.
    pub fn unless<T: PartialEq>(&mut self, given: Option<Given<T>>, neutral: &T) {
        self.given(given.filter(|given| given.value != *neutral));
    }

    /// Whether everything was carried.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }

    /// The paths of the lost fields, in the order they were met.
    #[must_use]
    pub fn fields(&self) -> &[String] {
        &self.fields
    }

    /// The paths as a header value: separated by commas, ASCII only, bounded; `None` when nothing was lost.
    #[must_use]
    pub fn header_value(&self) -> Option<String> {
        let mut value = String::new();
        for (i, field) in self.fields.iter().enumerate() {
            let left = self.fields.len() - i;
            if value.len() + field.len() > HEADER_LIMIT {
                value.push_str(&format!("{}and {left} more", if i == 0 { "" } else { ", " }));
                break;
            }
            if i > 0 {
                value.push_str(", ");
            }
            value.extend(field.chars().map(|c| if c.is_ascii_graphic() && c != ',' { c } else { '?' }));
        }
        (!value.is_empty()).then_some(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_value_is_ascii_and_bounded() {
        let mut losses = Losses::default();
        assert_eq!(losses.header_value(), None);
        losses.add("a");
        losses.add("a");
        losses.add("zażółć\r\nx: 1, 2");
        assert_eq!(losses.header_value().as_deref(), Some("a, za??????x:?1??2"));
        losses.add("x".repeat(2000));
        losses.add("y");
        assert!(losses.header_value().is_some_and(|v| v.ends_with(", and 2 more")));
    }
}
