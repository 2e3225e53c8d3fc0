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
use crate::lease::{Extra, Lease, Stored};
use crate::pool::Sieve;
use crate::store::{Candidate, LeaseStore, Mode, Want};
use crate::strategy::Strategy;
use crate::view::View;

impl<T, S: Strategy, C: Clock> Balancer<T, S, C> {
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
        let snapshot = self.snapshot.load_full();
        let (sieve, order) = self.ranked(&snapshot, demand)?;
        let want = self.want(&snapshot, &order, demand);
        let id = want.id;
        let grant = store.acquire(want).await?;
        let now = self.shared.clock.now();
        let Some(&index) = order.get(grant.candidate) else {
            store.release(id, grant.fence);
            return Err(PickError::Empty.into());
        };
        let slot = &snapshot.pool.slots[index];
        // Whether its pause is over is found out by whoever comes first.
        let probe = sieve.due.contains(index) && slot.state.breaker.claim_probe();
        slot.state.resource.take(u32::MAX);
        let mut lease = self.lease(&snapshot.pool, index, demand, now, probe, sieve.eligible);
        lease.fence = grant.fence;
        lease.extra = Some(Box::new(Extra { why: None, stored: Some(Stored { store, id, lost: grant.lost }) }));
        if let Some(observer) = &self.shared.observer {
            observer.waited(now.since(begun), true);
        }
        Ok(lease)
    }

    /// What may serve, best first by the score of the strategy, then those whose pause is over.
    fn ranked(&self, snapshot: &Snapshot<T, S, C>, demand: &Demand<'_>) -> Result<(Sieve, Vec<usize>), PickError> {
        let now = self.shared.clock.now();
        let sieve = snapshot.pool.sift(demand, now);
        let frame = self.frame(&snapshot.pool, &sieve, now, Duration::ZERO, 0);
        let view = View { frame: &frame, plan: &snapshot.plan };
        let score = |index: &usize| self.strategy.score(&view, *index, demand).unwrap_or(0.0);
        let mut order: Vec<usize> = sieve.eligible.iter().chain(sieve.full.iter()).collect();
        order.sort_by(|a, b| score(a).total_cmp(&score(b)).then(a.cmp(b)));
        order.extend(sieve.due.iter());
        if order.is_empty() { Err(snapshot.pool.refusal(&sieve, now)) } else { Ok((sieve, order)) }
    }

    fn want(&self, snapshot: &Snapshot<T, S, C>, order: &[usize], demand: &Demand<'_>) -> Want {
        let slots = &snapshot.pool.slots;
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
