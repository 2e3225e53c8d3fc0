//! Where permits are granted: the trait [`LeaseStore`] and what passes through it.
//!
//! A *resource* has a capacity; a *lease* is the right to have one request on it. A balancer without a store keeps
//! its permits in its fleet, in this process; with one, several processes share them.

mod local;
#[cfg(feature = "redis")]
pub mod redis;

pub use local::LocalStore;

use std::future::Future;
use std::num::NonZeroU32;
use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::time::Duration;

use crate::signal::Signal;

/// A boxed future, for the paths on which an allocation does not matter.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Grants exclusive and counted leases, in this process or for several.
///
/// Implementations never grant more than the capacity of a resource, serve the waiters of a class in order, and give
/// the lease to a waiter instead of letting it poll.
pub trait LeaseStore: Send + Sync + 'static {
    /// Takes one of the candidates, waiting in line for at most [`Want::wait`].
    ///
    /// Dropping the future leaves the line; a lease granted in the meantime is given back.
    ///
    /// # Errors
    /// [`StoreError`]: nothing was granted.
    fn acquire(&self, want: Want) -> BoxFuture<'_, Result<Grant, StoreError>>;

    /// Gives a lease back. Never blocks, so a `Drop` may call it; giving back twice, or with the fence of another
    /// lease, does nothing.
    fn release(&self, id: u128, fence: u64);

    /// Has `listener` told about the other processes, about the store being lost and found, and about what others
    /// learned, for as long as somebody holds it.
    ///
    /// The listener is called with the present values at once, then at every change. A store for one process has
    /// nothing more to tell.
    fn watch(&self, listener: Weak<dyn StoreListener>);

    /// Tells the other processes something about an endpoint. Never waits; may be lost. A store for one process has
    /// nobody to tell.
    fn tell(&self, _name: &str, _hint: Hint) {}

    /// Says farewell: waiters and later requests are refused, and what this process holds is given back. To be called
    /// when the requests are through.
    fn close(&self) {}

    /// The sequence of numbers of this name that all processes draw from; `None` in a store for one process.
    fn tickets(&self, _name: &str) -> Option<Arc<dyn TicketSource>> {
        None
    }
}

/// Numbers that several processes draw in turn.
pub trait TicketSource: Send + Sync {
    /// The next number. Never waits: `None` while there is none at hand, and then the caller counts by itself.
    fn next(&self) -> Option<u64>;
}

/// What a process says about an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Hint {
    /// It is down, or asked to be left alone: not to be used for so long.
    Away(Duration),
    /// It answers again.
    Back,
}

/// What a store tells about the world around it. Must not block.
pub trait StoreListener: Send + Sync {
    /// This many processes, this one included, share the store. At least 1.
    fn peers(&self, count: u32);

    /// The store became reachable (`true`) or was lost (`false`).
    fn reachable(&self, yes: bool);

    /// The endpoints about which this one wants to hear, at this moment.
    fn names(&self) -> Vec<Arc<str>> {
        Vec::new()
    }

    /// Another process says this about one of [`StoreListener::names`].
    fn hint(&self, _name: &str, _hint: Hint) {}
}

/// A wish for one of several resources.
#[derive(Debug, Clone)]
pub struct Want {
    /// Random, one per request: names the waiter and then the lease.
    pub id: u128,
    /// What would do, best first.
    pub candidates: Vec<Candidate>,
    /// Requests of one class can take each other's place; for a language model, its name. Opaque to the store.
    pub class: Arc<str>,
    /// How long to stay in line; zero asks once.
    pub wait: Duration,
    /// A lease held longer than this is taken away: it catches what a bug never gives back.
    pub max_hold: Duration,
    /// How to choose among the free candidates.
    pub mode: Mode,
}

/// A resource that would do, and how many leases it bears in all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// Name of the resource, e.g. a host. Equal names are one resource.
    pub resource: Arc<str>,
    /// Leases that may be held on it at the same time.
    pub capacity: NonZeroU32,
}

/// How a store chooses among free candidates.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Mode {
    /// The first free one in the order given.
    #[default]
    Order,
    /// The one where the class was served last, then one that has served it, then an unused one, then any.
    Residency {
        /// What it costs to serve a class on a resource that served another one before.
        load: Duration,
    },
}

/// A lease.
#[derive(Debug)]
pub struct Grant {
    /// Which of [`Want::candidates`].
    pub candidate: usize,
    /// Greater than that of every earlier lease of the resource.
    pub fence: u64,
    /// Set when the lease is no longer ours: expired, or taken away.
    pub lost: Signal,
}

/// Why nothing was granted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// Everything is taken, and the wait was zero or the line is full.
    #[error("every candidate is taken")]
    Busy {
        /// When it may be worth another try, if known.
        retry_after: Option<Duration>,
    },
    /// The wait ended without a grant.
    #[error("no candidate became free in time")]
    Timeout,
    /// The store cannot be reached, or does not grant for now.
    #[error("the lease store does not answer")]
    Down {
        /// When it may be worth another try, if known.
        retry_after: Option<Duration>,
    },
    /// The store was shut down.
    #[error("the lease store is closed")]
    Closed,
    /// The wish named no candidate.
    #[error("no candidate was named")]
    NoCandidate,
}
