//! Leases that a store grants, for limits that hold over several processes.

use std::hash::{BuildHasher, RandomState};
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use crate::balancer::{Balancer, Snapshot};
use crate::clock::Clock;
use crate::demand::Demand;
use crate::error::{AcquireError, PickError};
use crate::hash;
use crate::lease::{Lease, Stored};
use crate::mask::Mask;
use crate::select::Selected;
use crate::store::{Candidate, LeaseStore, Mode, Want};
use crate::strategy::Strategy;
use crate::view::{Slot, View};

impl<T: Send + Sync, S: Strategy, C: Clock> Balancer<T, S, C> {
    /// Asks the store: it knows what other processes hold, so it chooses among what is healthy here.
    pub(crate) async fn acquire_stored(
        &self,
        store: Arc<dyn LeaseStore>,
        demand: &Demand<'_>,
    ) -> Result<Lease<T, C>, AcquireError> {
        let begun = self.shared.clock.now();
        if demand.tried.is_empty() {
            self.shared.budget.deposit(begun);
        }
        let (pool, due, order) =
            self.look(|snapshot, _, pool| self.ranked(snapshot, demand).map(|(due, order)| (pool, due, order)))?;
        let want = self.want(&pool.lineup.slots, &order, demand);
        let id = want.id;
        let grant = store.acquire(want).await?;
        let now = self.shared.clock.now();
        let Some(&index) = order.get(grant.candidate) else {
            store.release(id, grant.fence);
            return Err(PickError::Empty.into());
        };
        let state = &pool.lineup.slots[index].state;
        // Whether its pause is over is found out by whoever comes first.
        let probe = due.contains(index) && state.breaker.claim_probe();
        state.resource.take(u32::MAX);
        let mut lease = self.lease(pool, Selected { index, probe, why: None }, demand, now);
        lease.fence = grant.fence;
        lease.stored = Some(Box::new(Stored { store, id, lost: grant.lost }));
        if let Some(observer) = &self.shared.observer {
            observer.waited(now.since(begun), true);
        }
        Ok(lease)
    }

    /// What may serve, best first by the score of the strategy, then those whose pause is over, which are given beside.
    fn ranked(&self, snapshot: &Snapshot<T, S, C>, demand: &Demand<'_>) -> Result<(Mask, Vec<usize>), PickError> {
        let now = self.shared.clock.now();
        let sieve = snapshot.lineup.sift(demand, now);
        let frame = self.frame(&snapshot.lineup, sieve.sets(), now, Duration::ZERO, 0);
        let view = View { frame: &frame, plan: &snapshot.plan };
        let score = |index: usize| self.strategy.score(&view, index, demand).unwrap_or(0.0);
        let ready = sieve.eligible.iter().chain(sieve.full.iter());
        let mut scored: Vec<(f32, usize)> = ready.map(|index| (score(index), index)).collect();
        scored.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        let order: Vec<usize> = scored.into_iter().map(|(_, index)| index).chain(sieve.due.iter()).collect();
        if order.is_empty() { Err(sieve.refusal(now)) } else { Ok((sieve.due, order)) }
    }

    fn want(&self, slots: &[Slot], order: &[usize], demand: &Demand<'_>) -> Want {
        let candidates = order.iter().map(|&index| Candidate {
            resource: Arc::clone(&slots[index].state.resource.name),
            capacity: NonZeroU32::new(slots[index].cap).unwrap_or(NonZeroU32::MIN),
        });
        let now = self.shared.clock.now();
        let load = slots.iter().map(|slot| slot.load_time).max().unwrap_or_default();
        Want {
            id: if demand.id == 0 { random_id() } else { demand.id },
            candidates: candidates.collect(),
            class: demand.class.into(),
            wait: demand.deadline.map_or(self.shared.queue.max_wait, |deadline| deadline.since(now)),
            max_hold: demand.max_hold,
            mode: if self.shared.needs.residency { Mode::Residency { load } } else { Mode::Order },
        }
    }
}

/// Differs from every other one of this process, and from those of others as far as 128 random bits can.
fn random_id() -> u128 {
    static SEEDS: OnceLock<(u64, u64)> = OnceLock::new();
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let (high, low) = *SEEDS.get_or_init(|| (RandomState::new().hash_one(1), RandomState::new().hash_one(2)));
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    (u128::from(hash::mix(high ^ count)) << 64) | u128::from(hash::mix(low.wrapping_add(hash::mix(count))))
}
