//! A strategy chosen by name at run time: a match, no table of functions, on the path of requests.

use std::sync::Arc;

use super::{
    Adaptive, Balanced, Choice, DynamicWeighted, FirstAvailable, FirstAvailableOptim, LeastLoaded, Needs, Registry,
    Ring, Sticky, Strategy, Turns, UnknownStrategy, Weighted,
};
use crate::demand::Demand;
use crate::view::{Member, View};

/// Any of the strategies of this crate, or one from outside.
#[derive(Clone)]
#[non_exhaustive]
pub enum AnyStrategy {
    /// See [`Balanced`].
    Balanced(Balanced),
    /// See [`Weighted`].
    Weighted(Weighted),
    /// See [`DynamicWeighted`].
    DynamicWeighted(DynamicWeighted),
    /// See [`Adaptive`].
    Adaptive(Adaptive),
    /// See [`LeastLoaded`].
    LeastLoaded(LeastLoaded),
    /// See [`FirstAvailable`].
    FirstAvailable(FirstAvailable),
    /// See [`FirstAvailableOptim`].
    FirstAvailableOptim(FirstAvailableOptim),
    /// See [`Sticky`].
    Sticky(Sticky),
    /// A strategy from outside, without a plan.
    Custom(Arc<dyn Strategy<Plan = ()>>),
}

/// The plan of an [`AnyStrategy`].
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum AnyPlan {
    /// Nothing.
    None,
    /// Turns by weight.
    Turns(Turns),
    /// Points on a ring.
    Ring(Ring),
}

impl AnyStrategy {
    /// The strategy of this name, as settings call it: of this crate, or [registered](super::Registration) by another.
    ///
    /// # Errors
    /// There is none; the error lists those there are.
    pub fn from_name(name: &str) -> Result<Self, UnknownStrategy> {
        Registry::linked().get(name)
    }
}

impl Default for AnyStrategy {
    fn default() -> Self {
        Self::Balanced(Balanced)
    }
}

impl std::fmt::Debug for AnyStrategy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Balanced(s) => s.fmt(f),
            Self::Weighted(s) => s.fmt(f),
            Self::DynamicWeighted(s) => s.fmt(f),
            Self::Adaptive(s) => s.fmt(f),
            Self::LeastLoaded(s) => s.fmt(f),
            Self::FirstAvailable(s) => s.fmt(f),
            Self::FirstAvailableOptim(s) => s.fmt(f),
            Self::Sticky(s) => s.fmt(f),
            Self::Custom(_) => f.write_str("Custom"),
        }
    }
}

/// Runs `$call` with the strategy and the view over its own plan. A plan of another strategy cannot meet it: both come
/// from the same value.
macro_rules! with_plan {
    ($any:expr, $view:expr, $or:expr, |$strategy:ident, $own:ident| $call:expr) => {
        match ($any, $view.plan()) {
            (AnyStrategy::Balanced($strategy), AnyPlan::Turns(plan)) => {
                let $own = &$view.over(plan);
                $call
            }
            (AnyStrategy::Weighted($strategy), AnyPlan::Turns(plan)) => {
                let $own = &$view.over(plan);
                $call
            }
            (AnyStrategy::Sticky($strategy), AnyPlan::Ring(plan)) => {
                let $own = &$view.over(plan);
                $call
            }
            (AnyStrategy::DynamicWeighted($strategy), _) => {
                let $own = &$view.over(&());
                $call
            }
            (AnyStrategy::Adaptive($strategy), _) => {
                let $own = &$view.over(&());
                $call
            }
            (AnyStrategy::LeastLoaded($strategy), _) => {
                let $own = &$view.over(&());
                $call
            }
            (AnyStrategy::FirstAvailable($strategy), _) => {
                let $own = &$view.over(&());
                $call
            }
            (AnyStrategy::FirstAvailableOptim($strategy), _) => {
                let $own = &$view.over(&());
                $call
            }
            (AnyStrategy::Custom($strategy), _) => {
                let $own = &$view.over(&());
                $call
            }
            _ => $or,
        }
    };
}

impl Strategy for AnyStrategy {
    type Plan = AnyPlan;

    fn plan(&self, members: &[Member]) -> AnyPlan {
        match self {
            Self::Balanced(strategy) => AnyPlan::Turns(strategy.plan(members)),
            Self::Weighted(strategy) => AnyPlan::Turns(strategy.plan(members)),
            Self::Sticky(strategy) => AnyPlan::Ring(strategy.plan(members)),
            _ => AnyPlan::None,
        }
    }

    fn choose(&self, view: &View<'_, AnyPlan>, demand: &Demand<'_>) -> Choice {
        with_plan!(self, view, Choice::None, |strategy, own| strategy.choose(own, demand))
    }

    fn needs(&self) -> Needs {
        match self {
            Self::Balanced(strategy) => strategy.needs(),
            Self::Weighted(strategy) => strategy.needs(),
            Self::FirstAvailable(strategy) => strategy.needs(),
            Self::FirstAvailableOptim(strategy) => strategy.needs(),
            Self::Sticky(strategy) => strategy.needs(),
            Self::Custom(strategy) => strategy.needs(),
            Self::DynamicWeighted(_) | Self::Adaptive(_) | Self::LeastLoaded(_) => Needs::default(),
        }
    }

    fn score(&self, view: &View<'_, AnyPlan>, index: usize, demand: &Demand<'_>) -> Option<f32> {
        with_plan!(self, view, None, |strategy, own| strategy.score(own, index, demand))
    }
}

impl<'a, P> View<'a, P> {
    /// The same view for a part of the plan.
    const fn over<'b, Q>(&self, plan: &'b Q) -> View<'b, Q>
    where
        'a: 'b,
    {
        View { frame: self.frame, plan }
    }
}
