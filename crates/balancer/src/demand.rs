//! What a request asks of a balancer.

use std::time::Duration;

use crate::clock::Tick;
use crate::endpoint::{EndpointKey, Tag};
use crate::hash;

/// A request, as far as a balancer is concerned. Everything has a default.
#[derive(Debug, Clone)]
pub struct Demand<'a> {
    /// What kind of request it is, e.g. which model it is for: requests of one class can be served by a resource that
    /// is ready for the class. Decides nothing but residency.
    pub class: &'a str,
    /// Estimated size of the request, e.g. tokens of the prompt. The unit is the caller's; zero is unknown.
    pub size: u32,
    /// Requests with the same key prefer the same endpoint under `sticky`.
    pub affinity: Option<u64>,
    /// Who asks. Waiting requests of different keys take turns.
    pub key: u64,
    /// How many turns the key gets against others, above zero. Default 1.
    pub key_weight: f32,
    /// Until when `acquire` may wait. `None`: as long as the settings of the queue allow.
    pub deadline: Option<Tick>,
    /// Endpoints that already failed this request: never chosen.
    pub tried: Tried,
    /// Every tag that the endpoint must have: `&[Tag::of("eu")]`. See
    /// [`EndpointConfig::tags`](crate::EndpointConfig::tags).
    pub tags: &'a [Tag],
    /// A lease of a [store](crate::LeaseStore) is taken away after this time. Default one hour.
    pub max_hold: Duration,
    /// A random number for this request, unique across processes: names its lease in a shared store. Zero lets the
    /// balancer choose one.
    pub id: u128,
    /// Whether to keep, with the lease, why its endpoint was chosen. Costs an allocation.
    pub explain: bool,
}

impl Default for Demand<'_> {
    fn default() -> Self {
        Self {
            class: "",
            size: 0,
            affinity: None,
            key: 0,
            key_weight: 1.0,
            deadline: None,
            tried: Tried::default(),
            tags: &[],
            max_hold: Duration::from_secs(3600),
            id: 0,
            explain: false,
        }
    }
}

impl Demand<'_> {
    /// An affinity or fairness key made of a text.
    #[must_use]
    pub const fn key_of(text: &str) -> u64 {
        hash::name(text)
    }
}

/// The endpoints already tried by a request: up to [`Tried::CAPACITY`], then the oldest are forgotten.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tried {
    keys: [u64; Self::CAPACITY],
    count: usize,
}

impl Tried {
    /// How many endpoints are remembered.
    pub const CAPACITY: usize = 16;

    /// Remembers an endpoint.
    pub fn insert(&mut self, endpoint: EndpointKey) {
        if !self.contains(endpoint) {
            self.keys[self.count % Self::CAPACITY] = endpoint.0;
            self.count += 1;
        }
    }

    /// Whether the endpoint is remembered.
    #[must_use]
    pub fn contains(&self, endpoint: EndpointKey) -> bool {
        self.keys().contains(&endpoint.0)
    }

    /// Those that are remembered.
    pub(crate) fn keys(&self) -> &[u64] {
        &self.keys[..self.count.min(Self::CAPACITY)]
    }

    /// How many endpoints were tried.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.count
    }

    /// Whether nothing was tried yet.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Forgets everything.
    pub const fn clear(&mut self) {
        self.count = 0;
    }
}
