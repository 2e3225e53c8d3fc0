//! Why there is no lease.

use std::time::Duration;

use crate::store::StoreError;

/// Why nothing could be picked at once.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PickError {
    /// The balancer has no endpoints, or all are paused by hand.
    #[error("there is no endpoint, or all are paused by hand")]
    Empty,
    /// No endpoint has the tags.
    #[error("no endpoint has the tags that are asked for")]
    NoMatch,
    /// Every endpoint that could serve was tried already.
    #[error("every endpoint was tried")]
    Exhausted,
    /// Every place is taken.
    #[error("every endpoint has as much to do as it may")]
    Busy {
        /// When a place is expected to become free, if that is known.
        retry_after: Option<Duration>,
    },
    /// The places are granted by a [store](crate::LeaseStore), which [`Balancer::acquire`](crate::Balancer::acquire)
    /// alone asks: whoever picks never waits for anybody.
    #[error("the places are granted by a store, which must be waited for")]
    Stored,
    /// Every endpoint is left alone for now.
    #[error("every endpoint is unavailable")]
    Unavailable {
        /// When the first of them may be tried again.
        retry_after: Option<Duration>,
    },
}

/// Why waiting ended without a lease.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AcquireError {
    /// Waiting would not have helped.
    #[error(transparent)]
    Pick(#[from] PickError),
    /// The line is full.
    #[error("too many requests wait already")]
    LineFull {
        /// When a place is expected to become free, if that is known.
        retry_after: Option<Duration>,
    },
    /// The wait is expected to be longer than the request may take.
    #[error("no place is expected to become free in time")]
    TooLate {
        /// The expected wait.
        retry_after: Duration,
    },
    /// The request waited as long as it may.
    #[error("no place became free in time")]
    Timeout {
        /// When a place is expected to become free, if that is known.
        retry_after: Option<Duration>,
    },
    /// The store that grants the permits refused or failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl PickError {
    /// When another try may be worth it, if that is known.
    #[must_use]
    pub const fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Busy { retry_after } | Self::Unavailable { retry_after } => *retry_after,
            Self::Empty | Self::NoMatch | Self::Exhausted | Self::Stored => None,
        }
    }
}

impl AcquireError {
    /// When another try may be worth it, if that is known.
    #[must_use]
    pub const fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Pick(error) => error.retry_after(),
            Self::LineFull { retry_after } | Self::Timeout { retry_after } => *retry_after,
            Self::TooLate { retry_after } => Some(*retry_after),
            Self::Store(StoreError::Busy { retry_after } | StoreError::Down { retry_after }) => *retry_after,
            Self::Store(_) => None,
        }
    }
}
