//! Time as the balancer sees it: given from outside, so that tests and simulations own it.

mod manual;
mod system;

pub use manual::ManualClock;
pub use system::SystemClock;

use std::collections::BTreeMap;
use std::future::Future;
use std::ops::Add;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Waker;
use std::time::Duration;

/// A moment: nanoseconds since the origin of a clock, which says nothing about the time of day.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tick(u64);

impl Tick {
    /// The origin.
    pub const ZERO: Self = Self(0);
    /// Later than every moment that comes.
    pub const NEVER: Self = Self(u64::MAX);

    /// The moment `nanos` nanoseconds after the origin.
    #[must_use]
    pub const fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    /// Nanoseconds since the origin.
    #[must_use]
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// Time passed since `earlier`; zero if that is later.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }

    /// Seconds passed since `earlier`; zero if that is later.
    pub(crate) fn seconds_since(self, earlier: Self) -> f32 {
        self.0.saturating_sub(earlier.0) as f32 * 1e-9
    }
}

impl Add<Duration> for Tick {
    type Output = Self;

    /// Saturates at [`Tick::NEVER`].
    fn add(self, span: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)))
    }
}

/// Completes at the moment it was made for; dropping it cancels it.
pub type Sleep = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Tells the time, and wakes those who wait for it.
///
/// A program with a runtime implements this over the clock of its runtime; then nothing here starts a thread. Time
/// never goes backwards.
///
/// ```
/// use llm_router_balancer::{Balancer, Clock, Demand, Endpoint, Sleep, Tick};
///
/// struct TokioClock(tokio::time::Instant); // when it began
///
/// impl Clock for TokioClock {
///     fn now(&self) -> Tick {
///         Tick::ZERO + self.0.elapsed()
///     }
///
///     fn sleep_until(&self, at: Tick) -> Sleep {
///         if at == Tick::NEVER {
///             return Box::pin(std::future::pending());
///         }
///         Box::pin(tokio::time::sleep_until(self.0 + at.since(Tick::ZERO)))
///     }
/// }
///
/// # let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
/// # let _inside = runtime.enter();
/// let clock = TokioClock(tokio::time::Instant::now());
/// let pool = Balancer::builder().clock(clock).endpoint(Endpoint::new("a", ())).build()?;
/// pool.pick(&Demand::default())?.succeed();
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait Clock: Send + Sync + 'static {
    /// The present moment. Called once per operation; about 30 ns on common machines.
    fn now(&self) -> Tick;

    /// Completes at `at`, or as soon as polled if that has passed. [`Tick::NEVER`] never completes.
    fn sleep_until(&self, at: Tick) -> Sleep;
}

impl<C: Clock> Clock for Arc<C> {
    fn now(&self) -> Tick {
        (**self).now()
    }

    fn sleep_until(&self, at: Tick) -> Sleep {
        (**self).sleep_until(at)
    }
}

/// Wakers ordered by the moment they are due; ties in the order they came.
#[derive(Debug, Default)]
struct Sleepers {
    by_time: BTreeMap<(Tick, u64), Waker>,
    next: u64,
}

impl Sleepers {
    fn insert(&mut self, at: Tick, waker: Waker) -> u64 {
        self.next += 1;
        self.by_time.insert((at, self.next), waker);
        self.next
    }

    fn next_due(&self) -> Option<Tick> {
        self.by_time.first_key_value().map(|((at, _), _)| *at)
    }

    fn pop_due(&mut self, now: Tick) -> Option<Waker> {
        if self.next_due()? > now {
            return None;
        }
        self.by_time.pop_first().map(|(_, waker)| waker)
    }
}
