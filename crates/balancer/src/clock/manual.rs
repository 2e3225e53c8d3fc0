//! A clock that stands until it is moved: for tests and for the simulator.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use super::{Clock, Sleep, Sleepers, Tick};
use crate::sync::lock;

/// Time that moves when told. Clones share it.
///
/// ```
/// use std::time::Duration;
/// use llm_router_balancer::{Balancer, Demand, Endpoint, Failure, ManualClock};
///
/// let clock = ManualClock::new();
/// let pool = Balancer::builder().clock(clock.clone()).endpoint(Endpoint::new("a", ())).build()?;
/// let pause = Failure::Overloaded { retry_after: Some(Duration::from_secs(20)) };
/// pool.pick(&Demand::default())?.fail(pause);
/// assert!(pool.pick(&Demand::default()).is_err(), "it asked to be left alone");
/// clock.advance(Duration::from_secs(20)); // takes no time
/// pool.pick(&Demand::default())?.succeed();
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct ManualClock(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    now: AtomicU64,
    sleepers: Mutex<Sleepers>,
}

impl ManualClock {
    /// A clock at [`Tick::ZERO`].
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Moves on by `span` and wakes what is due.
    pub fn advance(&self, span: Duration) {
        self.set(self.now() + span);
    }

    /// Moves to `to`, never back, and wakes what is due, in the order of its time.
    pub fn set(&self, to: Tick) {
        let now = Tick(self.0.now.fetch_max(to.0, Ordering::SeqCst).max(to.0));
        while let Some(waker) = { lock(&self.0.sleepers).pop_due(now) } {
            waker.wake();
        }
    }

    /// When the next sleeper is due; `None` if nobody sleeps.
    #[must_use]
    pub fn next_wake(&self) -> Option<Tick> {
        lock(&self.0.sleepers).next_due()
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Tick {
        Tick(self.0.now.load(Ordering::SeqCst))
    }

    fn sleep_until(&self, at: Tick) -> Sleep {
        Box::pin(Nap { clock: Arc::clone(&self.0), at, entry: None })
    }
}

struct Nap {
    clock: Arc<Shared>,
    at: Tick,
    entry: Option<u64>,
}

impl Future for Nap {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let clock = Arc::clone(&self.clock);
        let mut sleepers = lock(&clock.sleepers);
        if let Some(entry) = self.entry.take() {
            sleepers.by_time.remove(&(self.at, entry));
        }
        if self.at.0 <= clock.now.load(Ordering::SeqCst) {
            return Poll::Ready(());
        }
        if self.at != Tick::NEVER {
            self.entry = Some(sleepers.insert(self.at, context.waker().clone()));
        }
        Poll::Pending
    }
}

impl Drop for Nap {
    fn drop(&mut self) {
        if let Some(entry) = self.entry {
            lock(&self.clock.sleepers).by_time.remove(&(self.at, entry));
        }
    }
}
