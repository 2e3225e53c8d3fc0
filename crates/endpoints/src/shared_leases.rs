//! Leases shared with other routers, as far as endpoints know them: a store, and the work that keeps it going.

use std::sync::{Arc, Mutex, PoisonError};

use llm_router_balancer::LeaseStore;

use crate::upstream::BoxFuture;

/// A store of leases, made once for the life of the process, and its work, which somebody has to run.
pub struct SharedLeases {
    store: Arc<dyn LeaseStore>,
    work: Mutex<Option<BoxFuture<'static, ()>>>,
}

impl SharedLeases {
    /// A store and its work.
    #[must_use]
    pub fn new(store: Arc<dyn LeaseStore>, work: BoxFuture<'static, ()>) -> Arc<Self> {
        Arc::new(Self { store, work: Mutex::new(Some(work)) })
    }

    /// The store.
    #[must_use]
    pub fn store(&self) -> Arc<dyn LeaseStore> {
        Arc::clone(&self.store)
    }

    /// The work; `None` when somebody runs it already.
    pub fn take_work(&self) -> Option<BoxFuture<'static, ()>> {
        self.work.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}
