//! A place in the line, held by the one who waits.

use std::sync::Arc;
use std::task::{Context, Poll};

use super::line::{Applicant, Fate, Order, Place, Places};
use super::{Fleet, Resource};
use crate::clock::Tick;
use crate::state::State;
use crate::sync::lock;

/// Waits in line. Dropping it leaves the line; a permit granted in the meantime goes to the next.
#[derive(Debug)]
pub(crate) struct Ticket {
    fleet: Fleet,
    order: Order,
    /// Time of the last look, for permits given back by a drop.
    now: Tick,
    done: bool,
}

/// What a waiter hears.
#[derive(Debug)]
pub(crate) enum Event {
    Granted(Granted),
    /// Somebody with a better claim took the place in line.
    Evicted,
    /// Endpoints or their health changed: look again.
    Nudged,
}

/// A permit that was handed over. Give it back by [`Fleet::give_back`].
#[derive(Debug)]
pub(crate) struct Granted {
    pub(crate) index: usize,
    pub(crate) resource: Arc<Resource>,
    pub(crate) state: Option<Arc<State>>,
    pub(crate) probe: bool,
}

impl Fleet {
    /// Joins the line. Whatever is free already is handed over at once. `None`: the line is full.
    pub(crate) fn join(&self, applicant: Applicant) -> Option<Ticket> {
        let now = applicant.now;
        let order = self.with_line(|line, wakers| line.join(applicant, wakers))?;
        // The newcomer is visible now, so that a permit given back before this is found here, a later one by its giver.
        self.with_line(|line, wakers| line.settle_open(order, now, wakers));
        Some(Ticket { fleet: self.clone(), order, now, done: false })
    }

    /// Seconds until somebody who joins now would be served, as far as hold times are known.
    pub(crate) fn predicted_wait(&self, key: u64, places: &Places) -> Option<f32> {
        let (mut rate, mut last) = (0.0, None);
        for place in places.iter() {
            // Places of one resource stand side by side.
            let seen = last.replace(place.resource.number) == Some(place.resource.number);
            if !seen && place.cap != u32::MAX {
                rate += place.cap as f32 / place.resource.mean_hold()?.max(1e-6);
            }
        }
        let ahead = if self.waiting() == 0 { 0 } else { lock(&self.0.line).ahead(key, places) };
        (rate > 0.0).then(|| (ahead + 1) as f32 / rate)
    }
}

impl Ticket {
    /// Looks whether anything happened.
    pub(crate) fn poll(&mut self, now: Tick, context: &mut Context<'_>) -> Poll<Event> {
        self.now = now;
        let mut line = lock(&self.fleet.0.line);
        if let Some((fate, places)) = line.fates.remove(&self.order.1) {
            self.done = true;
            return Poll::Ready(match fate {
                Fate::Evicted => Event::Evicted,
                Fate::Granted { place, probe } => {
                    let Place { index, resource, state, .. } = places.get(place).clone();
                    Event::Granted(Granted { index, resource, state, probe })
                }
            });
        }
        let Some(waiter) = line.waiters.get_mut(&self.order) else {
            self.done = true;
            return Poll::Ready(Event::Evicted);
        };
        if std::mem::take(&mut waiter.nudged) {
            return Poll::Ready(Event::Nudged);
        }
        match &mut waiter.waker {
            Some(waker) => waker.clone_from(context.waker()),
            none => *none = Some(context.waker().clone()),
        }
        Poll::Pending
    }

    /// Waits for other places from now on.
    pub(crate) fn change(&self, places: Places, now: Tick) {
        self.fleet.with_line(|line, wakers| {
            if let Some(waiter) = line.waiters.get_mut(&self.order) {
                waiter.places = places;
                line.settle_open(self.order, now, wakers);
            }
        });
    }

    /// How many of the same class stand before us.
    pub(crate) fn ahead_of_class(&self, class: u64) -> u32 {
        let line = lock(&self.fleet.0.line);
        line.waiters.range(..self.order).filter(|(_, waiter)| waiter.is_of(class)).count() as u32
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        if self.done {
            return;
        }
        let fate = self.fleet.with_line(|line, _| {
            line.leave(self.order);
            line.fates.remove(&self.order.1)
        });
        if let Some((Fate::Granted { place, probe }, places)) = fate {
            if let (true, Some(state)) = (probe, &places.get(place).state) {
                state.breaker.forgo_probe();
            }
            self.fleet.give_back(&places.get(place).resource, self.now);
        }
    }
}
