//! The path that may wait: in the line of the fleet, or in that of a shared store.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use crate::balancer::Balancer;
use crate::clock::{Clock, Sleep, Tick};
use crate::demand::Demand;
use crate::error::{AcquireError, PickError};
use crate::fleet::{Applicant, Event, Granted, Residency, Ticket};
use crate::hash;
use crate::lease::Lease;
use crate::select::{Attempt, Refusal, Selected};
use crate::strategy::Strategy;

impl<T: Send + Sync, S: Strategy, C: Clock> Balancer<T, S, C> {
    /// Chooses an endpoint and reserves it; when none can serve now, waits in line until one is handed over, until the
    /// deadline of the demand at the latest.
    ///
    /// Dropping the future leaves the line; what was handed over in the meantime goes to the next.
    ///
    /// # Errors
    /// [`AcquireError`], most with the time after which another try may be worth it.
    pub async fn acquire(&self, demand: &Demand<'_>) -> Result<Lease<T, C>, AcquireError> {
        if let Some(store) = self.shared.store.as_ref().filter(|_| self.shared.needs.permits) {
            return self.acquire_stored(Arc::clone(store), demand).await;
        }
        let begun = self.shared.clock.now();
        let mut waited = Duration::ZERO;
        loop {
            let attempt = Attempt { demand, now: self.shared.clock.now(), waited, ahead: None };
            let (error, recheck) = match self.try_pick(attempt) {
                Ok(lease) => return Ok(lease),
                Err(Refusal::Never(error)) => return Err(error.into()),
                Err(Refusal::Wait(error, recheck)) => (error, recheck),
            };
            let result = self.wait(demand, begun, error, recheck).await;
            waited = self.shared.clock.now().since(begun).max(Duration::from_nanos(1));
            if let Some(observer) = &self.shared.observer {
                observer.waited(waited, result.is_ok());
            }
            // `None`: the endpoint that was handed over is gone. That takes a change of endpoints, so it is no busy
            // loop.
            if let Some(lease) = result? {
                return Ok(lease);
            }
        }
    }

    async fn wait(
        &self,
        demand: &Demand<'_>,
        begun: Tick,
        refusal: PickError,
        mut recheck: Tick,
    ) -> Result<Option<Lease<T, C>>, AcquireError> {
        let deadline = demand.deadline.unwrap_or(begun + self.shared.queue.max_wait);
        let mut ticket = self.join(demand, begun, deadline, &refusal)?;
        loop {
            match self.next_event(&mut ticket, recheck.min(deadline)).await {
                Some(Event::Granted(granted)) => return Ok(self.claim(granted, demand)),
                Some(Event::Evicted) => return Err(AcquireError::LineFull { retry_after: None }),
                Some(Event::Nudged) | None => {}
            }
            let now = self.shared.clock.now();
            let class = hash::name(demand.class);
            let ahead = self.shared.needs.residency.then(|| ticket.ahead_of_class(class));
            let waited = now.since(begun).max(Duration::from_nanos(1));
            match self.try_pick(Attempt { demand, now, waited, ahead }) {
                Ok(lease) => return Ok(Some(lease)),
                Err(Refusal::Never(error)) => return Err(error.into()),
                Err(Refusal::Wait(_, next)) => {
                    if now >= deadline {
                        return Err(AcquireError::Timeout { retry_after: self.predicted(demand, now) });
                    }
                    // A pause that has just ended may belong to a probe of somebody else: look again a little later.
                    recheck = next.max(now + Duration::from_millis(1));
                    ticket.change(self.pool().lineup.places(demand, now), now);
                }
            }
        }
    }

    /// What happens next to a ticket; `None`: it is time.
    async fn next_event(&self, ticket: &mut Ticket, at: Tick) -> Option<Event> {
        let clock = &self.shared.clock;
        let mut sleep: Sleep = clock.sleep_until(at);
        poll_fn(|context| {
            if let Poll::Ready(event) = ticket.poll(clock.now(), context) {
                return Poll::Ready(Some(event));
            }
            sleep.as_mut().poll(context).map(|()| None)
        })
        .await
    }

    fn join(
        &self,
        demand: &Demand<'_>,
        now: Tick,
        deadline: Tick,
        refusal: &PickError,
    ) -> Result<Ticket, AcquireError> {
        let places = self.pool().lineup.places(demand, now);
        let room = self.shared.queue.max_waiting;
        let predicted = self.shared.fleet.predicted_wait(demand.key, &places).map(Duration::from_secs_f32);
        // A refusal on account of health ends at a known time; one for want of a place by the pace of the line.
        let expected = refusal.retry_after().or(predicted);
        if deadline <= now || room == 0 {
            return Err(AcquireError::Pick(with_hint(refusal.clone(), expected)));
        }
        if let Some(expected) = expected.filter(|expected| now + *expected > deadline) {
            return Err(AcquireError::TooLate { retry_after: expected });
        }
        let residency = self.shared.needs.residency.then(|| self.residency(demand)).flatten();
        let applicant = Applicant { places, key: demand.key, key_weight: demand.key_weight, residency, now, room };
        self.shared.fleet.join(applicant).ok_or(AcquireError::LineFull { retry_after: expected })
    }

    fn predicted(&self, demand: &Demand<'_>, now: Tick) -> Option<Duration> {
        self.shared
            .fleet
            .predicted_wait(demand.key, &self.pool().lineup.places(demand, now))
            .map(Duration::from_secs_f32)
    }

    fn residency(&self, demand: &Demand<'_>) -> Option<Residency> {
        let slots = &self.pool().lineup.slots;
        let load = slots.iter().map(|slot| slot.load_time).max()?;
        let room = slots.iter().map(|slot| slot.room).max()?;
        Some(Residency { class: hash::name(demand.class), load, room })
    }

    /// The lease of a permit that was handed over; `None` if its endpoint is gone.
    fn claim(&self, granted: Granted, demand: &Demand<'_>) -> Option<Lease<T, C>> {
        let now = self.shared.clock.now();
        let pool = self.pool();
        let state = granted.state.as_ref()?;
        // Its index may be another one by now.
        let index = pool.lineup.index_of(&state.id).filter(|at| Arc::ptr_eq(&pool.lineup.slots[*at].state, state));
        let Some(index) = index else {
            if granted.probe {
                state.breaker.forgo_probe();
            }
            self.shared.fleet.give_back(&granted.resource, now);
            return None;
        };
        Some(self.lease(pool, Selected { index, probe: granted.probe, why: None }, demand, now))
    }
}

fn with_hint(error: PickError, hint: Option<Duration>) -> PickError {
    match error {
        PickError::Busy { retry_after: None } => PickError::Busy { retry_after: hint },
        other => other,
    }
}
