//! Which endpoints may serve: learned from how leases end, and from hints.

mod breaker;
mod outlier;

pub use breaker::Reason;
pub(crate) use breaker::{Admission, Breaker, Lesson};
pub(crate) use outlier::sweep;

use std::num::NonZeroU32;
use std::time::Duration;

/// When an endpoint is left alone, and how it comes back.
#[derive(Debug, Clone, PartialEq)]
pub struct HealthSettings {
    /// So many failures in a row open the breaker. Default 5.
    pub consecutive: NonZeroU32,
    /// Span of the exact counts of good and bad answers. Default 20 s.
    pub window: Duration,
    /// This share of bad answers in the window opens the breaker. Above 1: never. Default 0.5.
    pub failure_rate: f32,
    /// No rate is computed below so many answers in the window. Default 20.
    pub min_requests: NonZeroU32,
    /// The first pause of an open breaker; each further one is twice as long. Default 1 s.
    pub base_pause: Duration,
    /// The longest pause of an open breaker. Default 60 s.
    pub max_pause: Duration,
    /// Pause after an overload answer that names none. Default 1 s.
    pub overload_pause: Duration,
    /// No overload answer is believed for longer. Default 300 s.
    pub max_overload_pause: Duration,
    /// Pause after a used-up allowance that names none. Default 60 s.
    pub quota_pause: Duration,
    /// Pause after refused credentials. Default 30 s.
    pub auth_pause: Duration,
    /// A failed active probe is ignored if a request succeeded within this time. Default 10 s.
    pub probe_trust: Duration,
    /// An endpoint that comes back or joins a running pool gets its full weight after this time. Zero: at once.
    /// Default 10 s.
    pub slow_start: Duration,
    /// Share of its weight at the beginning. Default 0.1.
    pub slow_start_floor: f32,
    /// An endpoint whose share of good answers is so many standard deviations below the mean is ejected. Needs five
    /// endpoints with [`HealthSettings::outlier_requests`] answers. Zero: never. Default 1.9.
    pub outlier_deviations: f32,
    /// See [`HealthSettings::outlier_deviations`]. Default 100.
    pub outlier_requests: NonZeroU32,
    /// How often outliers are looked for. Default 10 s.
    pub outlier_interval: Duration,
}

impl Default for HealthSettings {
    fn default() -> Self {
        Self {
            consecutive: NonZeroU32::MIN.saturating_add(4),
            window: Duration::from_secs(20),
            failure_rate: 0.5,
            min_requests: NonZeroU32::MIN.saturating_add(19),
            base_pause: Duration::from_secs(1),
            max_pause: Duration::from_secs(60),
            overload_pause: Duration::from_secs(1),
            max_overload_pause: Duration::from_secs(300),
            quota_pause: Duration::from_secs(60),
            auth_pause: Duration::from_secs(30),
            probe_trust: Duration::from_secs(10),
            slow_start: Duration::from_secs(10),
            slow_start_floor: 0.1,
            outlier_deviations: 1.9,
            outlier_requests: NonZeroU32::MIN.saturating_add(99),
            outlier_interval: Duration::from_secs(10),
        }
    }
}
