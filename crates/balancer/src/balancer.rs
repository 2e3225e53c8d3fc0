//! The balancer: endpoints behind one swapped snapshot, a strategy that chooses, leases that report back.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use arc_swap::ArcSwap;

use crate::builder::BalancerBuilder;
use crate::clock::{Clock, SystemClock, Tick};
use crate::demand::Demand;
use crate::endpoint::Endpoint;
use crate::error::PickError;
use crate::explain::Explanation;
use crate::lease::{Extra, Lease};
use crate::mask::Mask;
use crate::observe::EndpointStatus;
use crate::pool::{Pool, Shared, Sieve};
use crate::strategy::{AnyStrategy, Choice, Needs, Strategy};
use crate::view::{Frame, Member, View};

/// Picks one of several targets of type `T`, holds it, and learns from how it went.
///
/// Picking and reserving are one call, which returns a [`Lease`]; nothing else counts. Cheap to share behind an [`Arc`];
/// every method takes `&self`.
pub struct Balancer<T, S: Strategy = AnyStrategy, C: Clock = SystemClock> {
    pub(crate) snapshot: ArcSwap<Snapshot<T, S, C>>,
    pub(crate) strategy: S,
    pub(crate) shared: Arc<Shared<C>>,
    /// Held while the endpoints change.
    changes: std::sync::Mutex<()>,
}

pub(crate) struct Snapshot<T, S: Strategy, C> {
    pub(crate) pool: Arc<Pool<T, C>>,
    pub(crate) plan: S::Plan,
}

/// What a pick came to.
pub(crate) enum Picked<T, C: Clock> {
    Lease(Lease<T, C>),
    /// Nothing now; look again at this moment at the latest.
    Wait(PickError, Tick),
    /// Waiting does not help.
    Never(PickError),
}

impl<T> Balancer<T> {
    /// Begins to make a balancer: strategy by value or by name, and everything else with a default.
    pub fn builder() -> BalancerBuilder<T> {
        BalancerBuilder::new()
    }
}

impl<T, S: Strategy, C: Clock> Balancer<T, S, C> {
    pub(crate) fn assemble(strategy: S, shared: Arc<Shared<C>>, endpoints: Vec<Arc<Endpoint<T>>>) -> Self {
        let snapshot = snapshot(&strategy, &shared, endpoints, &[]);
        Self { snapshot: ArcSwap::from_pointee(snapshot), strategy, shared, changes: std::sync::Mutex::default() }
    }

    /// Chooses an endpoint and reserves it. Never waits.
    ///
    /// # Errors
    /// [`PickError`]: nothing can serve now, or the places are granted by a store.
    pub fn pick(&self, demand: &Demand<'_>) -> Result<Lease<T, C>, PickError> {
        if self.shared.needs.permits && self.shared.store.is_some() {
            return Err(PickError::Stored);
        }
        match self.try_pick(demand, self.shared.clock.now(), Duration::ZERO, None) {
            Picked::Lease(lease) => Ok(lease),
            Picked::Wait(error, _) | Picked::Never(error) => Err(error),
        }
    }

    /// What the strategy wants of this balancer and of whoever makes demands.
    #[must_use]
    pub fn needs(&self) -> Needs {
        self.shared.needs
    }

    /// What the strategy would choose now, without reserving it: for those who write a strategy or measure one. A turn
    /// is used up.
    #[must_use]
    pub fn choose(&self, demand: &Demand<'_>) -> Choice {
        let (snapshot, now) = (self.snapshot.load(), self.shared.clock.now());
        let sieve = snapshot.pool.sift(demand, now);
        let frame = self.frame(&snapshot.pool, &sieve, now, Duration::ZERO, 0);
        self.strategy.choose(&View { frame: &frame, plan: &snapshot.plan }, demand)
    }

    /// The present moment of the clock, for deadlines.
    #[must_use]
    pub fn now(&self) -> Tick {
        self.shared.clock.now()
    }

    /// Replaces the endpoints. Leases outlive it; what was learned of an endpoint is kept if its id and resource stay.
    ///
    /// Beyond [`Mask::CAPACITY`] endpoints the rest is ignored; [`BalancerBuilder::build`] refuses that.
    pub fn set_endpoints(&self, mut endpoints: Vec<Arc<Endpoint<T>>>) {
        endpoints.truncate(Mask::CAPACITY);
        let changing = crate::sync::lock(&self.changes);
        let old = self.snapshot.load_full();
        self.snapshot.store(Arc::new(snapshot(&self.strategy, &self.shared, endpoints, &old.pool.slots)));
        drop(changing);
        self.shared.health_changed();
    }

    /// The endpoints, in order.
    #[must_use]
    pub fn endpoints(&self) -> Vec<Arc<Endpoint<T>>> {
        self.snapshot.load().pool.endpoints.to_vec()
    }

    /// Gives out no more leases of this endpoint until [`Balancer::enable`]. Says whether there is such an endpoint.
    pub fn drain(&self, id: &str) -> bool {
        self.set_drained(id, true)
    }

    /// Takes back [`Balancer::drain`]. Says whether there is such an endpoint.
    pub fn enable(&self, id: &str) -> bool {
        self.set_drained(id, false)
    }

    /// How many replicas, this one included, send to the same endpoints: what is in flight here is multiplied by it.
    pub fn set_peers(&self, count: u32) {
        self.shared.peers.store(count.max(1), Ordering::Relaxed);
    }

    /// How many replicas there are, this one included, as far as is known here.
    #[must_use]
    pub fn peers(&self) -> u32 {
        self.shared.peers.load(Ordering::Relaxed)
    }

    /// Somebody else found this endpoint down: it is left alone until then, unless it is the last. Says whether there
    /// is such an endpoint.
    pub fn hint_down(&self, id: &str, until: Tick) -> bool {
        let snapshot = self.snapshot.load();
        let Some(index) = snapshot.pool.index_of(id) else { return false };
        snapshot.pool.slots[index].state.breaker.hint_down(self.now(), until);
        self.shared.health_changed();
        true
    }

    /// An active probe ended. A failed one is ignored if a request succeeded lately; a good one lets the next request
    /// find out. Says whether there is such an endpoint.
    pub fn probe_result(&self, id: &str, good: bool) -> bool {
        let (snapshot, now) = (self.snapshot.load(), self.now());
        let Some(index) = snapshot.pool.index_of(id) else { return false };
        let state = &snapshot.pool.slots[index].state;
        let lesson = state.breaker.probed(now, good, &self.shared.health);
        self.shared.learn(state, lesson, now);
        true
    }

    /// Whether another try of a request is within the budget; if so it is counted.
    #[must_use]
    pub fn may_retry(&self) -> bool {
        self.shared.budget.may_retry(self.now())
    }

    /// Whether a second request beside a slow one is within the budget; if so it is counted.
    #[must_use]
    pub fn may_hedge(&self) -> bool {
        self.shared.budget.may_hedge(self.now())
    }

    /// Every endpoint as it is now.
    #[must_use]
    pub fn status(&self) -> Vec<EndpointStatus> {
        self.snapshot.load().pool.status(self.now())
    }

    /// How many requests wait, over all balancers of the fleet.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.shared.fleet.waiting()
    }

    pub(crate) fn try_pick(
        &self,
        demand: &Demand<'_>,
        now: Tick,
        waited: Duration,
        ahead: Option<u32>,
    ) -> Picked<T, C> {
        let snapshot = self.snapshot.load();
        let pool = &snapshot.pool;
        let mut sieve = pool.sift(demand, now);
        if demand.tried.is_empty() && waited.is_zero() {
            self.shared.budget.deposit(now);
        }
        if let Some(lease) = self.probe(&snapshot, &sieve, demand, now) {
            return Picked::Lease(lease);
        }
        let ahead = ahead.unwrap_or_else(|| {
            if self.shared.needs.residency { self.shared.fleet.waiting_of(crate::hash::name(demand.class)) } else { 0 }
        });
        loop {
            if sieve.eligible.is_empty() {
                return refuse(pool, &sieve, now);
            }
            let frame = self.frame(pool, &sieve, now, waited, ahead);
            match self.strategy.choose(&View { frame: &frame, plan: &snapshot.plan }, demand) {
                Choice::Use(index) if sieve.eligible.contains(index) => {
                    if let Some(lease) = self.reserve(&snapshot, &sieve, index, demand, now, false) {
                        return Picked::Lease(lease);
                    }
                    sieve.eligible.remove(index);
                    sieve.full.insert(index);
                }
                Choice::Wait(recheck) => return Picked::Wait(PickError::Busy { retry_after: None }, recheck),
                Choice::Use(_) | Choice::None => return refuse(pool, &sieve, now),
            }
        }
    }

    /// The first try of a request goes to an endpoint whose pause is over, if there is one: nothing else shows that it
    /// works again. Later tries only if there is nothing better.
    fn probe(
        &self,
        snapshot: &Snapshot<T, S, C>,
        sieve: &Sieve,
        demand: &Demand<'_>,
        now: Tick,
    ) -> Option<Lease<T, C>> {
        if sieve.due.is_empty() || !(demand.tried.is_empty() || sieve.eligible.is_empty()) {
            return None;
        }
        sieve.due.iter().find_map(|index| {
            let breaker = &snapshot.pool.slots[index].state.breaker;
            if !breaker.claim_probe() {
                return None;
            }
            let lease = self.reserve(snapshot, sieve, index, demand, now, true);
            if lease.is_none() {
                breaker.forgo_probe();
            }
            lease
        })
    }

    /// Takes a permit and makes the lease.
    fn reserve(
        &self,
        snapshot: &Snapshot<T, S, C>,
        sieve: &Sieve,
        index: usize,
        demand: &Demand<'_>,
        now: Tick,
        probe: bool,
    ) -> Option<Lease<T, C>> {
        let slot = &snapshot.pool.slots[index];
        let why = demand.explain.then(|| self.explain(snapshot, sieve, index, demand, now));
        if !slot.state.resource.take(slot.cap) {
            return None;
        }
        if self.shared.needs.residency {
            slot.state.resource.serve(crate::hash::name(demand.class), slot.room, now);
        }
        let mut lease = self.lease(&snapshot.pool, index, demand, now, probe, sieve.eligible);
        if why.is_some() {
            lease.extra = Some(Box::new(Extra { why, stored: None }));
        }
        Some(lease)
    }

    /// The lease of a permit that was taken.
    pub(crate) fn lease(
        &self,
        pool: &Arc<Pool<T, C>>,
        index: usize,
        demand: &Demand<'_>,
        now: Tick,
        probe: bool,
        eligible: Mask,
    ) -> Lease<T, C> {
        let slot = &pool.slots[index];
        let state = &slot.state;
        let peers = self.shared.peers.load(Ordering::Relaxed);
        let before = slot.resource.used().saturating_sub(1) as f32;
        let crowd = slot.crowd(before, peers, now);
        if peers > 1 {
            state.presence.follow(now, before, crate::view::PRESENCE_HALF_LIFE);
        }
        state.in_flight.fetch_add(1, Ordering::Relaxed);
        if let Some(observer) = &self.shared.observer {
            observer.picked(&state.id);
        }
        Lease {
            index: index as u32,
            begun: now,
            answered: None,
            crowd,
            size: demand.size,
            probe,
            settled: false,
            eligible,
            extra: None,
            fence: if slot.cap == u32::MAX { 0 } else { self.shared.fleet.next_fence() },
            pool: Arc::clone(pool),
        }
    }

    fn explain(
        &self,
        snapshot: &Snapshot<T, S, C>,
        sieve: &Sieve,
        chosen: usize,
        demand: &Demand<'_>,
        now: Tick,
    ) -> Explanation {
        let frame = self.frame(&snapshot.pool, sieve, now, Duration::ZERO, 0);
        let view = View { frame: &frame, plan: &snapshot.plan };
        let score = |index| self.strategy.score(&view, index, demand);
        snapshot.pool.explain(sieve, chosen, demand, now, score)
    }

    pub(crate) fn frame<'a>(
        &'a self,
        pool: &'a Pool<T, C>,
        sieve: &Sieve,
        now: Tick,
        waited: Duration,
        ahead: u32,
    ) -> Frame<'a> {
        Frame {
            slots: &pool.slots,
            eligible: sieve.eligible,
            full: sieve.full,
            now,
            peers: self.shared.peers.load(Ordering::Relaxed),
            tickets: &self.shared.tickets,
            turns: self.shared.turns.as_deref(),
            health: &self.shared.health,
            ahead,
            waited,
            warming: now.as_nanos() <= self.shared.warm_at.load(Ordering::Relaxed),
        }
    }

    fn set_drained(&self, id: &str, drained: bool) -> bool {
        let snapshot = self.snapshot.load();
        let Some(index) = snapshot.pool.index_of(id) else { return false };
        let state = &snapshot.pool.slots[index].state;
        if state.drained.swap(drained, Ordering::Relaxed) && !drained {
            self.shared.start_slowly(state, self.now());
        }
        self.shared.health_changed();
        true
    }
}

fn refuse<T, C: Clock>(pool: &Pool<T, C>, sieve: &Sieve, now: Tick) -> Picked<T, C> {
    let error = pool.refusal(sieve, now);
    match error {
        PickError::Busy { .. } | PickError::Unavailable { .. } => Picked::Wait(error, sieve.earliest),
        PickError::Empty | PickError::NoMatch | PickError::Exhausted | PickError::Stored => Picked::Never(error),
    }
}

fn snapshot<T, S: Strategy, C: Clock>(
    strategy: &S,
    shared: &Arc<Shared<C>>,
    endpoints: Vec<Arc<Endpoint<T>>>,
    old: &[crate::view::Slot],
) -> Snapshot<T, S, C> {
    let pool = Pool::new(Arc::clone(shared), endpoints, old);
    shared.know(&pool.slots);
    let weights = pool.endpoints.iter().map(|endpoint| endpoint.config.weight);
    let keys = pool.slots.iter().map(|slot| slot.state.key.0);
    let members: Vec<Member> = keys.zip(weights).map(|(key, weight)| Member { key, weight }).collect();
    Snapshot { pool: Arc::new(pool), plan: strategy.plan(&members) }
}

impl<T, S: Strategy, C: Clock> std::fmt::Debug for Balancer<T, S, C> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Balancer").field("endpoints", &self.status()).finish_non_exhaustive()
    }
}
