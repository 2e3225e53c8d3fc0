//! The right to use an endpoint for one request, and the way back for what was learned.

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::clock::{Clock, SystemClock, Tick};
use crate::endpoint::{Endpoint, EndpointKey};
use crate::explain::Explanation;
use crate::failure::Failure;
use crate::fleet::Resource;
use crate::observe::Outcome;
use crate::pool::Pool;
use crate::signal::Signal;
use crate::store::LeaseStore;
use crate::view::{LATENCY_HALF_LIFE, LATENCY_SEED, Slot};

/// A failure counts as an answer that took at least this long, in seconds.
const FAILURE_LATENCY: f32 = 5.0;

/// What a failure adds to the expected delay of an endpoint, and the most that failures add, in seconds.
const FAILURE_DRAG: (f32, f32) = (1.5, 5.0);

/// What is left of that delay after a success.
const DRAG_LEFT: f32 = 0.7;

/// How much of a sample counts in the long run, for pace and busy time.
const GAIN: f32 = 0.05;

/// A request that took longer to the first token than this times what its size explains, and so many seconds, had to
/// wait for a place.
const WAIT_FACTOR: f32 = 1.5;
const WAIT_SLACK: f32 = 0.1;

/// How much the pace of such a request counts.
const DOUBT: f32 = 0.05;

/// A sample of this size counts half as much as a very large one: a small one says more about the way than the pace.
const HALF_SIZE: f32 = 200.0;

/// The right to use an endpoint for one request.
///
/// The time to the first token ends with [`Lease::first_token`]; the place stays taken until the lease ends: by
/// [`Lease::succeed`], by [`Lease::fail`], or by being dropped, which means that the request was given up.
#[must_use = "dropping a lease gives the endpoint up"]
pub struct Lease<T, C: Clock = SystemClock> {
    pub(crate) pool: Arc<Pool<T, C>>,
    pub(crate) index: u32,
    pub(crate) begun: Tick,
    pub(crate) answered: Option<Tick>,
    /// Requests on the resource when this one began, itself included, over all replicas.
    pub(crate) crowd: f32,
    pub(crate) size: u32,
    pub(crate) probe: bool,
    pub(crate) settled: bool,
    pub(crate) why: Option<Arc<Explanation>>,
    /// Boxed, since few leases have it.
    pub(crate) stored: Option<Box<Stored>>,
    pub(crate) fence: u64,
}

/// A lease that is kept in a store.
pub(crate) struct Stored {
    pub(crate) store: Arc<dyn LeaseStore>,
    pub(crate) id: u128,
    pub(crate) lost: Signal,
}

impl<T, C: Clock> Lease<T, C> {
    /// The target, as the caller gave it.
    #[must_use]
    pub fn target(&self) -> &T {
        &self.endpoint().target
    }

    /// The endpoint.
    #[must_use]
    pub fn endpoint(&self) -> &Arc<Endpoint<T>> {
        &self.pool.endpoints[self.index as usize]
    }

    /// The key of the endpoint, for [`Tried`](crate::Tried).
    #[must_use]
    pub fn key(&self) -> EndpointKey {
        self.slot().state.key
    }

    /// When the lease began.
    #[must_use]
    pub const fn begun(&self) -> Tick {
        self.begun
    }

    /// A number greater than that of every earlier lease of the resource, if its permits are counted.
    #[must_use]
    pub fn fence(&self) -> Option<u64> {
        Some(self.fence).filter(|fence| *fence > 0)
    }

    /// Completes when a shared store has taken the lease away; never without a store.
    pub fn lost(&self) -> impl Future<Output = ()> + Send + use<T, C> {
        self.lost_signal().wait()
    }

    /// Whether a shared store has taken the lease away.
    #[must_use]
    pub fn is_lost(&self) -> bool {
        self.lost_signal().is_set()
    }

    /// Whether the demand asked for the reasons to be kept.
    #[must_use]
    pub fn explained(&self) -> bool {
        self.why.is_some()
    }

    /// Why this endpoint. Exact if the demand asked for it; else with what is known now.
    #[must_use]
    pub fn explain(&self) -> Arc<Explanation> {
        self.why.clone().unwrap_or_else(|| {
            let shared = &self.pool.shared;
            Arc::new(self.pool.lineup.explain_later(self.index as usize, shared.clock.now()))
        })
    }

    /// When a second request to another endpoint beats waiting for the first token of this one: later than 19 of 20
    /// recent first tokens. `None` while too little is known. Ask [`Balancer::may_hedge`](crate::Balancer::may_hedge)
    /// before sending it, and drop the lease that loses.
    ///
    /// ```
    /// use std::time::Duration;
    /// use llm_router_balancer::{Balancer, Demand, Endpoint, ManualClock, Tried};
    ///
    /// let clock = ManualClock::new();
    /// let (a, b) = (Endpoint::new("a", ()), Endpoint::new("b", ()));
    /// let pool = Balancer::builder().clock(clock.clone()).endpoint(a).endpoint(b).build()?;
    /// for _ in 0..200 {
    ///     let mut lease = pool.pick(&Demand::default())?;
    ///     clock.advance(Duration::from_millis(20));
    ///     lease.first_token();
    ///     lease.succeed();
    /// }
    /// let slow = pool.pick(&Demand::default())?;
    /// clock.set(slow.hedge_at().ok_or("after 200 it is known")?); // a program sleeps until then
    /// if pool.may_hedge() {
    ///     let mut tried = Tried::default();
    ///     tried.insert(slow.key());
    ///     let mut second = pool.pick(&Demand { tried, ..Demand::default() })?;
    ///     assert_ne!(second.endpoint().id(), slow.endpoint().id());
    ///     second.first_token(); // it was faster
    ///     drop(slow);
    ///     second.succeed();
    /// }
    /// # assert_eq!(pool.status().iter().map(|endpoint| endpoint.cancelled).sum::<u64>(), 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn hedge_at(&self) -> Option<Tick> {
        self.pool.shared.spread.quantile(0.95).map(|span| self.begun + span)
    }

    /// The first token came. Only the first call counts.
    pub fn first_token(&mut self) {
        if self.answered.is_none() {
            self.answer(self.pool.shared.clock.now());
        }
    }

    /// The answer is complete.
    pub fn succeed(mut self) {
        self.settle(Outcome::Success);
    }

    /// It failed. Says whether the endpoint is to blame, see [`Failure`].
    pub fn fail(mut self, failure: Failure) {
        self.settle(Outcome::Failure(failure));
    }

    fn slot(&self) -> &Slot {
        &self.pool.slots[self.index as usize]
    }

    fn lost_signal(&self) -> Signal {
        let stored = self.stored.as_deref();
        stored.map_or(Signal::never(), |stored| stored.lost.clone())
    }

    /// Whether others were before us in the queue of the endpoint itself, as far as its places are known.
    fn queued(&self) -> bool {
        self.slot().places().is_some_and(|places| self.crowd > places)
    }

    /// Takes in how long this request took to the first token for its size, and whether it had to wait for a place.
    fn learn_pace(&self, seconds: f32) {
        let (slot, size) = (self.slot(), self.size as f32);
        let state = &slot.state;
        let (sample, weight) = (seconds / size, size / (size + HALF_SIZE));
        let Some(pace) = state.pace.get() else {
            state.pace.record(sample, GAIN, weight);
            return;
        };
        if slot.slots == 0 {
            let waited = seconds > WAIT_FACTOR * size * pace + WAIT_SLACK;
            state.learn_places(self.crowd, waited);
            // Why it took so long is not known: it counts a little, so that a pace that changed for good is learned.
            state.pace.record(sample, GAIN, if waited { weight * DOUBT } else { weight });
        } else if !self.queued() || sample < pace {
            // Who waited at the endpoint shows only that the pace is no worse than this.
            state.pace.record(sample, GAIN, weight);
        }
    }

    fn answer(&mut self, now: Tick) {
        self.answered = Some(now);
        let waited = now.since(self.begun);
        let seconds = waited.as_secs_f32();
        let probe = std::mem::take(&mut self.probe);
        let (shared, slot) = (&self.pool.shared, self.slot());
        let state = &slot.state;
        state.latency.record(now, seconds, LATENCY_HALF_LIFE);
        state.taught.store(now.as_nanos(), Ordering::Relaxed);
        if self.size > 0 {
            self.learn_pace(seconds);
        }
        shared.spread.record(waited);
        if probe {
            shared.learn(state, state.breaker.success(now, self.begun, false), now);
        }
        if let Some(observer) = &shared.observer {
            observer.first_token(&state.id, waited);
        }
    }

    fn settle(&mut self, outcome: Outcome) {
        if std::mem::replace(&mut self.settled, true) {
            return;
        }
        let now = self.pool.shared.clock.now();
        match outcome {
            Outcome::Success => self.succeeded(now),
            Outcome::Failure(failure) if failure.blames() => self.failed(now, failure),
            Outcome::Failure(_) => {
                let state = &self.slot().state;
                state.tally.end(&state.tally.succeeded);
                self.pool.shared.learn(state, state.breaker.success(now, self.begun, true), now);
            }
            Outcome::Cancelled => self.cancelled(now),
        }
        self.give_back(now);
        if let Some(observer) = &self.pool.shared.observer {
            observer.settled(&self.slot().state.id, outcome, now.since(self.begun));
        }
        self.pool.sweep(now);
    }

    fn succeeded(&mut self, now: Tick) {
        if self.answered.is_none() {
            self.answer(now);
        }
        let state = &self.slot().state;
        let held = now.seconds_since(self.begun);
        let answer = self.answered.unwrap_or(now).seconds_since(self.begun);
        // What was spent in the queue of the endpoint is not time in a place.
        let alone = self.size as f32 * state.pace.get().unwrap_or(0.0);
        let queued = if self.queued() { (answer - alone).max(0.0) } else { 0.0 };
        state.busy.record(held - queued, GAIN, 1.0);
        state.drag.ease(now, DRAG_LEFT, LATENCY_HALF_LIFE);
        state.tally.end(&state.tally.succeeded);
        self.pool.shared.learn(state, state.breaker.success(now, self.begun, true), now);
    }

    fn failed(&mut self, now: Tick, failure: Failure) {
        let (shared, state) = (&self.pool.shared, &self.slot().state);
        let pause = match failure {
            Failure::Overloaded { retry_after } => {
                retry_after.unwrap_or_default().min(shared.health.max_overload_pause)
            }
            _ => Duration::ZERO,
        };
        let slow = FAILURE_LATENCY.max(pause.as_secs_f32());
        state.latency.raise(now, slow, LATENCY_SEED, LATENCY_HALF_LIFE);
        state.drag.add(now, FAILURE_DRAG.0, FAILURE_DRAG.1, 0.0, LATENCY_HALF_LIFE);
        state.taught.store(now.as_nanos(), Ordering::Relaxed);
        state.tally.end(&state.tally.failed);
        shared.learn(state, state.breaker.failure(now, self.begun, failure, &shared.health), now);
    }

    /// Given up before the first token, it took at least so long: that may raise an estimate, never lower it.
    fn cancelled(&mut self, now: Tick) {
        let state = &self.slot().state;
        if self.answered.is_none() {
            let waited = now.seconds_since(self.begun);
            if waited > state.latency.read(now, LATENCY_SEED, LATENCY_HALF_LIFE) {
                state.latency.raise(now, waited, LATENCY_SEED, LATENCY_HALF_LIFE);
            }
        }
        if self.probe {
            state.breaker.forgo_probe();
        }
        state.tally.end(&state.tally.cancelled);
    }

    fn give_back(&mut self, now: Tick) {
        let slot = self.slot();
        let resource: &Arc<Resource> = &slot.state.resource;
        if self.pool.shared.peers.load(Ordering::Relaxed) > 1 {
            slot.state.presence.follow(now, resource.used() as f32, crate::view::PRESENCE_HALF_LIFE);
        }
        if slot.cap != u32::MAX {
            resource.held(now.since(self.begun));
        }
        if let Some(stored) = self.stored.as_deref() {
            stored.store.release(stored.id, self.fence);
        }
        self.pool.shared.fleet.give_back(resource, now);
    }
}

impl<T, C: Clock> Drop for Lease<T, C> {
    fn drop(&mut self) {
        self.settle(Outcome::Cancelled);
    }
}

impl<T, C: Clock> fmt::Debug for Lease<T, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let id = &self.slot().state.id;
        f.debug_struct("Lease").field("endpoint", id).field("begun", &self.begun).finish_non_exhaustive()
    }
}
