//! How many retries and hedges there may be: a share of the requests, so that help never becomes the load.
//!
//! The retry budget of Finagle, with counts over a sliding window instead of a bucket of tokens.

use std::time::Duration;

use crate::clock::Tick;
use crate::window::Window;

/// Limits on what is sent more than once.
#[derive(Debug, Clone, PartialEq)]
pub struct BudgetSettings {
    /// Retries as a share of the requests in the window. Default 0.2.
    pub retry_share: f32,
    /// Retries per second allowed in any case. Default 10.
    pub retry_reserve: f32,
    /// Hedges as a share of the requests in the window. Default 0.02.
    pub hedge_share: f32,
    /// Span over which requests are counted. Default 10 s.
    pub window: Duration,
}

impl Default for BudgetSettings {
    fn default() -> Self {
        Self { retry_share: 0.2, retry_reserve: 10.0, hedge_share: 0.02, window: Duration::from_secs(10) }
    }
}

/// Counts requests, and what was sent more than once.
#[derive(Debug)]
pub struct Budget {
    settings: BudgetSettings,
    /// Good: first tries; bad: retries.
    tries: Window,
    /// Bad: hedges.
    hedges: Window,
}

impl Budget {
    /// A budget with nothing counted yet.
    #[must_use]
    pub fn new(settings: BudgetSettings) -> Self {
        Self { tries: Window::new(settings.window), hedges: Window::new(settings.window), settings }
    }

    /// Counts the first try of a request.
    pub fn deposit(&self, now: Tick) {
        self.tries.record(now, true);
    }

    /// Whether a retry is within the budget; if so it is counted.
    pub fn may_retry(&self, now: Tick) -> bool {
        let (requests, retries) = self.tries.totals(now);
        let reserve = self.settings.retry_reserve * self.settings.window.as_secs_f32();
        let may = (retries as f32) < self.settings.retry_share * requests as f32 + reserve;
        if may {
            self.tries.record(now, false);
        }
        may
    }

    /// Whether a hedge is within the budget; if so it is counted.
    pub fn may_hedge(&self, now: Tick) -> bool {
        let (requests, _) = self.tries.totals(now);
        let (_, hedges) = self.hedges.totals(now);
        let may = (hedges + 1) as f32 <= self.settings.hedge_share * requests as f32;
        if may {
            self.hedges.record(now, false);
        }
        may
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn retries_are_a_fifth_of_the_requests_and_ten_a_second() {
        let budget = Budget::new(BudgetSettings::default());
        let now = Tick::ZERO + Duration::from_secs(100);
        (0..1_000).for_each(|_| budget.deposit(now));
        let granted = (0..5_000).filter(|_| budget.may_retry(now)).count();
        assert_eq!(granted, 200 + 100);
        assert!(!budget.may_retry(now + Duration::from_secs(5)));
        assert!(budget.may_retry(now + Duration::from_secs(11)), "the reserve comes back");
    }

    #[test]
    fn hedges_are_a_fiftieth_and_none_without_traffic() {
        let budget = Budget::new(BudgetSettings::default());
        assert!(!budget.may_hedge(Tick::ZERO));
        (0..100).for_each(|_| budget.deposit(Tick::ZERO));
        assert_eq!((0..50).filter(|_| budget.may_hedge(Tick::ZERO)).count(), 2);
    }
}
