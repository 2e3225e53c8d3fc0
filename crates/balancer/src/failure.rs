//! How a lease may end badly, and whose fault that is.

use std::time::Duration;

use crate::clock::Tick;

/// What went wrong with a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Failure {
    /// No connection: refused, unreachable, name or handshake failed.
    Connect,
    /// No answer in time.
    Timeout,
    /// The connection broke before the answer began.
    Reset,
    /// The target said it has too much to do (HTTP 429 or 503).
    Overloaded {
        /// For how long it asked to be left alone.
        retry_after: Option<Duration>,
    },
    /// An allowance is used up: nothing will be served until it is renewed.
    Quota {
        /// When it is renewed.
        until: Option<Tick>,
    },
    /// The target refuses our credentials.
    Auth,
    /// The target failed by itself (HTTP 5xx).
    Server,
    /// The answer broke off.
    Truncated,
    /// The request was wrong. Says nothing against the target: it is alive.
    Client,
}

impl Failure {
    /// Whether the target is to blame.
    #[must_use]
    pub const fn blames(self) -> bool {
        !matches!(self, Self::Client)
    }

    /// Whether the target asked for a pause instead of failing: such an answer never counts as one of a row of
    /// failures.
    #[must_use]
    pub const fn asks_for_pause(self) -> bool {
        matches!(self, Self::Overloaded { .. } | Self::Quota { .. })
    }

    /// A short name for metrics and logs.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::Timeout => "timeout",
            Self::Reset => "reset",
            Self::Overloaded { .. } => "overloaded",
            Self::Quota { .. } => "quota",
            Self::Auth => "auth",
            Self::Server => "server",
            Self::Truncated => "truncated",
            Self::Client => "client",
        }
    }
}
