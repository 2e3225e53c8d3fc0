//! Time limits of one model or provider.

use std::time::Duration;

use super::tree::{Node, Object};
use crate::{
    problem::{Findings, Problem},
    settings::{Timeouts, word},
};

/// Limits that replace the general ones where they are given.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TimeoutOverrides {
    /// `connect`: name look-up, TCP and TLS.
    pub connect: Option<Duration>,
    /// `response_header`: from the request sent to the head of the answer.
    pub response_header: Option<Duration>,
    /// `first_token`: from the head of the answer to its first content.
    pub first_token: Option<Duration>,
    /// `idle`: between two pieces of the answer.
    pub idle: Option<Duration>,
    /// `total`: the whole request with all its attempts.
    pub total: Option<Duration>,
}

const KEYS: [&str; 5] = ["connect", "response_header", "first_token", "idle", "total"];

impl TimeoutOverrides {
    /// These limits, and the general ones where none is given.
    #[must_use]
    pub fn over(self, general: Timeouts) -> Timeouts {
        Timeouts {
            connect: self.connect.unwrap_or(general.connect),
            response_header: self.response_header.unwrap_or(general.response_header),
            first_token: self.first_token.unwrap_or(general.first_token),
            idle: self.idle.unwrap_or(general.idle),
            total: self.total.or(general.total),
        }
    }

    /// Reads the key `timeouts` of an object.
    pub(super) fn read(object: &Object<'_>, findings: &mut Findings) -> Self {
        let Some(node) = object.get("timeouts") else { return Self::default() };
        let Some(limits) = Object::of(node, &object.place.key("timeouts"), findings) else { return Self::default() };
        limits.rest(&KEYS, findings);
        let mut limit = |key| limits.get(key).and_then(|node| time(node, key, &limits, findings));
        Self {
            connect: limit("connect"),
            response_header: limit("response_header"),
            first_token: limit("first_token"),
            idle: limit("idle"),
            total: limit("total"),
        }
    }
}

fn time(node: &Node, key: &str, limits: &Object<'_>, findings: &mut Findings) -> Option<Duration> {
    let time = match node {
        Node::Number(number) => word::duration(&number.to_string()),
        Node::Text(text) => word::duration(text),
        _ => None,
    };
    let time = time.filter(|time| !time.is_zero());
    if time.is_none() {
        let message = "is not a number of seconds above 0 (texts with the units ms, s, m, h are understood)";
        findings.problem(Problem::new(limits.place.key(key).to_string(), message).value(node.shown()));
    }
    time
}
