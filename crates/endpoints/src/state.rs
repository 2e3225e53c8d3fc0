//! One snapshot of everything a request is answered from. A reload makes a new one and swaps it in.

use std::{
    fmt,
    future::{Future as _, poll_fn},
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::{SystemTime, UNIX_EPOCH},
};

use foldhash::{HashMap, HashMapExt as _};
use llm_router_balancer::{
    AcquireError, AnyStrategy, Balancer, BudgetSettings, Demand, Endpoint as Member, EndpointConfig, Fleet,
    QueueSettings, Registry, Tried, check_endpoints,
};
use llm_router_core::{
    api_type,
    catalogue::{Catalogue, Model, Provider, StickyKey},
    prompts::Prompts,
    settings::{Queue, Retry, Settings},
};

use crate::{
    endpoint::{self, Endpoint},
    error::Error,
    memory::Memory,
    moment::PollClock,
    route::{DuplicateRoute, Match, Table},
    shared_leases::SharedLeases,
    target::Target,
};

/// The right to have one request on a provider.
pub type Lease = llm_router_balancer::Lease<Target, PollClock>;

/// A model and the balancer over its providers.
pub struct Pool {
    /// The model.
    pub model: Arc<Model>,
    /// Chooses among its providers. A reload hands it on, with all it has learned.
    pub balancer: Arc<Balancer<Target, AnyStrategy, PollClock>>,
    strategy: String,
    queue: Queue,
    retry: Retry,
    members: Vec<Arc<Member<Target>>>,
    carried: bool,
    /// Requests that stand in line for a provider.
    queued: Arc<AtomicU32>,
    /// Whether leases keep why they were given.
    explain: bool,
    /// What the strategy keeps together, if it does.
    sticky_key: Option<StickyKey>,
    /// Whether a second provider is asked when the first is slow.
    hedges: bool,
    /// Where its answers are held.
    pub(crate) memory: Memory,
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = &*self.model.name;
        f.debug_struct("Pool").field("model", &name).field("strategy", &self.strategy).finish_non_exhaustive()
    }
}

/// A place in line, given up when dropped.
struct InLine<'a>(&'a AtomicU32);

impl<'a> InLine<'a> {
    fn enter(line: &'a AtomicU32) -> Self {
        line.fetch_add(1, Ordering::Relaxed);
        Self(line)
    }
}

impl Drop for InLine<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Pool {
    /// A pool over the model's providers; `old` is the model's pool of the snapshot before.
    fn new(
        model: &Arc<Model>,
        settings: &Settings,
        (fleet, memory): (&Fleet, &Memory),
        leases: Option<&SharedLeases>,
        old: Option<&Self>,
    ) -> Result<Self, StateError> {
        let members: Vec<_> = model.providers.iter().map(|provider| endpoint_of(model, provider, settings)).collect();
        let strategy = model.options.strategy.as_deref().unwrap_or(&settings.models.strategy);
        let fault = |source: Box<dyn std::error::Error + Send + Sync>| {
            let model = Arc::clone(&model.name);
            StateError::Balancer { model, source }
        };
        let (queue, retry) = (settings.queue, settings.retry);
        let same = |old: &&Self| old.strategy == strategy && old.queue == queue && old.retry == retry;
        let old = old.filter(same);
        let balancer = match old {
            Some(old) => {
                check_endpoints(&members).map_err(|e| fault(e.into()))?;
                Arc::clone(&old.balancer)
            }
            None => {
                let strategy = AnyStrategy::from_name(strategy).map_err(|e| fault(e.into()))?;
                let mut builder = Balancer::builder()
                    .name(Arc::clone(&model.name))
                    .strategy(strategy)
                    .clock(PollClock)
                    .endpoints(members.iter().cloned())
                    .fleet(fleet)
                    .queue(QueueSettings { max_waiting: queue.size, max_wait: queue.timeout })
                    .budget(budget(retry));
                if let Some(leases) = leases {
                    builder = builder.store(leases.store());
                }
                Arc::new(builder.build().map_err(|e| fault(e.into()))?)
            }
        };
        let explain = settings.metrics.requests_kept > 0;
        let queued = old.map(|old| Arc::clone(&old.queued)).unwrap_or_default();
        let needs = balancer.needs();
        Ok(Self {
            strategy: strategy.to_owned(),
            queue,
            retry,
            carried: old.is_some(),
            queued,
            explain,
            sticky_key: needs.affinity.then(|| model.options.sticky_key.unwrap_or(settings.models.sticky_key)),
            hedges: members.len() > 1 && model.options.hedge.unwrap_or(retry.hedge),
            model: Arc::clone(model),
            balancer,
            members,
            memory: memory.clone(),
        })
    }

    /// Takes a lease, waiting in line if need be.
    ///
    /// # Errors
    /// [`AcquireError`] when there is none in time.
    pub async fn acquire(&self, demand: &Demand<'_>) -> Result<Lease, AcquireError> {
        let mut acquiring = pin!(self.balancer.acquire(demand));
        let mut in_line = None;
        poll_fn(|cx| {
            let polled = acquiring.as_mut().poll(cx);
            if polled.is_pending() {
                in_line.get_or_insert_with(|| InLine::enter(&self.queued));
            }
            polled
        })
        .await
    }

    /// Whether what is chosen is to be explained.
    pub(crate) fn explains(&self) -> bool {
        self.explain
    }

    /// Requests that stand in line now.
    #[must_use]
    pub fn queued(&self) -> u32 {
        self.queued.load(Ordering::Relaxed)
    }

    /// What its strategy keeps together, if it does.
    pub(crate) fn sticky_key(&self) -> Option<StickyKey> {
        self.sticky_key
    }

    /// Whether a second provider is asked when the first is slow.
    pub(crate) fn hedges(&self) -> bool {
        self.hedges
    }

    /// Whether a request may be sent again after so many providers; if so it is counted.
    pub(crate) fn may_retry(&self, tried: Tried) -> bool {
        tried.len() >= self.members.len() || self.balancer.may_retry()
    }

    /// Its providers, made ready for sending.
    #[must_use]
    pub fn targets(&self) -> &[Arc<Member<Target>>] {
        &self.members
    }
}

fn budget(retry: Retry) -> BudgetSettings {
    BudgetSettings {
        retry_share: f32::from(retry.budget) / 100.0,
        retry_reserve: f32::from(retry.reserve),
        hedge_share: f32::from(retry.hedge_budget) / 100.0,
        ..BudgetSettings::default()
    }
}

fn endpoint_of(model: &Model, provider: &Arc<Provider>, settings: &Settings) -> Arc<Member<Target>> {
    let target = Target::new(model, provider, settings.upstream.timeouts);
    let mut config = EndpointConfig::new(Arc::clone(&provider.id));
    config.resource = Arc::clone(target.place());
    config.weight = provider.weight;
    config.max_concurrency = provider.max_concurrency;
    config.tier = provider.tier;
    config.tags.clone_from(&provider.tags);
    Arc::new(config.with(target))
}

/// Settings, models, balancers and routes.
pub struct State {
    /// The settings.
    pub settings: Arc<Settings>,
    /// The models.
    pub catalogue: Catalogue,
    /// The prompts.
    pub prompts: Prompts,
    /// When this snapshot was made, in seconds since 1970: `created` in model lists.
    pub loaded_at: u64,
    /// Names what it was made from: routers with the same configuration have the same version.
    pub version: String,
    /// Leases shared with other routers, if they are.
    pub leases: Option<Arc<SharedLeases>>,
    /// Memory for bodies.
    pub memory: Memory,
    fleet: Fleet,
    pools: HashMap<Arc<str>, Pool>,
    endpoints: Vec<&'static dyn Endpoint>,
    routes: Table,
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let models: Vec<_> = self.catalogue.models().iter().map(|model| &*model.name).collect();
        f.debug_struct("State").field("version", &self.version).field("models", &models).finish_non_exhaustive()
    }
}

/// Why a snapshot cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// Two endpoints claim one route.
    #[error(transparent)]
    Route(#[from] DuplicateRoute),
    /// Two crates register something under one name.
    #[error("there are two {kind} of the name `{name}`: one of them needs another")]
    Name {
        /// What it is, in the plural.
        kind: &'static str,
        /// The name.
        name: &'static str,
    },
    /// A balancer refuses its configuration.
    #[error("model {model}: {source}")]
    Balancer {
        /// Which model.
        model: Arc<str>,
        /// Why.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl State {
    /// Builds a first snapshot; the balancers start afresh.
    ///
    /// # Errors
    /// [`StateError`] when routes collide or a balancer refuses its configuration.
    pub fn new(settings: Arc<Settings>, catalogue: Catalogue, prompts: Prompts) -> Result<Self, StateError> {
        Self::after(None, None, settings, catalogue, prompts)
    }

    /// Builds the snapshot that follows another. It has that one's balancers where model and strategy are the same,
    /// still with the endpoints of before: [`State::take_over`] gives them theirs. `leases` are for the other
    /// balancers.
    ///
    /// # Errors
    /// [`StateError`]; then nothing has changed.
    pub fn after(
        previous: Option<&Self>,
        leases: Option<Arc<SharedLeases>>,
        settings: Arc<Settings>,
        catalogue: Catalogue,
        prompts: Prompts,
    ) -> Result<Self, StateError> {
        let endpoints = endpoint::all();
        alone("strategies", strategies())?;
        alone("provider types", api_type::names())?;
        let routes = endpoints
            .iter()
            .enumerate()
            .flat_map(|(index, endpoint)| endpoint.routes().into_iter().map(move |r| (index, endpoint.name(), r)))
            .collect();
        let routes = Table::new(&settings.server.prefix, routes)?;
        let fleet = previous.map_or_else(Fleet::new, |previous| previous.fleet.clone());
        let memory = Memory::after(previous.map(|previous| &previous.memory), &settings);
        let mut pools = HashMap::new();
        for model in catalogue.models() {
            let old = previous.and_then(|previous| previous.pools.get(&model.name));
            pools.insert(
                Arc::clone(&model.name),
                Pool::new(model, &settings, (&fleet, &memory), leases.as_deref(), old)?,
            );
        }
        let loaded_at = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        let version = String::new();
        Ok(Self { settings, catalogue, prompts, loaded_at, version, leases, memory, fleet, pools, endpoints, routes })
    }

    /// Gives the balancers handed on from the snapshot before the endpoints of this one. What they have learned of an
    /// endpoint is kept if its id and place stay; leases outlive it.
    pub fn take_over(&self) {
        for pool in self.pools.values().filter(|pool| pool.carried) {
            pool.balancer.set_endpoints(pool.members.clone());
        }
    }

    /// When this snapshot was made, as RFC 3339 has it.
    #[must_use]
    pub fn loaded_at_text(&self) -> String {
        jiff::Timestamp::from_second(i64::try_from(self.loaded_at).unwrap_or_default())
            .unwrap_or(jiff::Timestamp::UNIX_EPOCH)
            .to_string()
    }

    /// Finds where a request leads.
    #[must_use]
    pub fn route<'p>(&self, method: &http::Method, path: &'p str) -> Match<'_, 'p> {
        self.routes.find(method, path)
    }

    /// The endpoint of a placed route.
    #[must_use]
    pub fn endpoint(&self, placed: &crate::route::Placed) -> &'static dyn Endpoint {
        self.endpoints[placed.endpoint]
    }

    /// Every route, sorted by path.
    #[must_use]
    pub fn routes(&self) -> &Table {
        &self.routes
    }

    /// The pool of a model. As with Ollama, `name:latest` is `name`, unless there is a model of just that name.
    ///
    /// # Errors
    /// [`Error::UnknownModel`] with the nearest name there is.
    pub fn pool(&self, model: &str) -> Result<&Pool, Error> {
        let plain = || model.strip_suffix(":latest").and_then(|name| self.pools.get(name));
        let unknown = || Error::UnknownModel { model: shown(model), near: self.near(model) };
        self.pools.get(model).or_else(plain).ok_or_else(unknown)
    }

    /// Every pool, in the order of the configuration.
    pub fn pools(&self) -> impl Iterator<Item = &Pool> {
        self.catalogue.models().iter().filter_map(|model| self.pools.get(&model.name))
    }

    fn near(&self, name: &str) -> Option<Arc<str>> {
        let names = self.catalogue.models().iter().map(|model| &*model.name);
        let near = llm_router_core::problem::similar(name, names)?.to_owned();
        self.catalogue.get(&near).map(|model| model.name.clone())
    }
}

/// Refuses a name that two have.
fn alone(kind: &'static str, mut names: Vec<&'static str>) -> Result<(), StateError> {
    names.sort_unstable_by_key(|name| name.to_ascii_lowercase());
    let twice = names.windows(2).find(|pair| pair[0].eq_ignore_ascii_case(pair[1]));
    twice.map_or(Ok(()), |pair| Err(StateError::Name { kind, name: pair[0] }))
}

/// A name from a client, shortened for an error text.
fn shown(name: &str) -> String {
    const LONGEST: usize = 100;
    match name.char_indices().nth(LONGEST) {
        Some((at, _)) => format!("{}…", &name[..at]),
        None => name.to_owned(),
    }
}

/// The names of the strategies that settings and models may choose.
#[must_use]
pub fn strategies() -> Vec<&'static str> {
    Registry::linked().iter().map(|strategy| strategy.name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_two_have_is_refused() {
        assert!(alone("strategies", strategies()).is_ok() && alone("provider types", api_type::names()).is_ok());
        let error = alone("provider types", vec!["acme", "vllm", "Acme"]).unwrap_err();
        assert!(error.to_string().starts_with("there are two provider types of the name `"), "{error}");
    }
}
