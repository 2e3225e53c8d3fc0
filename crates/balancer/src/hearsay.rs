//! What a balancer tells those of its name in other processes, and hears from them, through a shared store.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};

use crate::clock::{Clock, Tick};
use crate::health::{Admission, Lesson};
use crate::pool::Shared;
use crate::state::State;
use crate::store::{Hint, StoreListener};
use crate::sync::lock;
use crate::view::Slot;

/// An endpoint by its name in the store.
pub(crate) type Named = (Arc<str>, Weak<State>);

impl<C: Clock> Shared<C> {
    /// Tells the others what was learned here, if there are others.
    pub(crate) fn pass_on(&self, state: &State, lesson: Lesson, now: Tick) {
        let Some(store) = &self.store else { return };
        let hint = match (lesson, state.breaker.admission(now)) {
            (Lesson::Recovered, _) => Hint::Back,
            (Lesson::Opened, Admission::Paused { until, .. }) if state.tells_anew(until) => {
                Hint::Away(until.since(now))
            }
            _ => return,
        };
        store.tell(&name(&self.name, &state.id), hint);
    }

    /// From now on others may speak of these endpoints.
    pub(crate) fn know(&self, slots: &[Slot]) {
        if self.store.is_some() {
            let known = slots.iter().map(|slot| (name(&self.name, &slot.state.id), Arc::downgrade(&slot.state)));
            *lock(&self.known) = known.collect();
        }
    }
}

impl<C: Clock> StoreListener for Shared<C> {
    fn peers(&self, count: u32) {
        self.peers.store(count.max(1), Ordering::Relaxed);
    }

    fn reachable(&self, _: bool) {}

    fn names(&self) -> Vec<Arc<str>> {
        lock(&self.known).iter().map(|(name, _)| Arc::clone(name)).collect()
    }

    fn hint(&self, name: &str, hint: Hint) {
        let found = lock(&self.known).iter().find(|(known, _)| **known == *name).and_then(|(_, state)| state.upgrade());
        let Some(state) = found else { return };
        let now = self.clock.now();
        let changed = match hint {
            Hint::Away(pause) => {
                state.breaker.hint_down(now, now + pause);
                true
            }
            Hint::Back => state.breaker.hint_up(now),
        };
        if changed {
            self.health_changed();
        }
    }
}

/// Endpoints of two balancers may have the same id.
fn name(balancer: &str, endpoint: &str) -> Arc<str> {
    format!("{balancer}/{endpoint}").into()
}
