//! A JSON tree that knows where each value stands and keeps doubled keys, so that findings can name both.

use std::{
    collections::{HashMap, HashSet},
    fmt,
};

use serde::{
    Deserialize, Deserializer,
    de::{Error, MapAccess, SeqAccess, Visitor},
};
use serde_json::{Map, Number, Value};

use crate::problem::{Findings, Problem};

/// A JSON value; objects keep every entry in order.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Node {
    Null,
    Bool(bool),
    Number(Number),
    Text(String),
    List(Vec<Node>),
    Object(Vec<(String, Node)>),
}

impl Node {
    /// What it is, with an article.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "a boolean",
            Self::Number(_) => "a number",
            Self::Text(_) => "a text",
            Self::List(_) => "a list",
            Self::Object(_) => "an object",
        }
    }

    /// Null, or nothing in it.
    pub(super) fn is_empty(&self) -> bool {
        match self {
            Self::Null => true,
            Self::Text(text) => text.is_empty(),
            Self::List(items) => items.is_empty(),
            Self::Object(entries) => entries.is_empty(),
            Self::Bool(_) | Self::Number(_) => false,
        }
    }

    /// The plain JSON value; of doubled keys the last one.
    pub(super) fn to_json(&self) -> Value {
        match self {
            Self::Null => Value::Null,
            Self::Bool(value) => Value::Bool(*value),
            Self::Number(value) => Value::Number(value.clone()),
            Self::Text(value) => Value::String(value.clone()),
            Self::List(items) => Value::Array(items.iter().map(Self::to_json).collect()),
            Self::Object(entries) => {
                Value::Object(entries.iter().map(|(key, value)| (key.clone(), value.to_json())).collect())
            }
        }
    }

    /// The value as an operator wrote it, for a finding.
    pub(super) fn shown(&self) -> String {
        match self {
            Self::Text(text) => text.clone(),
            other => other.to_json().to_string(),
        }
    }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NodeVisitor)
    }
}

struct NodeVisitor;

impl<'de> Visitor<'de> for NodeVisitor {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E: Error>(self) -> Result<Node, E> {
        Ok(Node::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Node, E> {
        Ok(Node::Bool(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Node, E> {
        Ok(Node::Number(value.into()))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Node, E> {
        Ok(Node::Number(value.into()))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Node, E> {
        Ok(Number::from_f64(value).map_or(Node::Null, Node::Number))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Node, E> {
        Ok(Node::Text(value.to_owned()))
    }

    fn visit_string<E: Error>(self, value: String) -> Result<Node, E> {
        Ok(Node::Text(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Node, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Node::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Node, A::Error> {
        let mut object = Vec::new();
        while let Some(entry) = entries.next_entry()? {
            object.push(entry);
        }
        Ok(Node::Object(object))
    }
}

/// Entries under names that mean nothing to this version, kept as they are.
///
/// One may be a misspelt token, so `Debug` shows the names only.
#[derive(Default, Clone, PartialEq)]
pub struct Extra(Map<String, Value>);

impl Extra {
    /// The value under a name.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.0.get(key)
    }

    /// The names, in the order of the file.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }
}

impl fmt::Debug for Extra {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.keys()).finish()
    }
}

/// Where a value stands: the file, and the path inside it.
#[derive(Debug, Clone)]
pub(super) struct Place {
    origin: String,
    path: String,
}

impl Place {
    pub(super) fn root(origin: &str) -> Self {
        Self { origin: origin.to_owned(), path: String::new() }
    }

    pub(super) fn key(&self, key: &str) -> Self {
        let plain = !key.is_empty() && key.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        let path = match (plain, self.path.is_empty()) {
            (true, true) => key.to_owned(),
            (true, false) => format!("{}.{key}", self.path),
            (false, _) => format!("{}[{key:?}]", self.path),
        };
        Self { origin: self.origin.clone(), path }
    }

    pub(super) fn index(&self, index: usize) -> Self {
        Self { origin: self.origin.clone(), path: format!("{}[{index}]", self.path) }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.path.is_empty() { f.write_str(&self.origin) } else { write!(f, "{}: {}", self.origin, self.path) }
    }
}

/// An object whose entries are asked for by name; what nobody asked for is left over.
#[derive(Debug)]
pub(super) struct Object<'a> {
    pub(super) place: Place,
    entries: &'a [(String, Node)],
    index: HashMap<&'a str, &'a Node>,
}

impl<'a> Object<'a> {
    /// The object at a place; anything else there is a problem.
    pub(super) fn of(node: &'a Node, place: &Place, findings: &mut Findings) -> Option<Self> {
        let Node::Object(entries) = node else {
            findings.problem(Problem::new(place.to_string(), format!("is {}; an object is wanted", node.kind())));
            return None;
        };
        let index = entries.iter().map(|(key, value)| (key.as_str(), value)).collect();
        Some(Self { place: place.clone(), entries, index })
    }

    /// A value that is there and not null.
    pub(super) fn get(&self, key: &str) -> Option<&'a Node> {
        self.index.get(key).copied().filter(|node| **node != Node::Null)
    }

    /// The entries in order, doubled keys included.
    pub(super) fn entries(&self) -> impl Iterator<Item = (&'a str, &'a Node)> + use<'a> {
        self.entries.iter().map(|(key, value)| (key.as_str(), value))
    }

    /// The entries under names that mean nothing here, kept, with a warning for each.
    pub(super) fn rest(&self, known: &[&str], findings: &mut Findings) -> Extra {
        let mut rest = Map::new();
        for (key, value) in self.entries().filter(|(key, _)| !known.contains(key)) {
            let warning = Problem::new(self.place.key(key).to_string(), "is not known here and has no effect");
            findings.warning(warning.did_you_mean(key, known.iter().copied()));
            rest.insert(key.to_owned(), value.to_json());
        }
        Extra(rest)
    }
}

/// Warns about every key that stands twice in one object: the last one counts, as in the Python version.
pub(super) fn report_duplicates(node: &Node, place: &Place, findings: &mut Findings) {
    match node {
        Node::List(items) => {
            for (index, item) in items.iter().enumerate() {
                report_duplicates(item, &place.index(index), findings);
            }
        }
        Node::Object(entries) => {
            let mut seen = HashSet::new();
            for (key, value) in entries {
                let at = place.key(key);
                if !seen.insert(key) {
                    findings.warning(Problem::new(at.to_string(), "stands twice in this object; the last one counts"));
                }
                report_duplicates(value, &at, findings);
            }
        }
        _ => {}
    }
}
