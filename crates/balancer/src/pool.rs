//! The endpoints of a balancer at one moment, and which of them may serve a demand.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::budget::Budget;
use crate::clock::{Clock, Tick};
use crate::demand::Demand;
use crate::endpoint::{Endpoint, Tag};
use crate::error::PickError;
use crate::fleet::Fleet;
use crate::health::{self, Admission, HealthSettings, Lesson};
use crate::hearsay::Known;
use crate::mask::Mask;
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
    pub(crate) known: Mutex<Vec<Known>>,
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

    pub(crate) fn health_changed(&self) {
        self.epoch.fetch_add(1, Ordering::SeqCst);
        self.fleet.nudge();
    }

    /// Follows up on what a result changed.
    pub(crate) fn learn(&self, state: &State, lesson: Lesson, now: Tick) {
        match lesson {
            Lesson::Nothing => return,
            Lesson::Opened => {}
            Lesson::Recovered => self.start_slowly(state, now),
        }
        self.health_changed();
        self.pass_on(state, lesson, now);
        if let Some(observer) = &self.observer {
            observer.health_changed(&state.id, lesson == Lesson::Recovered);
        }
    }
}

pub(crate) struct Pool<T, C> {
    pub(crate) shared: Arc<Shared<C>>,
    pub(crate) endpoints: Box<[Arc<Endpoint<T>>]>,
    pub(crate) slots: Box<[Slot]>,
    all: Mask,
    /// No limits and one tier: eligibility is health alone.
    plain: bool,
    /// One more than the epoch in which every endpoint was found free.
    calm: AtomicU64,
}

/// Endpoints sorted by whether they may serve a demand.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sieve {
    pub(crate) eligible: Mask,
    pub(crate) full: Mask,
    /// Over their pause: one request may find out.
    pub(crate) due: Mask,
    pub(crate) paused: Mask,
    /// Paused, but better than nothing.
    soft: Mask,
    /// When the first pause ends.
    pub(crate) earliest: Tick,
    pub(crate) tried: bool,
    matched: bool,
    enabled: bool,
}

impl<T, C: Clock> Pool<T, C> {
    pub(crate) fn new(shared: Arc<Shared<C>>, endpoints: Vec<Arc<Endpoint<T>>>, old: &[Slot]) -> Self {
        let now = shared.clock.now();
        let slots: Box<[Slot]> = endpoints.iter().map(|endpoint| slot(&shared, endpoint, old, now)).collect();
        let plain = slots.iter().all(|slot| slot.cap == u32::MAX && slot.tier == slots[0].tier);
        let all = Mask::first(slots.len());
        Self { shared, endpoints: endpoints.into(), slots, all, plain, calm: AtomicU64::new(0) }
    }

    /// Sorts the endpoints for a demand.
    #[inline]
    pub(crate) fn sift(&self, demand: &Demand<'_>, now: Tick) -> Sieve {
        let epoch = self.shared.epoch.load(Ordering::Acquire);
        let anyone = demand.tags.is_empty() && demand.tried.is_empty();
        if anyone && self.calm.load(Ordering::Relaxed) == epoch + 1 {
            return Sieve { eligible: self.all, ..Sieve::NOTHING };
        }
        self.look(demand, now, epoch, anyone)
    }

    /// Looks at every endpoint.
    fn look(&self, demand: &Demand<'_>, now: Tick, epoch: u64, anyone: bool) -> Sieve {
        let mut sieve = Sieve::NOTHING;
        for (index, slot) in self.slots.iter().enumerate() {
            self.sort(&mut sieve, index, slot, demand, now);
        }
        if anyone && self.plain && sieve.eligible == self.all && !self.slots.is_empty() {
            self.calm.store(epoch + 1, Ordering::Relaxed);
        }
        self.keep_lowest_tier(&mut sieve);
        if sieve.eligible.is_empty() && sieve.full.is_empty() && sieve.due.is_empty() {
            // The last ones are never given up: better to find out than to refuse.
            sieve.eligible = sieve.soft;
        }
        sieve
    }

    /// Why there is nothing to choose from.
    pub(crate) fn refusal(&self, sieve: &Sieve, now: Tick) -> PickError {
        if !sieve.full.is_empty() {
            return PickError::Busy { retry_after: None };
        }
        if !sieve.paused.is_empty() {
            let retry_after = (sieve.earliest != Tick::NEVER).then(|| sieve.earliest.since(now));
            return PickError::Unavailable { retry_after };
        }
        match sieve {
            Sieve { enabled: false, .. } => PickError::Empty,
            Sieve { matched: false, .. } => PickError::NoMatch,
            Sieve { tried: true, .. } => PickError::Exhausted,
            _ => PickError::Unavailable { retry_after: None },
        }
    }

    pub(crate) fn index_of(&self, id: &str) -> Option<usize> {
        self.slots.iter().position(|slot| &*slot.state.id == id)
    }

    /// Looks for outliers, if it is time.
    pub(crate) fn sweep(&self, now: Tick) {
        let due = self.shared.next_sweep.load(Ordering::Relaxed);
        if now.as_nanos() < due || self.slots.len() < 2 {
            return;
        }
        let next = (now + self.shared.health.outlier_interval).as_nanos();
        let ours = self.shared.next_sweep.compare_exchange(due, next, Ordering::Relaxed, Ordering::Relaxed).is_ok();
        if ours && health::sweep(&self.slots, now, &self.shared.health) {
            self.shared.health_changed();
        }
    }

    fn sort(&self, sieve: &mut Sieve, index: usize, slot: &Slot, demand: &Demand<'_>, now: Tick) {
        let state = &slot.state;
        if state.drained.load(Ordering::Relaxed) {
            return;
        }
        sieve.enabled = true;
        if !demand.tags.iter().all(|tag| slot.tags.contains(tag)) {
            return;
        }
        sieve.matched = true;
        if demand.tried.contains(state.key) {
            sieve.tried = true;
            return;
        }
        match state.breaker.admission(now) {
            Admission::Free if slot.resource.used() < slot.cap => sieve.eligible.insert(index),
            Admission::Free => sieve.full.insert(index),
            Admission::Probe => sieve.due.insert(index),
            Admission::Probing => {
                sieve.paused.insert(index);
                sieve.soft.insert(index);
            }
            Admission::Paused { until, reason } => {
                sieve.paused.insert(index);
                sieve.earliest = sieve.earliest.min(until);
                if reason.gives_way() && slot.resource.used() < slot.cap {
                    sieve.soft.insert(index);
                }
            }
        }
    }

    fn keep_lowest_tier(&self, sieve: &mut Sieve) {
        if self.plain {
            return;
        }
        let Some(lowest) = sieve.eligible.iter().map(|index| self.slots[index].tier).min() else { return };
        for index in sieve.eligible.iter().filter(|index| self.slots[*index].tier > lowest) {
            sieve.eligible.remove(index);
        }
        for index in sieve.due.iter().filter(|index| self.slots[*index].tier > lowest) {
            sieve.due.remove(index);
        }
    }
}

impl Sieve {
    const NOTHING: Self = Self {
        eligible: Mask::EMPTY,
        full: Mask::EMPTY,
        due: Mask::EMPTY,
        paused: Mask::EMPTY,
        soft: Mask::EMPTY,
        earliest: Tick::NEVER,
        tried: false,
        matched: false,
        enabled: false,
    };
}

/// The slot of an endpoint, with what was learned about it if it was there before.
fn slot<T, C: Clock>(shared: &Shared<C>, endpoint: &Endpoint<T>, old: &[Slot], now: Tick) -> Slot {
    let config = &endpoint.config;
    let known = old.iter().find(|slot| slot.state.id == config.id && slot.state.resource.name == config.resource);
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
