//! What can be wrong with an answer, and how often it was.

use std::collections::BTreeMap;
use std::fmt;

/// Why an answer was not counted as right.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Fault {
    /// No connection could be opened.
    Connect,
    /// Sending the request failed.
    Send,
    /// Reading the answer failed.
    Receive,
    /// The connection closed before the answer was whole.
    Closed,
    /// The answer was not HTTP/1.1.
    Malformed,
    /// Another status than 200.
    Status(u16),
    /// The body was not the one the provider sent.
    Body,
    /// A stream had a frame out of order.
    Order,
    /// A stream ended without all its frames.
    Lost,
    /// A stream ended without its `[DONE]`.
    NotDone,
    /// No end within the time limit.
    Stuck,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self {
            Self::Connect => "cannot connect",
            Self::Send => "sending failed",
            Self::Receive => "receiving failed",
            Self::Closed => "closed early",
            Self::Malformed => "not HTTP/1.1",
            Self::Status(status) => return write!(f, "status {status}"),
            Self::Body => "wrong body",
            Self::Order => "frames out of order",
            Self::Lost => "frames lost",
            Self::NotDone => "no [DONE]",
            Self::Stuck => "no end in time",
        };
        f.write_str(text)
    }
}

/// How often each fault was seen.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Faults(BTreeMap<Fault, u64>);

impl Faults {
    /// Counts one.
    pub(crate) fn add(&mut self, fault: Fault) {
        self.add_many(fault, 1);
    }

    /// Counts several of a kind.
    pub(crate) fn add_many(&mut self, fault: Fault, count: u64) {
        if count > 0 {
            *self.0.entry(fault).or_default() += count;
        }
    }

    /// Adds what another count holds.
    pub(crate) fn merge(&mut self, other: &Self) {
        for (&fault, &count) in &other.0 {
            self.add_many(fault, count);
        }
    }

    /// Each kind seen, with its count.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (Fault, u64)> + '_ {
        self.0.iter().map(|(&fault, &count)| (fault, count))
    }
}
