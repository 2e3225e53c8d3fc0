//! What `llm-router simulate` takes a provider for. Serving takes no notice of it.

use std::num::NonZeroU32;

use super::tree::{Node, Object};
use crate::problem::{Findings, Problem};

/// `simulate` of a provider: what its server can do, as far as its operator says.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Simulated {
    /// `slots`: requests served at once; the rest waits there.
    pub slots: Option<NonZeroU32>,
    /// `prefill`: tokens of prompts per second, for one request.
    pub prefill: Option<f64>,
    /// `decode`: tokens of an answer per second, for one request.
    pub decode: Option<f64>,
    /// `load_time`: seconds to load a model; zero when not given.
    pub load_time: f64,
    /// `per_minute`: requests per minute before it answers "too many".
    pub per_minute: Option<NonZeroU32>,
    /// `cache`: tokens of conversations that it remembers; zero when not given.
    pub cache: u64,
    /// `troubles`: what befalls it.
    pub troubles: Vec<SimulatedTrouble>,
}

/// Something that befalls a server between two moments, and again after every period.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SimulatedTrouble {
    /// `what`.
    pub what: TroubleKind,
    /// `from`: seconds after the beginning of a period.
    pub from: f64,
    /// `to`: seconds after the beginning of a period.
    pub to: f64,
    /// `every`: seconds of a period; 1,000 when not given.
    pub every: f64,
}

/// What may befall a server.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum TroubleKind {
    /// `down`: what it serves breaks off, and it takes no connections.
    Down,
    /// `refuses`: it answers "too many requests".
    Refuses,
    /// `slow`: it works at this share of its speed, which stands under `speed`.
    Slow(f64),
}

const KEYS: [&str; 7] = ["slots", "prefill", "decode", "load_time", "per_minute", "cache", "troubles"];
const TROUBLE_KEYS: [&str; 5] = ["what", "from", "to", "every", "speed"];

/// The largest number that makes sense anywhere here.
const MOST: f64 = 1e9;
const PERIOD: f64 = 1_000.0;

/// Reads the key `simulate` of a provider.
pub(super) fn read(provider: &Object<'_>, findings: &mut Findings) -> Simulated {
    let Some(node) = provider.get("simulate") else { return Simulated::default() };
    let Some(object) = Object::of(node, &provider.place.key("simulate"), findings) else { return Simulated::default() };
    object.rest(&KEYS, findings);
    let fields = &mut Fields { object: &object, findings };
    Simulated {
        slots: fields.count("slots"),
        prefill: fields.above_zero("prefill"),
        decode: fields.above_zero("decode"),
        load_time: fields.number("load_time").unwrap_or(0.0),
        per_minute: fields.count("per_minute"),
        cache: fields.number("cache").unwrap_or(0.0) as u64,
        troubles: fields.troubles(),
    }
}

struct Fields<'a> {
    object: &'a Object<'a>,
    findings: &'a mut Findings,
}

impl Fields<'_> {
    fn refuse(&mut self, key: &str, message: &str) {
        let mut problem = Problem::new(self.object.place.key(key).to_string(), message);
        if let Some(node) = self.object.get(key) {
            problem = problem.value(node.shown());
        }
        self.findings.problem(problem);
    }

    fn number(&mut self, key: &str) -> Option<f64> {
        let value = match self.object.get(key)? {
            Node::Number(number) => number.as_f64(),
            _ => None,
        };
        let value = value.filter(|value| (0.0..=MOST).contains(value));
        if value.is_none() {
            self.refuse(key, "is not a number from 0 to 1000000000");
        }
        value
    }

    fn above_zero(&mut self, key: &str) -> Option<f64> {
        let value = self.number(key)?;
        if value <= 0.0 {
            self.refuse(key, "must be above 0");
            return None;
        }
        Some(value)
    }

    fn count(&mut self, key: &str) -> Option<NonZeroU32> {
        let value = self.number(key)?;
        let count = (value.fract() == 0.0).then(|| NonZeroU32::new(value as u32)).flatten();
        if count.is_none() {
            self.refuse(key, "is not a whole number of 1 or more");
        }
        count
    }

    fn troubles(&mut self) -> Vec<SimulatedTrouble> {
        match self.object.get("troubles") {
            None => Vec::new(),
            Some(Node::List(items)) => {
                let place = self.object.place.key("troubles");
                let objects = items.iter().enumerate().map(|(index, item)| (item, place.index(index)));
                objects
                    .filter_map(|(item, at)| trouble(&Object::of(item, &at, self.findings)?, self.findings))
                    .collect()
            }
            Some(_) => {
                self.refuse(
                    "troubles",
                    "is no list of troubles such as {\"what\": \"down\", \"from\": 60, \"to\": 90}",
                );
                Vec::new()
            }
        }
    }
}

fn trouble(object: &Object<'_>, findings: &mut Findings) -> Option<SimulatedTrouble> {
    object.rest(&TROUBLE_KEYS, findings);
    let fields = &mut Fields { object, findings };
    let (from, to) = (fields.number("from").unwrap_or(0.0), fields.number("to").unwrap_or(0.0));
    let every = fields.above_zero("every").unwrap_or(PERIOD);
    let what = match object.get("what") {
        Some(Node::Text(word)) if word == "down" => TroubleKind::Down,
        Some(Node::Text(word)) if word == "refuses" => TroubleKind::Refuses,
        Some(Node::Text(word)) if word == "slow" => match fields.above_zero("speed").filter(|speed| *speed < 1.0) {
            Some(speed) => TroubleKind::Slow(speed),
            None => {
                fields.refuse("speed", "is the share of its speed that is left, between 0 and 1");
                return None;
            }
        },
        _ => {
            fields.refuse("what", "is not known; allowed: down, refuses, slow");
            return None;
        }
    };
    if !(from < to && to <= every) {
        fields.refuse("to", "must be after `from` and within `every` (1000 when not given)");
        return None;
    }
    Some(SimulatedTrouble { what, from, to, every })
}
