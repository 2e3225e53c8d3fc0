//! The present moment, read once a poll, and one timer for all that a connection waits for.
//!
//! A request asks a score of times what time it is and sets a handful of alarms, of which hardly any ever rings. Every
//! reading of the machine's clock costs some 25 ns, and every timer several times that. Whoever drives requests wraps
//! each poll in [`poll`]: within it all readings are one, and alarms are gathered instead of set. Outside of it each
//! reading is its own, and so is each timer.

use std::{
    cell::Cell,
    pin::Pin,
    task::{Context, Poll, ready},
    time::{Duration, SystemTime},
};

use llm_router_balancer::{Clock, SystemClock, Tick};
use tokio::time::{Instant, Sleep, sleep_until};

/// Thirty years.
const NEVER: Duration = Duration::from_secs(30 * 365 * 86_400);

/// What is known of the present poll.
struct Present {
    /// Which task is polled, by what wakes it; none outside of a poll.
    task: Cell<Option<*const ()>>,
    now: Cell<Option<Instant>>,
    wall: Cell<Option<SystemTime>>,
    /// The earliest alarm.
    alarm: Cell<Option<Instant>>,
}

thread_local! {
    static PRESENT: Present = const {
        Present { task: Cell::new(None), now: Cell::new(None), wall: Cell::new(None), alarm: Cell::new(None) }
    };
}

/// Ends the poll, also when it panics.
struct End;

impl Drop for End {
    fn drop(&mut self) {
        PRESENT.with(|present| {
            present.task.set(None);
            present.now.set(None);
            present.wall.set(None);
            present.alarm.set(None);
        });
    }
}

/// Does the work of one poll of a task, which takes no time as far as [`now`] and [`wall`] can tell. Also gives the
/// moment at which the task must be polled again at the latest, if there is one.
pub fn poll<T>(cx: &mut Context<'_>, work: impl FnOnce(&mut Context<'_>) -> T) -> (T, Option<Instant>) {
    let _end = End;
    PRESENT.with(|present| present.task.set(Some(cx.waker().data())));
    let done = work(cx);
    (done, PRESENT.with(|present| present.alarm.get()))
}

/// The present moment, or the one at which the present poll first asked.
#[must_use]
pub fn now() -> Instant {
    PRESENT.with(|present| present.now.get()).unwrap_or_else(fresh)
}

/// The moment so much later than [`now`], or a time that nobody lives to see.
#[must_use]
pub fn after(span: Duration) -> Instant {
    let now = now();
    now.checked_add(span).unwrap_or_else(|| now + NEVER)
}

/// The present moment; for what is left of the present poll it is [`now`].
#[must_use]
pub fn fresh() -> Instant {
    let now = Instant::now();
    PRESENT.with(|present| {
        if present.task.get().is_some() {
            present.now.set(Some(now));
        }
    });
    now
}

/// The time of day, or the one at which the present poll first asked.
#[must_use]
pub fn wall() -> SystemTime {
    PRESENT.with(|present| {
        present.wall.get().unwrap_or_else(|| {
            let wall = SystemTime::now();
            if present.task.get().is_some() {
                present.wall.set(Some(wall));
            }
            wall
        })
    })
}

/// Rings at a moment that may be another one with every poll. A timer of its own is made only where nobody gathers
/// alarms.
#[derive(Debug, Default)]
pub(crate) struct Alarm(Option<Pin<Box<Sleep>>>);

impl Alarm {
    /// Ready from `at` on; else the task is polled again by then.
    pub(crate) fn poll(&mut self, at: Instant, cx: &mut Context<'_>) -> Poll<()> {
        if now() >= at {
            return Poll::Ready(());
        }
        let gathered = PRESENT.with(|present| {
            let gathers = present.task.get() == Some(cx.waker().data());
            if gathers && present.alarm.get().is_none_or(|earliest| at < earliest) {
                present.alarm.set(Some(at));
            }
            gathers
        });
        if gathered {
            return Poll::Pending;
        }
        let timer = self.0.get_or_insert_with(|| Box::pin(sleep_until(at)));
        if timer.deadline() != at {
            timer.as_mut().reset(at);
        }
        timer.as_mut().poll(cx)
    }
}

/// The limit passed first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooLate;

/// Does some work until a moment.
///
/// # Errors
/// [`TooLate`] when the moment comes first.
pub async fn within<T>(until: Instant, mut work: Pin<&mut impl Future<Output = T>>) -> Result<T, TooLate> {
    let mut alarm = Alarm::default();
    std::future::poll_fn(|cx| match work.as_mut().poll(cx) {
        Poll::Ready(done) => Poll::Ready(Ok(done)),
        Poll::Pending => {
            ready!(alarm.poll(until, cx));
            Poll::Ready(Err(TooLate))
        }
    })
    .await
}

/// The machine's clock for balancers, read once a poll.
#[derive(Debug, Clone, Copy, Default)]
pub struct PollClock;

impl Clock for PollClock {
    fn now(&self) -> Tick {
        SystemClock::tick_at(now().into_std())
    }

    fn sleep_until(&self, at: Tick) -> llm_router_balancer::Sleep {
        SystemClock.sleep_until(at)
    }
}

#[cfg(test)]
mod tests {
    use std::{
        future::{pending, poll_fn},
        panic::{AssertUnwindSafe, catch_unwind},
        pin::pin,
        task::Waker,
        thread::sleep,
    };

    use super::*;

    const WHILE: Duration = Duration::from_millis(2);

    fn idle() -> Context<'static> {
        Context::from_waker(Waker::noop())
    }

    /// One poll of a task that something wakes.
    async fn polled<T>(work: impl FnOnce(&mut Context<'_>) -> T) -> (T, Option<Instant>) {
        let mut work = Some(work);
        poll_fn(|cx| Poll::Ready(poll(cx, work.take().expect("it is polled once")))).await
    }

    #[tokio::test]
    async fn a_poll_has_one_moment() {
        let before = now();
        sleep(WHILE);
        let (_, alarm) = polled(|_| {
            let (first, wall_first, tick) = (now(), wall(), PollClock.now());
            assert!(first >= before + WHILE);
            sleep(WHILE);
            assert_eq!((now(), wall(), PollClock.now()), (first, wall_first, tick));
            let later = fresh();
            assert!(later >= first + WHILE);
            assert_eq!((now(), wall()), (later, wall_first));
        })
        .await;
        assert_eq!(alarm, None);
        let outside = now();
        sleep(WHILE);
        assert!(now() >= outside + WHILE);
    }

    #[tokio::test]
    async fn a_poll_that_panics_leaves_no_moment_behind() {
        poll_fn(|cx| {
            let panics = AssertUnwindSafe(|| poll(cx, |_| panic!("at {:?}", now())));
            assert!(catch_unwind(panics).is_err());
            Poll::Ready(())
        })
        .await;
        let first = now();
        sleep(WHILE);
        assert!(now() > first);
    }

    #[tokio::test]
    async fn alarms_are_gathered_and_the_earliest_is_told() {
        let at = after(Duration::from_secs(60));
        let (alarms, earliest) = polled(|cx| {
            let mut alarms = [Alarm::default(), Alarm::default(), Alarm::default()];
            for (alarm, later) in alarms.iter_mut().zip([9, 0, 5]) {
                assert!(alarm.poll(at + Duration::from_secs(later), cx).is_pending());
            }
            assert!(Alarm::default().poll(now(), cx).is_ready());
            alarms
        })
        .await;
        assert_eq!(earliest, Some(at));
        assert!(alarms.iter().all(|alarm| alarm.0.is_none()));
    }

    #[tokio::test]
    async fn whoever_is_woken_by_something_else_has_a_timer_of_its_own() {
        let at = after(Duration::from_secs(60));
        let (alarm, gathered) = polled(|_| {
            let mut alarm = Alarm::default();
            assert!(alarm.poll(at, &mut idle()).is_pending());
            alarm
        })
        .await;
        assert_eq!(gathered, None);
        assert!(alarm.0.is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn work_that_takes_too_long_is_given_up_and_other_work_is_not() {
        let until = after(Duration::from_secs(5));
        assert_eq!(within(until, pin!(async { 7 })).await, Ok(7));
        assert_eq!(within(until, pin!(pending::<()>())).await, Err(TooLate));
        assert!(now() >= until);
        assert_eq!(within(until, pin!(async { 7 })).await, Ok(7));
        assert!(after(Duration::MAX) > until);
    }
}
