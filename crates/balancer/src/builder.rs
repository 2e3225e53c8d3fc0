//! How a balancer is put together.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64};

use crate::balancer::Balancer;
use crate::budget::{Budget, BudgetSettings};
use crate::clock::{Clock, SystemClock};
use crate::endpoint::Endpoint;
use crate::fleet::Fleet;
use crate::health::HealthSettings;
use crate::hedge::Spread;
use crate::mask::Mask;
use crate::observe::Observer;
use crate::pool::{QueueSettings, Shared};
use crate::store::LeaseStore;
use crate::stored::Roster;
use crate::strategy::{AnyStrategy, InvalidWeights, Strategy, check};

/// Puts a balancer together. Made by [`Balancer::builder`].
#[must_use]
pub struct BalancerBuilder<T, S = AnyStrategy, C = SystemClock> {
    endpoints: Vec<Arc<Endpoint<T>>>,
    strategy: S,
    clock: C,
    health: HealthSettings,
    queue: QueueSettings,
    budget: BudgetSettings,
    fleet: Fleet,
    peers: u32,
    observer: Option<Arc<dyn Observer>>,
    store: Option<Arc<dyn LeaseStore>>,
}

/// Why a balancer cannot be built.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// Two endpoints have the same id.
    #[error("two endpoints have the id `{id}`")]
    Duplicate {
        /// The id.
        id: String,
    },
    /// More endpoints than a balancer holds.
    #[error("{count} endpoints are more than {most}")]
    TooMany {
        /// How many there are.
        count: usize,
        /// How many there may be.
        most: usize,
    },
    /// Weights from which nothing can be chosen.
    #[error(transparent)]
    Weights(#[from] InvalidWeights),
}

impl<T> BalancerBuilder<T> {
    pub(crate) fn new() -> Self {
        Self {
            endpoints: Vec::new(),
            strategy: AnyStrategy::default(),
            clock: SystemClock,
            health: HealthSettings::default(),
            queue: QueueSettings::default(),
            budget: BudgetSettings::default(),
            fleet: Fleet::new(),
            peers: 1,
            observer: None,
            store: None,
        }
    }
}

impl<T, S: Strategy, C: Clock> BalancerBuilder<T, S, C> {
    /// Chooses by this strategy. Default [`AnyStrategy::Balanced`]; by name: [`AnyStrategy::from_name`].
    pub fn strategy<N: Strategy>(self, strategy: N) -> BalancerBuilder<T, N, C> {
        let Self { endpoints, strategy: _, clock, health, queue, budget, fleet, peers, observer, store } = self;
        BalancerBuilder { endpoints, strategy, clock, health, queue, budget, fleet, peers, observer, store }
    }

    /// Tells the time by this clock. Default [`SystemClock`].
    pub fn clock<N: Clock>(self, clock: N) -> BalancerBuilder<T, S, N> {
        let Self { endpoints, strategy, clock: _, health, queue, budget, fleet, peers, observer, store } = self;
        BalancerBuilder { endpoints, strategy, clock, health, queue, budget, fleet, peers, observer, store }
    }

    /// Adds an endpoint.
    pub fn endpoint(mut self, endpoint: Endpoint<T>) -> Self {
        self.endpoints.push(Arc::new(endpoint));
        self
    }

    /// Adds endpoints.
    pub fn endpoints(mut self, endpoints: impl IntoIterator<Item = Arc<Endpoint<T>>>) -> Self {
        self.endpoints.extend(endpoints);
        self
    }

    /// When endpoints are left alone.
    pub fn health(mut self, settings: HealthSettings) -> Self {
        self.health = settings;
        self
    }

    /// How many may wait, and for how long.
    pub const fn queue(mut self, settings: QueueSettings) -> Self {
        self.queue = settings;
        self
    }

    /// How many retries and hedges there may be.
    pub const fn budget(mut self, settings: BudgetSettings) -> Self {
        self.budget = settings;
        self
    }

    /// Shares the permits of resources, and the line, with other balancers.
    pub fn fleet(mut self, fleet: &Fleet) -> Self {
        self.fleet = fleet.clone();
        self
    }

    /// How many replicas send to the same endpoints. See [`Balancer::set_peers`].
    pub const fn peers(mut self, count: u32) -> Self {
        self.peers = count;
        self
    }

    /// Tells this observer what happens.
    pub fn observer(mut self, observer: Arc<dyn Observer>) -> Self {
        self.observer = Some(observer);
        self
    }

    /// Has a store grant the permits of strategies that need them, so that limits hold over several processes.
    pub fn store(mut self, store: Arc<dyn LeaseStore>) -> Self {
        self.store = Some(store);
        self
    }

    /// The balancer.
    ///
    /// # Errors
    /// [`BuildError`]: the endpoints cannot be told apart, are too many, or have weights that make no sense.
    pub fn build(self) -> Result<Balancer<T, S, C>, BuildError> {
        check_endpoints(&self.endpoints)?;
        let shared = Shared {
            needs: self.strategy.needs(),
            clock: self.clock,
            health: self.health,
            queue: self.queue,
            budget: Budget::new(self.budget),
            fleet: self.fleet,
            peers: Arc::new(AtomicU32::new(self.peers.max(1))),
            tickets: AtomicU64::new(0),
            observer: self.observer,
            store: self.store,
            epoch: AtomicU64::new(0),
            next_sweep: AtomicU64::new(0),
            warm_at: AtomicU64::new(0),
            spread: Spread::default(),
        };
        if let Some(store) = &shared.store {
            store.watch(Arc::new(Roster(Arc::clone(&shared.peers))));
        }
        Ok(Balancer::assemble(self.strategy, Arc::new(shared), self.endpoints))
    }
}

/// Whether a balancer can hold these endpoints: unique ids, not too many, weights of which at least one is above zero.
///
/// # Errors
/// The first thing that is wrong.
pub fn check_endpoints<T>(endpoints: &[Arc<Endpoint<T>>]) -> Result<(), BuildError> {
    if endpoints.len() > Mask::CAPACITY {
        return Err(BuildError::TooMany { count: endpoints.len(), most: Mask::CAPACITY });
    }
    for (at, endpoint) in endpoints.iter().enumerate() {
        if endpoints[..at].iter().any(|earlier| earlier.id() == endpoint.id()) {
            return Err(BuildError::Duplicate { id: endpoint.id().to_owned() });
        }
    }
    Ok(check(endpoints.iter().map(|endpoint| (endpoint.id(), endpoint.config.weight)))?)
}
