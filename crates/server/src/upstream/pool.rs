//! Idle connections to providers, kept for the next request. Each worker has its own.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use foldhash::HashMap;
use llm_router_endpoints::moment;
use tokio::time::Instant;

use super::link::Link;

/// Connections to one destination, the one used last at the end, each with when it was put here.
type Links = Vec<(Instant, Link)>;

/// Idle connections by where they lead.
pub(super) struct Pool {
    idle: Mutex<HashMap<Box<str>, Links>>,
    most: usize,
    longest: Duration,
}

impl Pool {
    /// At most `most` connections a destination, each idle for at most `longest`.
    pub(super) fn new(most: usize, longest: Duration) -> Self {
        Self { idle: Mutex::default(), most, longest }
    }

    /// The connection used last: it is the least likely to have been closed.
    pub(super) fn take(&self, place: &str) -> Option<Link> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let links = idle.get_mut(place)?;
        let (since, link) = links.pop()?;
        if moment::now() - since > self.longest {
            // All others have been idle for even longer.
            links.clear();
            return None;
        }
        Some(link)
    }

    /// Keeps a connection, unless enough are kept.
    pub(super) fn keep(&self, place: &str, link: Link) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let links = match idle.get_mut(place) {
            Some(links) => links,
            None => idle.entry(place.into()).or_default(),
        };
        if links.len() < self.most {
            links.push((moment::now(), link));
        }
    }

    /// Closes all connections to a destination: one of them turned out to be dead.
    pub(super) fn forget(&self, place: &str) {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).remove(place);
    }

    /// Closes what has been idle for too long.
    pub(super) fn sweep(&self) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        for links in idle.values_mut() {
            links.retain(|(since, _)| moment::now() - *since <= self.longest);
        }
        idle.retain(|_, links| !links.is_empty());
    }
}
