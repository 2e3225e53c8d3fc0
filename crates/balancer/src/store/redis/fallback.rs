//! What takes the place of Redis while it cannot be reached: the store of this process, for all or for a share.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::config::{OnStoreDown, RedisConfig};
use super::names::Name;
use super::shared::Shared;
use crate::store::{Candidate, Grant, LeaseStore, LocalStore, StoreError, Want};

pub(super) struct Fallback {
    policy: OnStoreDown,
    /// How long after Redis was lost every lease of the others is over.
    over: Duration,
    local: LocalStore,
    /// Leases that this process granted by itself.
    leases: Mutex<HashMap<u128, Name>>,
}

/// The part of a want that this process may grant by itself.
pub(super) struct Share {
    pub(super) want: Want,
    /// For each candidate, which one of the whole want it is.
    pub(super) index: Vec<usize>,
}

impl Fallback {
    pub(super) fn new(config: &RedisConfig) -> Self {
        let over = config.ttl + config.margin;
        Self { policy: config.on_store_down, over, local: LocalStore::new(), leases: Mutex::default() }
    }

    /// Whether those who already stand in line had better come here.
    pub(super) fn takes_over(&self) -> bool {
        self.policy == OnStoreDown::Open
    }

    /// What of the want falls to this process, while Redis is lost since `since`. None: nothing, for now.
    pub(super) fn share(&self, want: Want, since: Option<Instant>, shared: &Shared) -> Option<Share> {
        match self.policy {
            OnStoreDown::Closed => None,
            OnStoreDown::Open => Some(Share { index: (0..want.candidates.len()).collect(), want }),
            OnStoreDown::Partition => {
                since.filter(|since| since.elapsed() >= self.over)?;
                let roster = shared.roster();
                let rank = roster.iter().position(|replica| *replica == shared.library.replica)?;
                partition(want, rank, roster.len())
            }
        }
    }

    /// Takes a lease of this process alone.
    pub(super) async fn acquire(&self, want: Want) -> Result<Grant, StoreError> {
        let id = want.id;
        let names: Vec<_> = want.candidates.iter().map(|candidate| Name::of(&candidate.resource)).collect();
        let grant = self.local.acquire(want).await?;
        self.leases().insert(id, names[grant.candidate]);
        Ok(grant)
    }

    /// Gives a lease of this process alone back. False if the lease is none of these.
    pub(super) fn release(&self, id: u128, fence: u64) -> bool {
        let ours = self.leases().remove(&id).is_some();
        if ours {
            self.local.release(id, fence);
        }
        ours
    }

    /// Leases of this process alone on a resource.
    pub(super) fn in_use(&self, name: Name) -> u32 {
        if self.policy == OnStoreDown::Closed {
            return 0;
        }
        let leases = self.leases();
        u32::try_from(leases.values().filter(|&&held| held == name).count()).unwrap_or(u32::MAX)
    }

    fn leases(&self) -> MutexGuard<'_, HashMap<u128, Name>> {
        self.leases.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The candidates whose hash falls to the process of this rank among so many.
fn partition(mut want: Want, rank: usize, of: usize) -> Option<Share> {
    let (of, rank) = (u64::try_from(of).ok()?, u64::try_from(rank).ok()?);
    let mine = |(_, candidate): &(usize, Candidate)| Name::of(&candidate.resource).0 % of == rank;
    let (index, candidates): (Vec<_>, Vec<_>) = want.candidates.drain(..).enumerate().filter(mine).unzip();
    want.candidates = candidates;
    (!index.is_empty()).then_some(Share { want, index })
}
