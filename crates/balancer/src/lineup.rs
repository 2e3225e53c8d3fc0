//! What choosing looks at: the endpoints of a balancer at one moment without their targets, and which of them may serve
//! a demand.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::clock::Tick;
use crate::demand::Demand;
use crate::error::PickError;
use crate::health::Admission;
use crate::mask::Mask;
use crate::view::Slot;

pub(crate) struct Lineup {
    pub(crate) slots: Arc<[Slot]>,
    all: Mask,
    /// No limits and one tier: eligibility is health alone.
    plain: bool,
    /// One more than the epoch in which every endpoint was found free.
    calm: AtomicU64,
}

/// Endpoints sorted by whether they may serve a demand.
#[derive(Debug)]
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
    tried: bool,
    matched: bool,
    enabled: bool,
}

impl Lineup {
    pub(crate) fn new(slots: Arc<[Slot]>) -> Self {
        let plain = slots.iter().all(|slot| slot.cap == u32::MAX && slot.tier == slots[0].tier);
        Self { all: Mask::first(slots.len()), slots, plain, calm: AtomicU64::new(0) }
    }

    /// Every endpoint, if at this epoch each is known to be free for this demand.
    #[inline]
    pub(crate) fn calm(&self, demand: &Demand<'_>, epoch: u64) -> Option<&Mask> {
        let anyone = demand.tags.is_empty() && demand.tried.is_empty();
        (anyone && self.calm.load(Ordering::Relaxed) == epoch + 1).then_some(&self.all)
    }

    /// Sorts the endpoints for a demand.
    pub(crate) fn sift(&self, demand: &Demand<'_>, epoch: u64, now: Tick) -> Sieve {
        let mut sieve = Sieve::NOTHING;
        for (index, slot) in self.slots.iter().enumerate() {
            sieve.sort(index, slot, demand, now);
        }
        let anyone = demand.tags.is_empty() && demand.tried.is_empty();
        if self.plain && anyone && !self.slots.is_empty() && sieve.eligible == self.all {
            self.calm.store(epoch + 1, Ordering::Relaxed);
        }
        self.keep_lowest_tier(&mut sieve);
        if sieve.eligible.is_empty() && sieve.full.is_empty() && sieve.due.is_empty() {
            // The last ones are never given up: better to find out than to refuse.
            sieve.eligible = std::mem::take(&mut sieve.soft);
        }
        sieve
    }

    pub(crate) fn index_of(&self, id: &str) -> Option<usize> {
        self.slots.iter().position(|slot| &*slot.state.id == id)
    }

    fn keep_lowest_tier(&self, sieve: &mut Sieve) {
        if self.plain {
            return;
        }
        let Some(lowest) = sieve.eligible.iter().map(|index| self.slots[index].tier).min() else { return };
        for (index, _) in self.slots.iter().enumerate().filter(|(_, slot)| slot.tier > lowest) {
            sieve.eligible.remove(index);
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

    /// Those that may serve, and those that are only full.
    pub(crate) fn sets(&self) -> (&Mask, &Mask) {
        (&self.eligible, &self.full)
    }

    /// Why there is nothing to choose from, or why nothing was chosen.
    pub(crate) fn refusal(&self, now: Tick) -> PickError {
        if !self.full.is_empty() {
            return PickError::Busy { retry_after: None };
        }
        if !self.paused.is_empty() {
            let retry_after = (self.earliest != Tick::NEVER).then(|| self.earliest.since(now));
            return PickError::Unavailable { retry_after };
        }
        if !self.eligible.is_empty() {
            // The strategy wants none of them now.
            return PickError::Busy { retry_after: None };
        }
        match self {
            Sieve { enabled: false, .. } => PickError::Empty,
            Sieve { matched: false, .. } => PickError::NoMatch,
            Sieve { tried: true, .. } => PickError::Exhausted,
            _ => PickError::Unavailable { retry_after: None },
        }
    }

    fn sort(&mut self, index: usize, slot: &Slot, demand: &Demand<'_>, now: Tick) {
        let state = &slot.state;
        if state.drained.load(Ordering::Relaxed) {
            return;
        }
        self.enabled = true;
        if !demand.tags.iter().all(|tag| slot.tags.contains(tag)) {
            return;
        }
        self.matched = true;
        if demand.tried.contains(state.key) {
            self.tried = true;
            return;
        }
        match state.breaker.admission(now) {
            Admission::Free if slot.resource.used() < slot.cap => self.eligible.insert(index),
            Admission::Free => self.full.insert(index),
            Admission::Probe => self.due.insert(index),
            Admission::Probing => {
                self.paused.insert(index);
                self.soft.insert(index);
            }
            Admission::Paused { until, reason } => {
                self.paused.insert(index);
                self.earliest = self.earliest.min(until);
                if reason.gives_way() && slot.resource.used() < slot.cap {
                    self.soft.insert(index);
                }
            }
        }
    }
}
