//! The clock of the machine, with one timer thread that starts when somebody first has to wait.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Condvar, Mutex, OnceLock, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use super::{Clock, Sleep, Sleepers, Tick};
use crate::sync::lock;

/// The monotonic clock of the machine. All values agree with each other.
///
/// Sleeping needs a thread; it is started at the first wait, serves all waits of the process and holds one entry for
/// each. Where there is a runtime, implement [`Clock`] over its timer and no thread is started.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl SystemClock {
    /// The moment as this clock tells it, for a program that has read the machine's clock already. Moments before the
    /// clock was first used are its origin.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the clock of the machine")]
    pub fn tick_at(moment: Instant) -> Tick {
        static ORIGIN: OnceLock<Instant> = OnceLock::new();
        let passed = moment.saturating_duration_since(*ORIGIN.get_or_init(Instant::now));
        // In this order no 128 bits are needed; five centuries fit.
        Tick::from_nanos(
            passed.as_secs().saturating_mul(1_000_000_000).saturating_add(u64::from(passed.subsec_nanos())),
        )
    }
}

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the clock of the machine")]
    fn now(&self) -> Tick {
        Self::tick_at(Instant::now())
    }

    fn sleep_until(&self, at: Tick) -> Sleep {
        Box::pin(Nap { at, entry: None })
    }
}

#[derive(Default)]
struct Timer {
    sleepers: Mutex<Sleepers>,
    changed: Condvar,
}

/// The timer, or `None` where the system refuses a thread.
fn timer() -> Option<&'static Timer> {
    static TIMER: OnceLock<Timer> = OnceLock::new();
    static RUNS: OnceLock<bool> = OnceLock::new();
    let timer = TIMER.get_or_init(Timer::default);
    let name = "balancer-timer".to_owned();
    RUNS.get_or_init(|| std::thread::Builder::new().name(name).spawn(move || run(timer)).is_ok()).then_some(timer)
}

fn run(timer: &'static Timer) {
    let mut sleepers = lock(&timer.sleepers);
    loop {
        let now = SystemClock.now();
        if let Some(waker) = sleepers.pop_due(now) {
            drop(sleepers);
            waker.wake();
            sleepers = lock(&timer.sleepers);
            continue;
        }
        let pause = sleepers.next_due().map_or(Duration::from_secs(3600), |due| due.since(now));
        sleepers = timer.changed.wait_timeout(sleepers, pause).unwrap_or_else(PoisonError::into_inner).0;
    }
}

struct Nap {
    at: Tick,
    entry: Option<u64>,
}

impl Future for Nap {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if self.at <= SystemClock.now() {
            return Poll::Ready(());
        }
        if self.at == Tick::NEVER {
            return Poll::Pending;
        }
        // Without a thread nothing could wake us: a wait that ends at once is better than one that never does.
        let Some(timer) = timer() else { return Poll::Ready(()) };
        let mut sleepers = lock(&timer.sleepers);
        if let Some(entry) = self.entry.take() {
            sleepers.by_time.remove(&(self.at, entry));
        }
        self.entry = Some(sleepers.insert(self.at, context.waker().clone()));
        drop(sleepers);
        timer.changed.notify_one();
        Poll::Pending
    }
}

impl Drop for Nap {
    fn drop(&mut self) {
        if let (Some(entry), Some(timer)) = (self.entry, timer()) {
            lock(&timer.sleepers).by_time.remove(&(self.at, entry));
        }
    }
}
