//! The path of a pick: choose among those that may serve, take a permit, make the lease.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::balancer::{Balancer, Snapshot};
use crate::clock::{Clock, Tick};
use crate::demand::Demand;
use crate::error::PickError;
use crate::explain::Explanation;
use crate::known::Known;
use crate::lease::Lease;
use crate::lineup::{Lineup, Sieve};
use crate::mask::Mask;
use crate::pool::Pool;
use crate::strategy::{Choice, Strategy};
use crate::view::{Frame, View};

/// An endpoint of which a permit was taken.
pub(crate) struct Selected {
    pub(crate) index: usize,
    pub(crate) probe: bool,
    pub(crate) why: Option<Arc<Explanation>>,
}

/// One look for an endpoint.
#[derive(Clone, Copy)]
pub(crate) struct Attempt<'a> {
    pub(crate) demand: &'a Demand<'a>,
    pub(crate) now: Tick,
    /// How long the demand has waited in line.
    pub(crate) waited: Duration,
    /// How many of the same class stand before it, if it is in line.
    pub(crate) ahead: Option<u32>,
}

/// Why there is no lease.
pub(crate) enum Refusal {
    /// Nothing now; look again at this moment at the latest.
    Wait(PickError, Tick),
    /// Waiting does not help.
    Never(PickError),
}

impl<T: Send + Sync, S: Strategy, C: Clock> Balancer<T, S, C> {
    pub(crate) fn try_pick(&self, attempt: Attempt<'_>) -> Result<Lease<T, C>, Refusal> {
        if attempt.demand.tried.is_empty() && attempt.waited.is_zero() {
            self.shared.budget.deposit(attempt.now);
        }
        let chosen = self.look(|snapshot, known, pool| {
            let selected = match self.select_known(snapshot, known, attempt) {
                Some(selected) => selected,
                None => self.select(snapshot, known, attempt)?,
            };
            Ok((selected, pool))
        });
        let (selected, pool) = chosen?;
        Ok(self.lease(pool, selected, attempt.demand, attempt.now))
    }

    /// Chooses where it is known who is healthy: most of the time.
    #[inline]
    fn select_known(&self, snapshot: &Snapshot<T, S, C>, known: &mut Known, attempt: Attempt<'_>) -> Option<Selected> {
        let Attempt { demand, now, waited, .. } = attempt;
        let (lineup, needs) = (&snapshot.lineup, &self.shared.needs);
        let (eligible, full) = known.sets(lineup, demand, needs.optimistic, self.shared.epoch(), now)?;
        let frame = self.frame(lineup, (eligible, full), now, waited, self.ahead(attempt));
        match self.strategy.choose(&View { frame: &frame, plan: &snapshot.plan }, demand) {
            Choice::Use(index) if eligible.contains(index) => self.reserve(snapshot, &frame, index, demand, false),
            _ => None,
        }
    }

    /// Chooses, and takes a permit of what was chosen.
    #[cold]
    fn select(
        &self,
        snapshot: &Snapshot<T, S, C>,
        known: &mut Known,
        attempt: Attempt<'_>,
    ) -> Result<Selected, Refusal> {
        let Attempt { demand, now, waited, .. } = attempt;
        let mut sieve = known.sift(&snapshot.lineup, demand, self.shared.epoch(), now);
        if let Some(selected) = self.probe(snapshot, &sieve, demand, now) {
            return Ok(selected);
        }
        if sieve.eligible.is_empty() && sieve.full.is_empty() && !sieve.due.is_empty() {
            // Somebody else was quicker to find out about the only ones left: better to ask them too than to wait.
            sieve.eligible = std::mem::take(&mut sieve.due);
        }
        let ahead = self.ahead(attempt);
        loop {
            if sieve.eligible.is_empty() {
                return Err(refusal(&sieve, now));
            }
            let frame = self.frame(&snapshot.lineup, sieve.sets(), now, waited, ahead);
            match self.strategy.choose(&View { frame: &frame, plan: &snapshot.plan }, demand) {
                Choice::Use(index) if sieve.eligible.contains(index) => {
                    if let Some(selected) = self.reserve(snapshot, &frame, index, demand, false) {
                        return Ok(selected);
                    }
                    sieve.eligible.remove(index);
                    sieve.full.insert(index);
                }
                Choice::Wait(recheck) => return Err(Refusal::Wait(PickError::Busy { retry_after: None }, recheck)),
                Choice::Use(_) | Choice::None => return Err(refusal(&sieve, now)),
            }
        }
    }

    /// How many of the same class are served before the demand, where that matters.
    #[inline]
    fn ahead(&self, attempt: Attempt<'_>) -> u32 {
        if !self.shared.needs.residency {
            return 0;
        }
        attempt.ahead.unwrap_or_else(|| self.shared.fleet.waiting_of(crate::hash::name(attempt.demand.class)))
    }

    /// The first try of a request goes to an endpoint whose pause is over, if there is one: nothing else shows that it
    /// works again. Later tries only if there is nothing better.
    fn probe(&self, snapshot: &Snapshot<T, S, C>, sieve: &Sieve, demand: &Demand<'_>, now: Tick) -> Option<Selected> {
        if sieve.due.is_empty() || !(demand.tried.is_empty() || sieve.eligible.is_empty()) {
            return None;
        }
        let frame = self.frame(&snapshot.lineup, sieve.sets(), now, Duration::ZERO, 0);
        sieve.due.iter().find_map(|index| {
            let breaker = &snapshot.lineup.slots[index].state.breaker;
            if !breaker.claim_probe() {
                return None;
            }
            let selected = self.reserve(snapshot, &frame, index, demand, true);
            if selected.is_none() {
                breaker.forgo_probe();
            }
            selected
        })
    }

    /// Takes a permit.
    #[inline(always)]
    fn reserve(
        &self,
        snapshot: &Snapshot<T, S, C>,
        frame: &Frame<'_>,
        index: usize,
        demand: &Demand<'_>,
        probe: bool,
    ) -> Option<Selected> {
        let slot = &frame.slots[index];
        let why = if demand.explain { Some(self.explain(snapshot, frame, index, demand)) } else { None };
        if !slot.resource.take(slot.cap) {
            return None;
        }
        if self.shared.needs.residency {
            slot.resource.serve(crate::hash::name(demand.class), slot.room, frame.now);
        }
        Some(Selected { index, probe, why })
    }

    /// The lease of a permit that was taken.
    pub(crate) fn lease(
        &self,
        pool: Arc<Pool<T, C>>,
        selected: Selected,
        demand: &Demand<'_>,
        now: Tick,
    ) -> Lease<T, C> {
        let slot = &pool.slots[selected.index];
        let state = &slot.state;
        let peers = self.shared.peers.load(Ordering::Relaxed);
        let before = slot.resource.used().saturating_sub(1) as f32;
        let crowd = slot.crowd(before, peers, now);
        if peers > 1 {
            state.presence.follow(now, before, crate::view::PRESENCE_HALF_LIFE);
        }
        state.tally.picked.fetch_add(1, Ordering::Relaxed);
        if let Some(observer) = &self.shared.observer {
            observer.picked(&state.id);
        }
        Lease {
            index: selected.index as u32,
            begun: now,
            answered: None,
            crowd,
            size: demand.size,
            probe: selected.probe,
            settled: false,
            why: selected.why,
            stored: None,
            fence: if slot.cap == u32::MAX { 0 } else { self.shared.fleet.next_fence() },
            pool,
        }
    }

    #[cold]
    fn explain(
        &self,
        snapshot: &Snapshot<T, S, C>,
        frame: &Frame<'_>,
        chosen: usize,
        demand: &Demand<'_>,
    ) -> Arc<Explanation> {
        let view = View { frame, plan: &snapshot.plan };
        let score = |index| self.strategy.score(&view, index, demand);
        Arc::new(snapshot.lineup.explain(frame.eligible, chosen, demand, frame.now, score))
    }

    #[inline]
    pub(crate) fn frame<'a>(
        &'a self,
        lineup: &'a Lineup,
        (eligible, full): (&'a Mask, &'a Mask),
        now: Tick,
        waited: Duration,
        ahead: u32,
    ) -> Frame<'a> {
        Frame {
            slots: &lineup.slots,
            eligible,
            full,
            now,
            peers: self.shared.peers.load(Ordering::Relaxed),
            tickets: &self.shared.tickets,
            turns: self.shared.turns.as_deref(),
            health: &self.shared.health,
            ahead,
            waited,
            warming: now.as_nanos() <= self.shared.warm_at.load(Ordering::Relaxed),
        }
    }
}

fn refusal(sieve: &Sieve, now: Tick) -> Refusal {
    let error = sieve.refusal(now);
    match error {
        PickError::Busy { .. } | PickError::Unavailable { .. } => Refusal::Wait(error, sieve.earliest),
        PickError::Empty | PickError::NoMatch | PickError::Exhausted | PickError::Stored => Refusal::Never(error),
    }
}
