//! What can be seen from outside: events as they happen, and the state of every endpoint.

use std::sync::Arc;
use std::time::Duration;

use crate::failure::Failure;
use crate::health::Reason;

/// Told what happens. Called on the path of requests: be quick, and never call the balancer.
pub trait Observer: Send + Sync + 'static {
    /// A lease was given out.
    fn picked(&self, _endpoint: &str) {}

    /// The first token came after this time.
    fn first_token(&self, _endpoint: &str, _after: Duration) {}

    /// A lease ended.
    fn settled(&self, _endpoint: &str, _outcome: Outcome, _held: Duration) {}

    /// An endpoint is left alone from now on, or serves again (`healthy`).
    fn health_changed(&self, _endpoint: &str, _healthy: bool) {}

    /// A request waited this long in line; `served`: and got a lease.
    fn waited(&self, _span: Duration, _served: bool) {}
}

/// How a lease ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The answer is complete.
    Success,
    /// It failed.
    Failure(Failure),
    /// The lease was dropped: the request was given up.
    Cancelled,
}

/// Whether an endpoint serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Standing {
    /// It serves.
    Healthy,
    /// It serves less than its share for a while, because it was added or came back.
    SlowStart,
    /// One request finds out whether it serves again.
    HalfOpen,
    /// It is left alone.
    Paused {
        /// Why.
        reason: Reason,
        /// For how long.
        remaining: Duration,
    },
    /// It was paused by hand.
    Drained,
}

impl Standing {
    /// All short names.
    pub const NAMES: [&'static str; 5] = ["healthy", "slow_start", "half_open", "ejected", "draining"];

    /// Whether it gets requests, be it only the one that finds out.
    #[must_use]
    pub const fn serves(&self) -> bool {
        !matches!(self, Self::Paused { .. } | Self::Drained)
    }

    /// A short name for metrics and logs, one of [`Standing::NAMES`].
    #[must_use]
    pub const fn name(&self) -> &'static str {
        Self::NAMES[match self {
            Self::Healthy => 0,
            Self::SlowStart => 1,
            Self::HalfOpen => 2,
            Self::Paused { .. } => 3,
            Self::Drained => 4,
        }]
    }
}

/// One endpoint, as it is.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct EndpointStatus {
    /// Its id.
    pub id: Arc<str>,
    /// The resource that it uses.
    pub resource: Arc<str>,
    /// Whether it serves.
    pub standing: Standing,
    /// Its tier.
    pub tier: u8,
    /// Leases of it that live.
    pub in_flight: u32,
    /// Requests on its resource, over all endpoints of the fleet.
    pub resource_in_flight: u32,
    /// Most requests on its resource.
    pub limit: Option<u32>,
    /// Peak-sensitive average time to the first token, failures included.
    pub latency: Duration,
    /// Leases given out so far.
    pub picked: u64,
    /// Leases that ended with success.
    pub succeeded: u64,
    /// Leases that ended by a fault of the endpoint.
    pub failed: u64,
    /// Leases that were given up.
    pub cancelled: u64,
}
