//! The balancer: endpoints behind one swapped snapshot, a strategy that chooses, leases that report back.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use crate::builder::BalancerBuilder;
use crate::clock::{Clock, SystemClock, Tick};
use crate::demand::Demand;
use crate::endpoint::Endpoint;
use crate::error::PickError;
use crate::known::Known;
use crate::latest::Latest;
use crate::lease::Lease;
use crate::lineup::Lineup;
use crate::mask::Mask;
use crate::observe::EndpointStatus;
use crate::pool::{Pool, Shared};
use crate::select::{Attempt, Refusal};
use crate::strategy::{AnyStrategy, Choice, Needs, Strategy};
use crate::sync::lock;
use crate::view::{Member, View};

/// Picks one of several targets of type `T`, holds it, and learns from how it went.
///
/// Picking and reserving are one call, which returns a [`Lease`]; nothing else counts. Cheap to share behind an
/// [`Arc`]; every method takes `&self`, and targets are shared by the threads that pick, so they are `Send + Sync`.
pub struct Balancer<T: Send + Sync, S: Strategy = AnyStrategy, C: Clock = SystemClock> {
    latest: Latest<Snapshot<T, S, C>, Known>,
    /// The endpoints of the latest snapshot: this and leases keep targets alive, nothing else does.
    pool: Mutex<Arc<Pool<T, C>>>,
    pub(crate) strategy: S,
    pub(crate) shared: Arc<Shared<C>>,
    /// Held while the endpoints change.
    changes: Mutex<()>,
}

/// All that choosing looks at.
pub(crate) struct Snapshot<T, S: Strategy, C> {
    /// Gone once the endpoints were replaced and every lease of them has ended.
    pool: Weak<Pool<T, C>>,
    pub(crate) lineup: Arc<Lineup>,
    pub(crate) plan: S::Plan,
}

impl<T: Send + Sync> Balancer<T> {
    /// Begins to make a balancer: strategy by value or by name, and everything else with a default.
    pub fn builder() -> BalancerBuilder<T> {
        BalancerBuilder::new()
    }
}

impl<T: Send + Sync, S: Strategy, C: Clock> Balancer<T, S, C> {
    pub(crate) fn assemble(strategy: S, shared: Arc<Shared<C>>, endpoints: Vec<Arc<Endpoint<T>>>) -> Self {
        let (snapshot, pool) = snapshot(&strategy, &shared, endpoints, &[]);
        Self { latest: Latest::new(snapshot), pool: Mutex::new(pool), strategy, shared, changes: Mutex::default() }
    }

    /// Chooses an endpoint and reserves it. Never waits.
    ///
    /// # Errors
    /// [`PickError`]: nothing can serve now, or the places are granted by a store.
    pub fn pick(&self, demand: &Demand<'_>) -> Result<Lease<T, C>, PickError> {
        if self.shared.needs.permits && self.shared.store.is_some() {
            return Err(PickError::Stored);
        }
        let attempt = Attempt { demand, now: self.shared.clock.now(), waited: Duration::ZERO, ahead: None };
        self.try_pick(attempt).map_err(|refusal| match refusal {
            Refusal::Wait(error, _) | Refusal::Never(error) => error,
        })
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
        self.latest.read(|snapshot, known| {
            let (lineup, now, epoch) = (&snapshot.lineup, self.shared.clock.now(), self.shared.epoch());
            let choose = |sets: (&Mask, &Mask)| {
                let frame = self.frame(lineup, sets, now, Duration::ZERO, 0);
                self.strategy.choose(&View { frame: &frame, plan: &snapshot.plan }, demand)
            };
            match known.sets(lineup, demand, self.shared.needs.optimistic, epoch, now).map(choose) {
                Some(choice) if lineup.unlimited => choice,
                Some(Choice::Use(index)) if lineup.slots[index].has_room() => Choice::Use(index),
                _ => choose(known.sift(lineup, demand, epoch, now).sets()),
            }
        })
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
        let changing = lock(&self.changes);
        let (snapshot, pool) = snapshot(&self.strategy, &self.shared, endpoints, &self.pool().lineup.slots);
        self.latest.replace(snapshot);
        // Only now: who still chooses among the old ones finds them, or finds the new ones when it looks again.
        let old = std::mem::replace(&mut *lock(&self.pool), pool);
        drop(changing);
        drop(old);
        self.shared.health_changed();
    }

    /// The endpoints, in order.
    #[must_use]
    pub fn endpoints(&self) -> Vec<Arc<Endpoint<T>>> {
        self.pool().endpoints.to_vec()
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
        let lineup = &self.pool().lineup;
        let Some(index) = lineup.index_of(id) else { return false };
        lineup.slots[index].state.breaker.hint_down(self.now(), until);
        self.shared.health_changed();
        true
    }

    /// An active probe ended. A failed one opens the breaker, for twice as long each time, but is ignored if a request
    /// succeeded lately ([`HealthSettings::probe_trust`](crate::HealthSettings::probe_trust)); a good one lets the next
    /// request find out. Says whether there is such an endpoint.
    ///
    /// ```
    /// use llm_router_balancer::{Balancer, Demand, Endpoint, Reason, Standing};
    ///
    /// let pool = Balancer::builder().endpoint(Endpoint::new("a", ())).endpoint(Endpoint::new("b", ())).build()?;
    /// pool.probe_result("a", false);
    /// assert!(matches!(pool.status()[0].standing, Standing::Paused { reason: Reason::Probe, .. }));
    /// assert_eq!(pool.pick(&Demand::default())?.endpoint().id(), "b"); // given up here: no success
    /// pool.probe_result("b", false);
    /// pool.pick(&Demand::default())?.succeed(); // nobody is left, so that either serves all the same
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn probe_result(&self, id: &str, good: bool) -> bool {
        let (lineup, now) = (&self.pool().lineup, self.now());
        let Some(index) = lineup.index_of(id) else { return false };
        let state = &lineup.slots[index].state;
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
        self.pool().lineup.status(self.now(), &self.shared.health)
    }

    /// How many endpoints get requests now; [`Balancer::status`] tells more of each, and costs more.
    #[must_use]
    pub fn serving(&self) -> usize {
        self.pool().lineup.serving(self.now(), &self.shared.health)
    }

    /// How many requests wait, over all balancers of the fleet.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.shared.fleet.waiting()
    }

    /// The endpoints as they are.
    pub(crate) fn pool(&self) -> Arc<Pool<T, C>> {
        Arc::clone(&lock(&self.pool))
    }

    /// Looks at the latest snapshot and its endpoints.
    pub(crate) fn look<R>(&self, look: impl Fn(&Snapshot<T, S, C>, &mut Known, Arc<Pool<T, C>>) -> R) -> R {
        loop {
            // `None`: the endpoints were replaced between the two looks.
            if let Some(result) = self.latest.read(|now, known| now.pool.upgrade().map(|pool| look(now, known, pool))) {
                return result;
            }
        }
    }

    fn set_drained(&self, id: &str, drained: bool) -> bool {
        let lineup = &self.pool().lineup;
        let Some(index) = lineup.index_of(id) else { return false };
        let state = &lineup.slots[index].state;
        if state.drained.swap(drained, Ordering::Relaxed) && !drained {
            self.shared.start_slowly(state, self.now());
        }
        self.shared.health_changed();
        true
    }
}

fn snapshot<T, S: Strategy, C: Clock>(
    strategy: &S,
    shared: &Arc<Shared<C>>,
    endpoints: Vec<Arc<Endpoint<T>>>,
    old: &[crate::view::Slot],
) -> (Snapshot<T, S, C>, Arc<Pool<T, C>>) {
    let pool = Arc::new(Pool::new(Arc::clone(shared), endpoints, old));
    let lineup = Arc::clone(&pool.lineup);
    shared.know(&lineup.slots);
    let weights = pool.endpoints.iter().map(|endpoint| endpoint.config.weight);
    let keys = lineup.slots.iter().map(|slot| slot.state.key.0);
    let members: Vec<Member> = keys.zip(weights).map(|(key, weight)| Member { key, weight }).collect();
    (Snapshot { pool: Arc::downgrade(&pool), lineup, plan: strategy.plan(&members) }, pool)
}

impl<T: Send + Sync, S: Strategy, C: Clock> std::fmt::Debug for Balancer<T, S, C> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Balancer").field("endpoints", &self.status()).finish_non_exhaustive()
    }
}
