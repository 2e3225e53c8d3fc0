//! What a script says, once read: plain data, one struct a concern.

use std::{sync::Arc, time::Duration};

use http::{HeaderName, HeaderValue};

/// How long the mock waits, and where.
#[derive(Clone, Debug, Default)]
pub(crate) struct Timing {
    pub(crate) head: Duration,
    pub(crate) first: Duration,
    pub(crate) token: Duration,
    /// Events a write; 0 means all in one.
    pub(crate) burst: Option<usize>,
}

/// What the answer says.
#[derive(Clone, Debug, Default)]
pub(crate) struct Answer {
    pub(crate) text: Option<Arc<str>>,
    pub(crate) tokens: Option<usize>,
    pub(crate) size: Option<usize>,
    pub(crate) think: Option<usize>,
    pub(crate) calls: Calls,
    pub(crate) finish: Option<Finish>,
    pub(crate) prerender: bool,
}

/// When tools are called.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Calls {
    #[default]
    Auto,
    Off,
    Exactly(usize),
}

/// Why generation ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Finish {
    Stop,
    Length,
    Tools,
    Filter,
    Pause,
}

/// Whose habits the mock has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Engine {
    #[default]
    Plain,
    Vllm,
    LlamaCpp,
}

/// How the answer is written, where servers differ.
#[derive(Clone, Debug, Default)]
pub(crate) struct Quirks {
    pub(crate) engine: Engine,
    /// The older name `reasoning_content` rather than `reasoning`.
    pub(crate) reasoning_content: Option<bool>,
    /// `None`: when asked; `Some(true)`: always; `Some(false)`: never.
    pub(crate) usage: Option<bool>,
    pub(crate) crlf: bool,
    pub(crate) tight: bool,
    pub(crate) comments: bool,
    pub(crate) close: bool,
    /// Headers on every answer.
    pub(crate) headers: Vec<(HeaderName, HeaderValue)>,
}

/// A place in the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Point {
    Body(u64),
    Event(u64),
    Wire(u64),
    End,
}

/// What happens at that place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Act {
    Cut,
    Reset,
    HalfClose,
    Stall,
    Garbage,
    BadEvent,
    ErrorEvent,
}

/// An answer that is an error.
#[derive(Clone, Debug, Default)]
pub(crate) struct Failure {
    pub(crate) status: Option<u16>,
    pub(crate) kind: Option<&'static str>,
    pub(crate) body: Option<Arc<str>>,
    pub(crate) retry_after: Option<Arc<str>>,
}

/// What breaks, and how often.
#[derive(Clone, Debug, Default)]
pub(crate) struct Faults {
    pub(crate) failure: Option<Failure>,
    pub(crate) act: Option<(Act, Point)>,
    /// One-byte frames, this long apart.
    pub(crate) drip: Option<Duration>,
    /// Content-length minus the true length.
    pub(crate) length: i64,
    pub(crate) endless: bool,
    pub(crate) fail_first: Option<u64>,
    pub(crate) fail_after: Option<u64>,
    pub(crate) chance: Option<f64>,
    /// The counter that `fail_first` and `fail_after` look at.
    pub(crate) counter: Option<Arc<str>>,
}

impl Faults {
    /// Whether anything is to break.
    pub(crate) fn any(&self) -> bool {
        self.failure.is_some() || self.act.is_some() || self.drip.is_some() || self.length != 0 || self.endless
    }
}

/// How the request is read.
#[derive(Clone, Debug, Default)]
pub(crate) struct Reading {
    pub(crate) delay: Duration,
    /// Bytes a second.
    pub(crate) rate: Option<u64>,
    pub(crate) skip: bool,
}

/// What is about the server, not a request.
#[derive(Clone, Debug, Default)]
pub(crate) struct House {
    pub(crate) models: Option<Arc<[String]>>,
    pub(crate) strict: bool,
    pub(crate) slots: Option<usize>,
    pub(crate) slots_full: SlotsFull,
    pub(crate) accept: Accept,
    pub(crate) keepalive: Option<u64>,
    pub(crate) idle: Option<Duration>,
    pub(crate) log: Option<usize>,
    pub(crate) key: Option<Arc<str>>,
}

/// What a request meets when all slots are taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum SlotsFull {
    #[default]
    TooMany,
    Unavailable,
    Queue,
}

/// What a connection meets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Accept {
    #[default]
    Ok,
    /// The listening socket is closed: connects are refused.
    Refuse,
    /// Nobody accepts: connects succeed in the kernel and nothing follows.
    Pause,
    /// Accepted and reset at once.
    Reset,
    /// Accepted, read, never answered.
    Silent,
}
