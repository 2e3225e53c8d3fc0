//! Strategies choose. Each is a pure function over a [`View`]; none knows health, limits or stores.
//!
//! To add one: a file here, a line in `BUILT_IN`, and a variant of [`AnyStrategy`] if it has a plan. From outside:
//! implement [`Strategy`] and give it to [`BalancerBuilder::strategy`](crate::BalancerBuilder::strategy), or put it in
//! a [`Registry`] to choose it by name.

mod adaptive;
mod any;
mod balanced;
mod dynamic_weighted;
mod first_available;
mod first_available_optim;
mod least_loaded;
mod registry;
mod sticky;
mod turns;
mod weighted;

pub use adaptive::Adaptive;
pub use any::{AnyPlan, AnyStrategy};
pub use balanced::Balanced;
pub use dynamic_weighted::DynamicWeighted;
pub use first_available::FirstAvailable;
pub use first_available_optim::FirstAvailableOptim;
pub use least_loaded::LeastLoaded;
pub use registry::{Registry, StrategyInfo, UnknownStrategy};
pub use sticky::{Ring, Sticky};
pub(crate) use turns::check;
pub use turns::{InvalidWeights, Turns};
pub use weighted::Weighted;

use crate::clock::Tick;
use crate::demand::Demand;
use crate::mask::Mask;
use crate::view::{Member, View};

/// What a strategy says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Choice {
    /// The endpoint of this index, which is eligible.
    Use(usize),
    /// Something may be free, but waiting is better. Look again at this moment, or when a permit comes back.
    Wait(Tick),
    /// None of them.
    None,
}

/// What a strategy wants of the balancer around it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Needs {
    /// Every endpoint has a limit, so that requests wait here and not there: `max_concurrency`, else `slots`, else 1.
    pub permits: bool,
    /// The balancer keeps account of which resource is ready for which class.
    pub residency: bool,
    /// It looks at [`Demand::affinity`]: whoever makes demands need not find one out for the others.
    pub affinity: bool,
}

/// Chooses an endpoint.
pub trait Strategy: Send + Sync + 'static {
    /// What is derived from the list of endpoints, off the path of requests.
    type Plan: Send + Sync + 'static;

    /// Derives the plan. Called when the endpoints change.
    fn plan(&self, members: &[Member]) -> Self::Plan;

    /// Chooses among the eligible endpoints of the view: no I/O, no clock, no lock, no allocation.
    fn choose(&self, view: &View<'_, Self::Plan>, demand: &Demand<'_>) -> Choice;

    /// What this strategy wants of the balancer.
    fn needs(&self) -> Needs {
        Needs::default()
    }

    /// The number by which endpoints are compared, if there is one, for explanations. Lower is better.
    fn score(&self, _view: &View<'_, Self::Plan>, _index: usize, _demand: &Demand<'_>) -> Option<f32> {
        None
    }
}

/// One pick in this many may go to an endpoint about which nothing was learned for long.
const EXPLORE_EVERY: u64 = 100;

/// Seconds after which what was learned is old.
const OLD: f32 = 100.0;

/// At every hundredth pick, an eligible endpoint that taught nothing for long and has nothing in flight that could.
pub(crate) fn forgotten<P>(view: &View<'_, P>) -> Option<usize> {
    if view.ticket() % EXPLORE_EVERY != EXPLORE_EVERY - 1 {
        return None;
    }
    let age = |index: usize| view.now().seconds_since(view.taught(index).unwrap_or(Tick::ZERO));
    view.eligible().iter().find(|index| view.in_flight(*index) == 0.0 && age(*index) > OLD)
}

/// The eligible endpoint with the lowest score. Endpoints with equal scores take turns, so that none is shadowed.
pub(crate) fn least<P>(view: &View<'_, P>, score: impl Fn(usize) -> f32) -> Choice {
    let mut low = f32::INFINITY;
    let mut tied = Mask::EMPTY;
    let mut last = None;
    for index in view.eligible().iter() {
        let score = score(index);
        if score < low {
            low = score;
            tied = Mask::EMPTY;
        }
        // Neither a score without end nor one that is no number keeps everyone from serving.
        if score <= low {
            tied.insert(index);
        }
        last = Some(index);
    }
    match tied.len() {
        0 => last.map_or(Choice::None, Choice::Use),
        1 => tied.iter().next().map_or(Choice::None, Choice::Use),
        ties => tied.nth((view.ticket() % ties as u64) as usize).map_or(Choice::None, Choice::Use),
    }
}
