//! What several balancers share: the permits of their resources and the line of those who wait for them.

mod line;
mod residency;
mod resource;
mod ticket;

pub(crate) use line::{Applicant, Place, Places};
pub(crate) use residency::{Residency, warm_wait};
pub(crate) use resource::Resource;
pub(crate) use ticket::{Event, Granted, Ticket};

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::task::Waker;

use crate::clock::Tick;
use crate::sync::lock;
use line::Line;

/// The resources that several balancers use, e.g. hosts that serve several models, and the line for them.
///
/// Balancers built with clones of one fleet count the requests on a resource together, and hand a place that becomes
/// free to whoever has waited longest, whichever balancer that is.
#[derive(Debug, Clone, Default)]
pub struct Fleet(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    resources: Mutex<HashMap<Arc<str>, Weak<Resource>>>,
    line: Mutex<Line>,
    /// Length of the line, so that nobody locks it while it is empty.
    waiting: AtomicUsize,
    fence: AtomicU64,
    /// How many resources were made.
    made: AtomicU64,
}

impl Fleet {
    /// A fleet without resources; balancers bring theirs.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// How many requests wait, over all balancers.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.0.waiting.load(Ordering::SeqCst)
    }

    /// How many requests are on a resource, over all balancers; `None` if no balancer knows it.
    #[must_use]
    pub fn in_use(&self, resource: &str) -> Option<u32> {
        lock(&self.0.resources).get(resource).and_then(Weak::upgrade).map(|resource| resource.used())
    }

    /// The resource of this name, made when first asked for and forgotten when nobody holds it.
    pub(crate) fn resource(&self, name: &Arc<str>) -> Arc<Resource> {
        let mut resources = lock(&self.0.resources);
        if let Some(resource) = resources.get(name).and_then(Weak::upgrade) {
            return resource;
        }
        resources.retain(|_, resource| resource.strong_count() > 0);
        let number = self.0.made.fetch_add(1, Ordering::Relaxed);
        let resource = Arc::new(Resource::new(Arc::clone(name), number));
        resources.insert(Arc::clone(name), Arc::downgrade(&resource));
        resource
    }

    /// A number greater than every earlier one of this fleet.
    pub(crate) fn next_fence(&self) -> u64 {
        self.0.fence.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Gives a permit back and hands it to whoever is next.
    #[inline]
    pub(crate) fn give_back(&self, resource: &Arc<Resource>, now: Tick) {
        // Sequentially consistent against `join`: either it sees the permit, or we see the newcomer.
        let early = self.0.waiting.load(Ordering::SeqCst) == 0;
        if early {
            resource.put();
        }
        if !early || self.0.waiting.load(Ordering::SeqCst) > 0 {
            self.hand_on(resource, !early, now);
        }
    }

    #[cold]
    fn hand_on(&self, resource: &Arc<Resource>, put: bool, now: Tick) {
        self.with_line(|line, wakers| {
            if put {
                resource.put();
            }
            line.settle(resource, now, wakers);
        });
    }

    /// Has everyone in line look again: what they may take has changed.
    pub(crate) fn nudge(&self) {
        if self.0.waiting.load(Ordering::SeqCst) > 0 {
            self.with_line(Line::nudge);
        }
    }

    /// How many of a class wait.
    pub(crate) fn waiting_of(&self, class: u64) -> u32 {
        if self.0.waiting.load(Ordering::SeqCst) == 0 { 0 } else { lock(&self.0.line).of_class(class) }
    }

    /// Works on the line, then wakes: a waker may run anything, so it is not called under the lock.
    fn with_line<R>(&self, work: impl FnOnce(&mut Line, &mut Vec<Waker>) -> R) -> R {
        let mut wakers = Vec::new();
        let mut line = lock(&self.0.line);
        let result = work(&mut line, &mut wakers);
        self.0.waiting.store(line.len(), Ordering::SeqCst);
        drop(line);
        wakers.into_iter().for_each(Waker::wake);
        result
    }
}
