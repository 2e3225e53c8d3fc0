//! What choosing looks at: the endpoints of a balancer at one moment without their targets, and which of them may serve
//! a demand.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::clock::Tick;
use crate::demand::Demand;
use crate::error::PickError;
use crate::health::Admission;
use crate::mask::Mask;
use crate::view::Slot;

pub(crate) struct Lineup {
    pub(crate) slots: Arc<[Slot]>,
    /// There are no limits: who may serve is a matter of health alone.
    unlimited: bool,
    /// There are several tiers.
    tiers: bool,
}

/// What a thread knows about a lineup: who may serve a demand that asks for nobody in particular.
#[derive(Debug, Default)]
pub(crate) struct Known {
    /// One more than the epoch in which it was found out.
    since: u64,
    /// When the first pause ends.
    until: Tick,
    eligible: Mask,
}

impl Known {
    /// Who may serve this demand, if that is known: nobody's health has changed, and no pause has ended.
    #[inline]
    pub(crate) fn eligible(&self, demand: &Demand<'_>, epoch: u64, now: Tick) -> Option<&Mask> {
        let known = self.since == epoch + 1 && now < self.until;
        (known && demand.tags.is_empty() && demand.tried.is_empty()).then_some(&self.eligible)
    }
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
    probing: bool,
    tried: bool,
    matched: bool,
    enabled: bool,
}

impl Lineup {
    pub(crate) fn new(slots: Arc<[Slot]>) -> Self {
        let unlimited = slots.iter().all(|slot| slot.cap == u32::MAX);
        let tiers = slots.iter().any(|slot| slot.tier != slots[0].tier);
        Self { slots, unlimited, tiers }
    }

    /// Sorts the endpoints for a demand.
    pub(crate) fn sift(&self, demand: &Demand<'_>, now: Tick) -> Sieve {
        let mut sieve = Sieve::NOTHING;
        for (index, slot) in self.slots.iter().enumerate() {
            sieve.sort(index, slot, demand, now);
        }
        self.keep_lowest_tier(&mut sieve);
        if sieve.eligible.is_empty() && sieve.full.is_empty() && sieve.due.is_empty() {
            // The last ones are never given up: better to find out than to refuse.
            sieve.eligible = std::mem::take(&mut sieve.soft);
        }
        sieve
    }

    /// The same, and notes who may serve if that stays so for a while. `epoch` was read before.
    pub(crate) fn sift_and_note(&self, known: &mut Known, demand: &Demand<'_>, epoch: u64, now: Tick) -> Sieve {
        let sieve = self.sift(demand, now);
        let anyone = demand.tags.is_empty() && demand.tried.is_empty();
        // A probe may end without a word, and then somebody else may find out.
        if self.unlimited && anyone && !sieve.probing && sieve.due.is_empty() && !sieve.eligible.is_empty() {
            *known = Known { since: epoch + 1, until: sieve.earliest, eligible: sieve.eligible.clone() };
        }
        sieve
    }

    pub(crate) fn index_of(&self, id: &str) -> Option<usize> {
        self.slots.iter().position(|slot| &*slot.state.id == id)
    }

    fn keep_lowest_tier(&self, sieve: &mut Sieve) {
        if !self.tiers {
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
        probing: false,
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
                self.probing = true;
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
