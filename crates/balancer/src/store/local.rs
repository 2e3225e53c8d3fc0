//! A store for one process, over the line of a [`Fleet`].

use std::collections::HashMap;
use std::future::poll_fn;
use std::sync::{Arc, Mutex, Weak};
use std::task::Poll;

use super::{BoxFuture, Grant, LeaseStore, Mode, StoreError, StoreListener, Want};
use crate::clock::{Clock, SystemClock};
use crate::fleet::{Applicant, Event, Fleet, Place, Places, Residency, Resource};
use crate::hash;
use crate::signal::Signal;
use crate::sync::lock;

/// The longest line of a local store.
const LONGEST_LINE: usize = 65_536;

/// Leases that live in this process alone: what a shared store falls back to, and what the tests of both compare with.
///
/// Leases never expire: when the process ends, so do they.
pub struct LocalStore<C: Clock = SystemClock> {
    fleet: Fleet,
    clock: C,
    held: Mutex<HashMap<u128, (u64, Arc<Resource>)>>,
}

impl LocalStore {
    /// An empty store on the clock of the machine.
    #[must_use]
    pub fn new() -> Self {
        Self::with_clock(SystemClock)
    }
}

impl Default for LocalStore {
    fn default() -> Self {
        Self::new()
    }
}

impl<C: Clock> LocalStore<C> {
    /// An empty store.
    #[must_use]
    pub fn with_clock(clock: C) -> Self {
        Self { fleet: Fleet::new(), clock, held: Mutex::default() }
    }

    /// How many leases of a resource are held.
    #[must_use]
    pub fn in_use(&self, resource: &str) -> u32 {
        self.fleet.in_use(resource).unwrap_or(0)
    }

    async fn take(&self, want: Want) -> Result<Grant, StoreError> {
        if want.candidates.is_empty() {
            return Err(StoreError::NoCandidate);
        }
        let begun = self.clock.now();
        let places = self.places(&want);
        let residency = residency(&want);
        if let Some(place) = first_free(&places, residency.as_ref()) {
            if let Some(residency) = &residency {
                place.resource.serve(residency.class, 1, begun);
            }
            return Ok(self.grant(want.id, place.index, Arc::clone(&place.resource)));
        }
        if want.wait.is_zero() {
            return Err(StoreError::Busy { retry_after: None });
        }
        let key_weight = 1.0;
        let places = Places::new(places);
        let applicant = Applicant { places, key: 0, key_weight, residency, now: begun, room: LONGEST_LINE };
        let mut ticket = self.fleet.join(applicant).ok_or(StoreError::Busy { retry_after: None })?;
        let mut sleep = self.clock.sleep_until(begun + want.wait);
        let event = poll_fn(|context| match ticket.poll(self.clock.now(), context) {
            Poll::Ready(Event::Nudged) | Poll::Pending => sleep.as_mut().poll(context).map(|()| None),
            Poll::Ready(event) => Poll::Ready(Some(event)),
        });
        match event.await {
            Some(Event::Granted(granted)) => Ok(self.grant(want.id, granted.index, granted.resource)),
            Some(_) => Err(StoreError::Busy { retry_after: None }),
            None => Err(StoreError::Timeout),
        }
    }

    fn places(&self, want: &Want) -> Vec<Place> {
        let candidates = want.candidates.iter().enumerate();
        candidates
            .map(|(index, candidate)| Place {
                index,
                resource: self.fleet.resource(&candidate.resource),
                cap: candidate.capacity.get(),
                state: None,
            })
            .collect()
    }

    fn grant(&self, id: u128, candidate: usize, resource: Arc<Resource>) -> Grant {
        let fence = self.fleet.next_fence();
        lock(&self.held).insert(id, (fence, resource));
        Grant { candidate, fence, lost: Signal::never() }
    }
}

/// Takes the first free place; with a preference, the first free one that is ready, else the first unused one.
fn first_free<'a>(places: &'a [Place], residency: Option<&Residency>) -> Option<&'a Place> {
    let rank = |place: &&Place| match residency {
        None => 0,
        Some(wanted) if place.resource.resident(wanted.class).is_some() => 0,
        Some(_) => 1 + usize::from(!place.resource.residents().is_empty()),
    };
    let mut order: Vec<&Place> = places.iter().collect();
    order.sort_by_key(rank);
    order.into_iter().find(|place| place.resource.take(place.cap))
}

fn residency(want: &Want) -> Option<Residency> {
    match want.mode {
        Mode::Order => None,
        Mode::Residency { load } => Some(Residency { class: hash::name(&want.class), load, room: 1 }),
    }
}

impl<C: Clock> LeaseStore for LocalStore<C> {
    fn acquire(&self, want: Want) -> BoxFuture<'_, Result<Grant, StoreError>> {
        Box::pin(self.take(want))
    }

    fn release(&self, id: u128, fence: u64) {
        let mut held = lock(&self.held);
        if held.get(&id).is_none_or(|(own, _)| *own != fence) {
            return;
        }
        let resource = held.remove(&id).map(|(_, resource)| resource);
        drop(held);
        if let Some(resource) = resource {
            self.fleet.give_back(&resource, self.clock.now());
        }
    }

    fn watch(&self, listener: Weak<dyn StoreListener>) {
        if let Some(listener) = listener.upgrade() {
            listener.peers(1);
            listener.reachable(true);
        }
    }
}
