//! How a balancer is put together.

use std::collections::HashSet;
use std::sync::atomic::{AtomicU32, AtomicU64};
use std::sync::{Arc, Mutex, Weak};

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
use crate::strategy::{AnyStrategy, InvalidWeights, Strategy, check};

/// Puts a balancer together. Made by [`Balancer::builder`].
#[must_use]
pub struct BalancerBuilder<T: Send + Sync, S = AnyStrategy, C = SystemClock> {
    name: Arc<str>,
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

impl<T: Send + Sync> BalancerBuilder<T> {
    pub(crate) fn new() -> Self {
        Self {
            name: "".into(),
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

impl<T: Send + Sync, S: Strategy, C: Clock> BalancerBuilder<T, S, C> {
    /// Chooses by this strategy: a value, such as [`strategy::LeastLoaded`](crate::strategy::LeastLoaded) or one of
    /// your own, or one by its name, [`AnyStrategy::from_name`]. Default
    /// [`strategy::Balanced`](crate::strategy::Balanced).
    pub fn strategy<N: Strategy>(self, strategy: N) -> BalancerBuilder<T, N, C> {
        let Self { name, endpoints, strategy: _, clock, health, queue, budget, fleet, peers, observer, store } = self;
        BalancerBuilder { name, endpoints, strategy, clock, health, queue, budget, fleet, peers, observer, store }
    }

    /// Tells the time by this clock. Default [`SystemClock`].
    pub fn clock<N: Clock>(self, clock: N) -> BalancerBuilder<T, S, N> {
        let Self { name, endpoints, strategy, clock: _, health, queue, budget, fleet, peers, observer, store } = self;
        BalancerBuilder { name, endpoints, strategy, clock, health, queue, budget, fleet, peers, observer, store }
    }

    /// Names the balancer towards those of other processes that share its store: those of one name tell each other
    /// which endpoint is down, by its id, and draw turns together. Empty by default, which is a name as well.
    pub fn name(mut self, name: impl Into<Arc<str>>) -> Self {
        self.name = name.into();
        self
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

    /// Has a store grant the permits of strategies that need them, so that limits hold over several processes. What is
    /// known of the other processes comes from it too: their number (see [`Balancer::set_peers`]), which endpoint they
    /// found down, and the turns of `weighted` and `balanced`. None of that is waited for.
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
            turns: self.store.as_ref().and_then(|store| store.tickets(&self.name)),
            known: Mutex::default(),
            name: self.name,
            peers: AtomicU32::new(self.peers.max(1)),
            tickets: AtomicU64::new(0),
            observer: self.observer,
            store: self.store,
            epoch: AtomicU64::new(0),
            next_sweep: AtomicU64::new(0),
            warm_at: AtomicU64::new(0),
            spread: Spread::default(),
        };
        let shared = Arc::new(shared);
        let balancer = Balancer::assemble(self.strategy, Arc::clone(&shared), self.endpoints);
        if let Some(store) = &shared.store {
            let listener: Weak<Shared<C>> = Arc::downgrade(&shared);
            store.watch(listener);
        }
        Ok(balancer)
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
    let mut ids = HashSet::with_capacity(endpoints.len());
    for endpoint in endpoints {
        if !ids.insert(endpoint.id()) {
            return Err(BuildError::Duplicate { id: endpoint.id().to_owned() });
        }
    }
    Ok(check(endpoints.iter().map(|endpoint| (endpoint.id(), endpoint.config.weight)))?)
}
