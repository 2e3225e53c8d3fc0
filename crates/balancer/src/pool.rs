//! What balancers keep while their endpoints come and go, and the endpoints at one moment.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::budget::Budget;
use crate::clock::{Clock, Tick};
use crate::endpoint::{Endpoint, Tag};
use crate::fleet::Fleet;
use crate::health::{self, HealthSettings, Lesson};
use crate::hearsay::Named;
use crate::lineup::Lineup;
use crate::observe::Observer;
use crate::state::State;
use crate::store::{LeaseStore, TicketSource};
use crate::strategy::Needs;
use crate::view::Slot;

/// How many may wait, and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueueSettings {
    /// The longest line. Zero: nobody waits. Default 1 024.
    pub max_waiting: usize,
    /// The longest wait of a demand without a deadline. Default 60 s.
    pub max_wait: Duration,
}

impl Default for QueueSettings {
    fn default() -> Self {
        Self { max_waiting: 1_024, max_wait: Duration::from_secs(60) }
    }
}

/// What a balancer keeps while its endpoints come and go.
pub(crate) struct Shared<C> {
    pub(crate) clock: C,
    pub(crate) health: HealthSettings,
    pub(crate) queue: QueueSettings,
    pub(crate) budget: Budget,
    pub(crate) fleet: Fleet,
    pub(crate) needs: Needs,
    /// The same in every process with such a balancer.
    pub(crate) name: Arc<str>,
    pub(crate) peers: AtomicU32,
    pub(crate) tickets: AtomicU64,
    pub(crate) observer: Option<Arc<dyn Observer>>,
    pub(crate) store: Option<Arc<dyn LeaseStore>>,
    /// Turns drawn from the store.
    pub(crate) turns: Option<Arc<dyn TicketSource>>,
    /// Endpoints that other processes may speak of.
    pub(crate) known: Mutex<Vec<Named>>,
    /// Grows with every change of health, so that nobody looks at each endpoint while nothing changes.
    pub(crate) epoch: AtomicU64,
    pub(crate) next_sweep: AtomicU64,
    /// When the last slow start ends (nanoseconds), so that nobody looks for one while there is none.
    pub(crate) warm_at: AtomicU64,
    pub(crate) spread: crate::hedge::Spread,
}

impl<C: Clock> Shared<C> {
    /// Gives the endpoint less than its share for a while.
    pub(crate) fn start_slowly(&self, state: &State, now: Tick) {
        state.start_slowly(now, &self.health);
        self.warm_at.fetch_max((now + self.health.slow_start).as_nanos(), Ordering::Relaxed);
    }

    /// Grows with every change of health.
    pub(crate) fn epoch(&self) -> u64 {
        self.epoch.load(Ordering::Acquire)
    }

    pub(crate) fn health_changed(&self) {
        self.epoch.fetch_add(1, Ordering::SeqCst);
        self.fleet.nudge();
    }

    /// Follows up on what a result changed.
    #[inline]
    pub(crate) fn learn(&self, state: &State, lesson: Lesson, now: Tick) {
        if lesson != Lesson::Nothing {
            self.follow_up(state, lesson, now);
        }
    }

    #[cold]
    fn follow_up(&self, state: &State, lesson: Lesson, now: Tick) {
        if lesson == Lesson::Recovered {
            self.start_slowly(state, now);
        }
        self.health_changed();
        self.pass_on(state, lesson, now);
        if let Some(observer) = &self.observer {
            observer.health_changed(&state.id, lesson == Lesson::Recovered);
        }
    }
}

/// The endpoints with their targets: what a lease holds on to.
pub(crate) struct Pool<T, C> {
    pub(crate) shared: Arc<Shared<C>>,
    pub(crate) endpoints: Box<[Arc<Endpoint<T>>]>,
    pub(crate) lineup: Arc<Lineup>,
    /// Those of the lineup, one step nearer.
    pub(crate) slots: Arc<[Slot]>,
}

impl<T, C: Clock> Pool<T, C> {
    pub(crate) fn new(shared: Arc<Shared<C>>, endpoints: Vec<Arc<Endpoint<T>>>, old: &[Slot]) -> Self {
        let now = shared.clock.now();
        let known: HashMap<&str, &Slot> = old.iter().map(|slot| (&*slot.state.id, slot)).collect();
        let slots = endpoints.iter().map(|endpoint| slot(&shared, endpoint, &known, now));
        let lineup = Arc::new(Lineup::new(slots.collect()));
        Self { shared, endpoints: endpoints.into(), slots: Arc::clone(&lineup.slots), lineup }
    }

    /// Looks for outliers, if it is time.
    pub(crate) fn sweep(&self, now: Tick) {
        let due = self.shared.next_sweep.load(Ordering::Relaxed);
        if now.as_nanos() < due || self.lineup.slots.len() < 2 {
            return;
        }
        let next = (now + self.shared.health.outlier_interval).as_nanos();
        let ours = self.shared.next_sweep.compare_exchange(due, next, Ordering::Relaxed, Ordering::Relaxed).is_ok();
        if ours && health::sweep(&self.lineup.slots, now, &self.shared.health) {
            self.shared.health_changed();
        }
    }
}

/// The slot of an endpoint, with what was learned about it if it was there before.
fn slot<T, C: Clock>(shared: &Shared<C>, endpoint: &Endpoint<T>, old: &HashMap<&str, &Slot>, now: Tick) -> Slot {
    let config = &endpoint.config;
    let known = old.get(&*config.id).filter(|slot| slot.state.resource.name == config.resource);
    let state = known.map(|slot| Arc::clone(&slot.state)).unwrap_or_else(|| {
        let resource = shared.fleet.resource(&config.resource);
        let state = State::new(Arc::clone(&config.id), resource, &shared.health);
        if !old.is_empty() {
            shared.start_slowly(&state, now);
        }
        Arc::new(state)
    });
    state.drained.store(!config.enabled, Ordering::Relaxed);
    let limit = config.max_concurrency.or(if shared.needs.permits { config.slots } else { None });
    let limit = limit.map(std::num::NonZeroU32::get).or(shared.needs.permits.then_some(1));
    let slots = config.slots.or(config.max_concurrency).map_or(0, std::num::NonZeroU32::get);
    Slot {
        resource: Arc::clone(&state.resource),
        state,
        weight: config.weight as f32,
        inverse: 1.0 / config.weight as f32,
        cap: limit.unwrap_or(u32::MAX),
        slots,
        tier: config.tier,
        room: config.residents.get(),
        load_time: config.load_time,
        tags: config.tags.iter().map(|tag| Tag::of(tag)).collect(),
    }
}
