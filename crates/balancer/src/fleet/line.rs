//! The line: who waits, in which order, and who gets a permit that comes back.
//!
//! The order is start-time fair queueing (Goyal, Vin and Chen 1996): requests of one key keep their order, and keys
//! take turns by weight. With one key it is first come, first served.

use std::cmp::Ordering;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::task::Waker;
use std::time::Duration;

use super::Resource;
use super::residency::{self, Residency};
use crate::clock::Tick;
use crate::health::Admission;
use crate::state::State;

/// Virtual time of one turn at weight 1.
const TURN: f32 = 1_048_576.0;

/// Start tag and number of arrival: the order of service.
pub(super) type Order = (u64, u64);

/// A permit that would do.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    /// What the caller calls it.
    pub(crate) index: usize,
    pub(crate) resource: Arc<Resource>,
    pub(crate) cap: u32,
    /// Whose health must allow it; `None`: no matter.
    pub(crate) state: Option<Arc<State>>,
}

/// Permits that would do, each found by its resource without looking at the others. Those who wait for the same ones
/// share the list.
#[derive(Debug, Clone, Default)]
pub(crate) struct Places(Arc<[Place]>);

impl Places {
    /// Those of one resource keep their order.
    pub(crate) fn new(mut places: Vec<Place>) -> Self {
        places.iter().for_each(|place| place.resource.widen(place.cap));
        places.sort_by_key(|place| place.resource.number);
        Self(places.into())
    }

    pub(super) fn iter(&self) -> std::slice::Iter<'_, Place> {
        self.0.iter()
    }

    pub(super) fn get(&self, at: usize) -> &Place {
        &self.0[at]
    }

    /// The resources of which a permit may be had now, in the order in which the caller named them.
    pub(super) fn open(&self, now: Tick) -> Vec<Arc<Resource>> {
        let mut open: Vec<&Place> = self.iter().filter(|place| place.open(now).is_some()).collect();
        open.dedup_by_key(|place| place.resource.number);
        open.sort_by_key(|place| place.index);
        open.into_iter().map(|place| Arc::clone(&place.resource)).collect()
    }

    /// The places on a resource, by their numbers.
    fn on(&self, resource: &Arc<Resource>) -> impl Iterator<Item = (usize, &Place)> {
        let start = self.0.partition_point(|place| place.resource.number < resource.number);
        (start..).zip(&self.0[start..]).take_while(|(_, place)| place.resource.number == resource.number)
    }

    /// Whether a resource is in both.
    fn share(&self, others: &Self) -> bool {
        if Arc::ptr_eq(&self.0, &others.0) {
            return !self.0.is_empty();
        }
        let (mut mine, mut theirs) = (self.iter().peekable(), others.iter().peekable());
        while let (Some(a), Some(b)) = (mine.peek(), theirs.peek()) {
            match a.resource.number.cmp(&b.resource.number) {
                Ordering::Less => drop(mine.next()),
                Ordering::Equal => return true,
                Ordering::Greater => drop(theirs.next()),
            }
        }
        false
    }
}

impl Place {
    /// Whether a permit of it may be had now, and whether that would be a probe.
    fn open(&self, now: Tick) -> Option<bool> {
        if self.resource.used() >= self.cap {
            return None;
        }
        match self.state.as_ref().map_or(Admission::Free, |state| state.breaker.admission(now)) {
            Admission::Free => Some(false),
            Admission::Probe => Some(true),
            Admission::Paused { .. } | Admission::Probing => None,
        }
    }
}

/// Somebody who wants to wait.
#[derive(Debug)]
pub(crate) struct Applicant {
    pub(crate) places: Places,
    pub(crate) key: u64,
    pub(crate) key_weight: f32,
    /// Preference for resources that are ready for a class.
    pub(crate) residency: Option<Residency>,
    pub(crate) now: Tick,
    /// The longest line there may be.
    pub(crate) room: usize,
}

#[derive(Debug)]
pub(super) struct Waiter {
    pub(super) places: Places,
    pub(super) residency: Option<Residency>,
    pub(super) since: Tick,
    pub(super) waker: Option<Waker>,
    pub(super) nudged: bool,
    key: u64,
}

/// What became of somebody who waited.
#[derive(Debug, Clone, Copy)]
pub(super) enum Fate {
    Granted { place: usize, probe: bool },
    Evicted,
}

#[derive(Debug, Default)]
pub(super) struct Line {
    pub(super) waiters: BTreeMap<Order, Waiter>,
    /// Those who left the line without knowing it yet.
    pub(super) fates: HashMap<u64, (Fate, Places)>,
    /// Where the next turn of a key starts.
    keys: HashMap<u64, u64>,
    virtual_time: u64,
    arrivals: u64,
}

impl Line {
    pub(super) fn len(&self) -> usize {
        self.waiters.len()
    }

    pub(super) fn of_class(&self, class: u64) -> u32 {
        self.waiters.values().filter(|waiter| waiter.is_of(class)).count() as u32
    }

    /// Puts somebody in line, or refuses if it is full and nobody in it comes later.
    pub(super) fn join(&mut self, applicant: Applicant, wakers: &mut Vec<Waker>) -> Option<Order> {
        let start = self.start_of(applicant.key);
        while self.waiters.len() >= applicant.room {
            let last = *self.waiters.last_key_value()?.0;
            if last.0 <= start {
                return None;
            }
            self.evict(last, wakers);
        }
        let length = (TURN / applicant.key_weight.clamp(1e-3, 1e3)) as u64;
        self.keys.insert(applicant.key, start + length);
        self.arrivals += 1;
        let order = (start, self.arrivals);
        let Applicant { places, residency, now, key, .. } = applicant;
        self.waiters.insert(order, Waiter { places, residency, since: now, waker: None, nudged: false, key });
        Some(order)
    }

    /// How many would be served before a newcomer of this key, on any of these places.
    pub(super) fn ahead(&self, key: u64, places: &Places) -> u32 {
        let start = self.start_of(key);
        self.waiters.range(..=(start, u64::MAX)).filter(|(_, waiter)| waiter.places.share(places)).count() as u32
    }

    /// Takes somebody out of the line.
    pub(super) fn leave(&mut self, order: Order) -> Option<Waiter> {
        let waiter = self.waiters.remove(&order);
        if self.waiters.is_empty() {
            self.keys.clear();
            self.virtual_time = 0;
        }
        waiter
    }

    /// Hands the free permits of a resource to those who are next.
    pub(super) fn settle(&mut self, resource: &Arc<Resource>, now: Tick, wakers: &mut Vec<Waker>) {
        while let Some((order, at, probe)) = self.next_for(resource, now) {
            let waiter = self.leave(order).expect("it was found in the line");
            if !self.waiters.is_empty() {
                self.virtual_time = self.virtual_time.max(order.0);
                self.prune(order.0, waiter.key);
            }
            let place = waiter.places.get(at);
            if let Some(residency) = &waiter.residency {
                place.resource.serve(residency.class, residency.room, now);
            }
            let fate = Fate::Granted { place: at, probe };
            self.fates.insert(order.1, (fate, waiter.places));
            wakers.extend(waiter.waker);
        }
    }

    /// Hands out whatever somebody in line could have now.
    pub(super) fn settle_open(&mut self, order: Order, now: Tick, wakers: &mut Vec<Waker>) {
        let open = self.waiters.get(&order).map(|waiter| waiter.places.open(now));
        for resource in open.unwrap_or_default() {
            self.settle(&resource, now, wakers);
        }
    }

    /// Has everyone look again.
    pub(super) fn nudge(&mut self, wakers: &mut Vec<Waker>) {
        for waiter in self.waiters.values_mut() {
            waiter.nudged = true;
            wakers.extend(waiter.waker.take());
        }
    }

    /// Finds who is next for a resource and takes the permit for them.
    fn next_for(&self, resource: &Arc<Resource>, now: Tick) -> Option<(Order, usize, bool)> {
        if !resource.has_room() {
            return None;
        }
        let fits = |waiter: &Waiter| waiter.place_on(resource, now);
        let chosen = match self.waiters.iter().find(|(_, waiter)| fits(waiter).is_some())? {
            (order, waiter) if waiter.residency.is_none() => *order,
            (order, _) => residency::next(self, *order, resource, now, fits)?,
        };
        let waiter = &self.waiters[&chosen];
        let (at, probe) = waiter.place_on(resource, now)?;
        let place = waiter.places.get(at);
        if !place.resource.take(place.cap) {
            return None;
        }
        if probe && !place.state.as_ref().is_some_and(|state| state.breaker.claim_probe()) {
            place.resource.put();
            return None;
        }
        Some((chosen, at, probe))
    }

    fn start_of(&self, key: u64) -> u64 {
        self.keys.get(&key).copied().unwrap_or(0).max(self.virtual_time)
    }

    fn evict(&mut self, order: Order, wakers: &mut Vec<Waker>) {
        if let Some(waiter) = self.leave(order) {
            self.fates.insert(order.1, (Fate::Evicted, Places::default()));
            wakers.extend(waiter.waker);
        }
    }

    /// Forgets keys that have no debt: there are never more of them than the line was long.
    fn prune(&mut self, passed: u64, key: u64) {
        if self.keys.get(&key).is_some_and(|next| *next <= passed) {
            self.keys.remove(&key);
        }
        if self.keys.len() > 2 * self.waiters.len() + 64 {
            let now = self.virtual_time;
            self.keys.retain(|_, next| *next > now);
        }
    }
}

impl Waiter {
    pub(super) fn is_of(&self, class: u64) -> bool {
        self.residency.as_ref().is_some_and(|residency| residency.class == class)
    }

    pub(super) fn waited(&self, now: Tick) -> Duration {
        now.since(self.since)
    }

    /// The place on this resource that has a free permit and may be used, and whether using it is a probe.
    fn place_on(&self, resource: &Arc<Resource>, now: Tick) -> Option<(usize, bool)> {
        self.places.on(resource).find_map(|(at, place)| place.open(now).map(|probe| (at, probe)))
    }
}
