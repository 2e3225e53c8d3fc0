//! What choosing looks at: the endpoints of a balancer at one moment without their targets, and which of them may serve
//! a demand.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};

use crate::clock::Tick;
use crate::demand::Demand;
use crate::endpoint::{EndpointKey, Tag};
use crate::error::PickError;
use crate::fleet::{Place, Places};
use crate::health::Admission;
use crate::mask::Mask;
use crate::sync::lock;
use crate::view::Slot;

pub(crate) struct Lineup {
    pub(crate) slots: Arc<[Slot]>,
    /// Their ids, for those who tell of endpoints and do not hold on to what was learned about them.
    pub(crate) ids: Arc<[Arc<str>]>,
    /// There are no limits: who may serve is a matter of health alone.
    pub(crate) unlimited: bool,
    /// Who is of each tier, the lowest first; empty where there is only one.
    pub(crate) tiers: Vec<(u8, Mask)>,
    /// Who has each tag, in order.
    tags: Vec<(Tag, Mask)>,
    /// The index of each key, in order.
    keys: Box<[(u64, u16)]>,
    /// Who was last waited for: most wait for the same, and there may be thousands of them.
    awaited: Mutex<(Mask, Places)>,
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
    pub(crate) probing: bool,
    /// Nobody else is left, so that the paused ones serve.
    pub(crate) last_resort: bool,
    tried: bool,
    matched: bool,
    enabled: bool,
}

impl Lineup {
    pub(crate) fn new(slots: Arc<[Slot]>) -> Self {
        let unlimited = slots.iter().all(|slot| slot.cap == u32::MAX);
        let mut tiers = BTreeMap::<u8, Mask>::new();
        let mut tags = BTreeMap::<Tag, Mask>::new();
        for (index, slot) in slots.iter().enumerate() {
            tiers.entry(slot.tier).or_default().insert(index);
            slot.tags.iter().for_each(|tag| tags.entry(*tag).or_default().insert(index));
        }
        if tiers.len() < 2 {
            tiers.clear();
        }
        let mut keys: Box<[_]> = (0..).zip(slots.iter()).map(|(index, slot)| (slot.state.key.0, index)).collect();
        keys.sort_unstable();
        let ids = slots.iter().map(|slot| Arc::clone(&slot.state.id)).collect();
        let (tiers, tags) = (tiers.into_iter().collect(), tags.into_iter().collect());
        Self { slots, ids, unlimited, tiers, tags, keys, awaited: Mutex::default() }
    }

    /// Sorts the endpoints for a demand.
    pub(crate) fn sift(&self, demand: &Demand<'_>, now: Tick) -> Sieve {
        let mut sieve = self.sift_all_tiers(demand, now);
        self.give_way(&mut sieve);
        sieve
    }

    /// Everything that could serve the demand some day soon.
    pub(crate) fn places(&self, demand: &Demand<'_>, now: Tick) -> Places {
        let Sieve { eligible: mut may, full, due, paused, .. } = self.sift(demand, now);
        [full, due, paused].iter().for_each(|others| may.unite(others));
        let mut awaited = lock(&self.awaited);
        if awaited.0 != may {
            let place = |index: usize| {
                let Slot { state, resource, cap, .. } = &self.slots[index];
                Place { index, resource: Arc::clone(resource), cap: *cap, state: Some(Arc::clone(state)) }
            };
            *awaited = (may.clone(), Places::new(may.iter().map(place).collect()));
        }
        awaited.1.clone()
    }

    pub(crate) fn index_of(&self, id: &str) -> Option<usize> {
        self.index_of_key(EndpointKey::of(id).0).filter(|index| *self.slots[*index].state.id == *id)
    }

    fn index_of_key(&self, key: u64) -> Option<usize> {
        let at = self.keys.binary_search_by_key(&key, |(key, _)| *key).ok()?;
        Some(usize::from(self.keys[at].1))
    }

    /// Those with all tags that the demand asks for, that it has not tried.
    pub(crate) fn keep_wanted(&self, mask: &mut Mask, demand: &Demand<'_>) {
        for tag in demand.tags {
            match self.tags.binary_search_by_key(tag, |(tag, _)| *tag) {
                Ok(at) => mask.keep(&self.tags[at].1),
                Err(_) => mask.clear(),
            }
        }
        let tried = demand.tried.keys().iter().filter_map(|key| self.index_of_key(*key));
        tried.for_each(|index| mask.remove(index));
    }

    pub(crate) fn keep_lowest_tier(&self, eligible: &mut Mask) {
        if let Some((_, lowest)) = self.tiers.iter().find(|(_, members)| members.meets(eligible)) {
            eligible.keep(lowest);
        }
    }

    pub(crate) fn sift_all_tiers(&self, demand: &Demand<'_>, now: Tick) -> Sieve {
        let mut sieve = Sieve::NOTHING;
        for (index, slot) in self.slots.iter().enumerate() {
            sieve.sort(index, slot, demand, now);
        }
        if sieve.eligible.is_empty() && sieve.full.is_empty() && sieve.due.is_empty() {
            // The last ones are never given up: better to find out than to refuse.
            sieve.eligible = std::mem::take(&mut sieve.soft);
            sieve.last_resort = true;
        }
        sieve
    }

    /// Higher tiers give way to the lowest that can serve.
    pub(crate) fn give_way(&self, sieve: &mut Sieve) {
        if !sieve.last_resort {
            self.tiers_above(&sieve.eligible).for_each(|higher| sieve.due.subtract(higher));
            self.keep_lowest_tier(&mut sieve.eligible);
        }
    }

    /// The tiers above the lowest that can serve; none if nobody can.
    pub(crate) fn tiers_above(&self, eligible: &Mask) -> impl Iterator<Item = &Mask> {
        let lowest = self.tiers.iter().position(|(_, members)| members.meets(eligible));
        self.tiers.iter().skip(lowest.map_or(self.tiers.len(), |lowest| lowest + 1)).map(|(_, members)| members)
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
        last_resort: false,
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
            Admission::Free if slot.has_room() => self.eligible.insert(index),
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
                if reason.gives_way() && slot.has_room() {
                    self.soft.insert(index);
                }
            }
        }
    }
}
