//! Strategies by name.

use std::sync::Arc;

use super::{
    Adaptive, AnyStrategy, Balanced, Choice, DynamicWeighted, FirstAvailable, FirstAvailableOptim, LeastLoaded, Needs,
    Sticky, Strategy, Weighted,
};
use crate::demand::Demand;
use crate::view::{Member, View};

/// A strategy that can be chosen by name.
#[derive(Debug, Clone)]
pub struct StrategyInfo {
    /// As settings call it.
    pub name: &'static str,
    /// What it does, in one sentence.
    pub summary: &'static str,
    /// The strategy.
    pub strategy: AnyStrategy,
}

/// Every strategy of this crate: one line each.
static BUILT_IN: [StrategyInfo; 8] = [
    info("balanced", "everyone in turn", AnyStrategy::Balanced(Balanced)),
    info("weighted", "turns in proportion to the weights, as even as can be", AnyStrategy::Weighted(Weighted)),
    info(
        "dynamic_weighted",
        "least latency times load, by weight; a failure counts as a slow answer",
        AnyStrategy::DynamicWeighted(DynamicWeighted),
    ),
    info("adaptive", "least expected time to the first token, as learned", AnyStrategy::Adaptive(Adaptive)),
    info("least_loaded", "fewest requests in flight, by weight", AnyStrategy::LeastLoaded(LeastLoaded)),
    info(
        "first_available",
        "one request at a time for each endpoint, the rest in line",
        AnyStrategy::FirstAvailable(FirstAvailable),
    ),
    info(
        "first_available_optim",
        "first_available that prefers endpoints which have the model loaded",
        AnyStrategy::FirstAvailableOptim(FirstAvailableOptim),
    ),
    info(
        "sticky",
        "the same key to the same endpoint, within 1.25 times its share",
        AnyStrategy::Sticky(Sticky { bound: 1.25 }),
    ),
];

const fn info(name: &'static str, summary: &'static str, strategy: AnyStrategy) -> StrategyInfo {
    StrategyInfo { name, summary, strategy }
}

/// A strategy from outside, known to the whole process: settings choose it by name, as if it were of this crate.
///
/// ```
/// use llm_router_balancer::{AnyStrategy, Choice, Demand, Member, Strategy, View, strategy::Registration};
///
/// /// The first one of the list that can serve.
/// struct InOrder;
///
/// impl Strategy for InOrder {
///     type Plan = ();
///
///     fn plan(&self, _: &[Member]) {}
///
///     fn choose(&self, view: &View<'_, ()>, _: &Demand<'_>) -> Choice {
///         view.eligible().iter().next().map_or(Choice::None, Choice::Use)
///     }
/// }
///
/// inventory::submit! { Registration::new("in_order", "the first of the list that can serve", &InOrder) }
///
/// assert!(AnyStrategy::from_name("in_order").is_ok());
/// ```
pub struct Registration {
    name: &'static str,
    summary: &'static str,
    strategy: &'static dyn Strategy<Plan = ()>,
}

impl Registration {
    /// A strategy, its name in snake case, and what it does in one sentence.
    #[must_use]
    pub const fn new(name: &'static str, summary: &'static str, strategy: &'static dyn Strategy<Plan = ()>) -> Self {
        Self { name, summary, strategy }
    }
}

inventory::collect!(Registration);

/// A strategy that lives as long as the process.
struct Linked(&'static dyn Strategy<Plan = ()>);

impl Strategy for Linked {
    type Plan = ();

    fn plan(&self, _: &[Member]) {}

    fn choose(&self, view: &View<'_, ()>, demand: &Demand<'_>) -> Choice {
        self.0.choose(view, demand)
    }

    fn needs(&self) -> Needs {
        self.0.needs()
    }

    fn score(&self, view: &View<'_, ()>, index: usize, demand: &Demand<'_>) -> Option<f32> {
        self.0.score(view, index, demand)
    }
}

/// The strategies that can be chosen by name: those of this crate, and others that were added.
#[derive(Debug, Clone)]
pub struct Registry(Vec<StrategyInfo>);

/// No strategy has this name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no strategy `{name}`; there are: {}", known.join(", "))]
pub struct UnknownStrategy {
    /// The name that was asked for.
    pub name: String,
    /// The names there are.
    pub known: Vec<&'static str>,
}

impl Registry {
    /// The strategies of this crate.
    #[must_use]
    pub fn built_in() -> Self {
        Self(BUILT_IN.to_vec())
    }

    /// The strategies of this crate and every [`Registration`] linked into the program, these sorted by name. A name
    /// that is claimed twice stands here twice, and means the first; a router refuses to start with it.
    #[must_use]
    pub fn linked() -> Self {
        let mut all = Self::built_in();
        let mut others: Vec<&Registration> = inventory::iter::<Registration>().collect();
        others.sort_by_key(|other| other.name);
        let custom = |other: &&Registration| AnyStrategy::Custom(Arc::new(Linked(other.strategy)));
        all.0.extend(others.iter().map(|other| info(other.name, other.summary, custom(other))));
        all
    }

    /// Adds a strategy from outside. One of the same name is replaced.
    #[must_use]
    pub fn with(mut self, name: &'static str, summary: &'static str, strategy: impl Strategy<Plan = ()>) -> Self {
        self.0.retain(|info| info.name != name);
        self.0.push(info(name, summary, AnyStrategy::Custom(Arc::new(strategy))));
        self
    }

    /// All of them, in the order of this crate, then of addition.
    pub fn iter(&self) -> impl Iterator<Item = &StrategyInfo> {
        self.0.iter()
    }

    /// The strategy of this name.
    ///
    /// # Errors
    /// There is none.
    pub fn get(&self, name: &str) -> Result<AnyStrategy, UnknownStrategy> {
        let found = self.0.iter().find(|info| info.name == name);
        found.map(|info| info.strategy.clone()).ok_or_else(|| UnknownStrategy {
            name: name.to_owned(),
            known: self.0.iter().map(|info| info.name).collect(),
        })
    }
}
