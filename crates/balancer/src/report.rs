//! What a pool tells about itself: the state of its endpoints, and why one was chosen.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::clock::Tick;
use crate::demand::Demand;
use crate::explain::{Explanation, Verdict};
use crate::health::{Admission, HealthSettings};
use crate::lineup::Lineup;
use crate::mask::Mask;
use crate::observe::{EndpointStatus, Standing};
use crate::view::{LATENCY_HALF_LIFE, LATENCY_SEED, Slot};

impl Lineup {
    pub(crate) fn status(&self, now: Tick, health: &HealthSettings) -> Vec<EndpointStatus> {
        self.slots.iter().map(|slot| status(slot, now, health)).collect()
    }

    /// How many get requests.
    pub(crate) fn serving(&self, now: Tick, health: &HealthSettings) -> usize {
        self.slots.iter().filter(|slot| standing(slot, now, health).serves()).count()
    }

    /// What the strategy saw.
    pub(crate) fn explain(
        &self,
        eligible: &Mask,
        chosen: usize,
        demand: &Demand<'_>,
        now: Tick,
        score: impl Fn(usize) -> Option<f32>,
    ) -> Explanation {
        let shown = self.slots.len().min(Explanation::MOST);
        let first = chosen.saturating_sub(shown / 2).min(self.slots.len() - shown);
        // A strategy compares by a number or it does not.
        let compares = score(chosen).is_some();
        let marks = eligible.from(first);
        let tell = |index: usize| {
            // An optimistic strategy sees those that are full among the eligible.
            let marked = marks >> (index - first) & 1 == 1;
            if marked && (self.unlimited || index == chosen || self.slots[index].has_room()) {
                (Verdict::Eligible, if compares { score(index) } else { None })
            } else {
                (self.verdict(index, demand, now), None)
            }
        };
        // Most of the time everyone may serve, and turns need no numbers.
        let plain = self.unlimited && !compares && marks.trailing_ones() as usize >= shown;
        let told = if plain {
            vec![(Verdict::Eligible, None); shown].into()
        } else {
            (first..first + shown).map(tell).collect()
        };
        Explanation { ids: Arc::clone(&self.ids), first, told, index: chosen, exact: true }
    }

    /// As far as it is known after the fact.
    pub(crate) fn explain_later(&self, chosen: usize, now: Tick) -> Explanation {
        let demand = Demand::default();
        let mut eligible = self.sift(&demand, now).eligible;
        eligible.insert(chosen);
        Explanation { exact: false, ..self.explain(&eligible, chosen, &demand, now, |_| None) }
    }

    /// Why an endpoint may not serve.
    fn verdict(&self, index: usize, demand: &Demand<'_>, now: Tick) -> Verdict {
        let slot = &self.slots[index];
        let state = &slot.state;
        if state.drained.load(Ordering::Relaxed) {
            return Verdict::Drained;
        }
        if !demand.tags.iter().all(|tag| slot.tags.contains(tag)) {
            return Verdict::Tags;
        }
        if demand.tried.contains(state.key) {
            return Verdict::Tried;
        }
        match state.breaker.admission(now) {
            Admission::Paused { reason, .. } => Verdict::Paused(reason),
            Admission::Probe | Admission::Probing => Verdict::Probe,
            Admission::Free if slot.has_room() => Verdict::Tier,
            Admission::Free => Verdict::Full,
        }
    }
}

fn status(slot: &Slot, now: Tick, health: &HealthSettings) -> EndpointStatus {
    let state = &slot.state;
    let (in_flight, [succeeded, failed, cancelled]) = state.tally.read();
    EndpointStatus {
        id: Arc::clone(&state.id),
        resource: Arc::clone(&state.resource.name),
        standing: standing(slot, now, health),
        tier: slot.tier,
        in_flight,
        resource_in_flight: state.resource.used(),
        limit: Some(slot.cap).filter(|cap| *cap != u32::MAX),
        latency: Duration::from_secs_f32(state.latency.read(now, LATENCY_SEED, LATENCY_HALF_LIFE)),
        picked: succeeded + failed + cancelled + u64::from(in_flight),
        succeeded,
        failed,
        cancelled,
    }
}

fn standing(slot: &Slot, now: Tick, health: &HealthSettings) -> Standing {
    let state = &slot.state;
    if state.drained.load(Ordering::Relaxed) {
        return Standing::Drained;
    }
    match state.breaker.admission(now) {
        Admission::Paused { until, reason } => Standing::Paused { reason, remaining: until.since(now) },
        Admission::Probe | Admission::Probing => Standing::HalfOpen,
        Admission::Free if state.warmth(now, health) < 1.0 => Standing::SlowStart,
        Admission::Free => Standing::Healthy,
    }
}
