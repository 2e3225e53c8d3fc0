//! Strategies choose. Each is a pure function over a [`View`]; none knows health, limits or stores.
//!
//! To add one: a file here, a line in `BUILT_IN`, and a variant of [`AnyStrategy`] if it has a plan. From outside:
//! implement [`Strategy`] and give it to [`BalancerBuilder::strategy`](crate::BalancerBuilder::strategy), put it in a
//! [`Registry`] to choose it by name, or submit a [`Registration`] so that the settings of a router can name it.

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
pub use registry::{Registration, Registry, StrategyInfo, UnknownStrategy};
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
    /// It takes turns and asks nothing of places: endpoints that are full may stand among the eligible, and it is asked
    /// again when it chose one. Then a choice costs the same however many have limits.
    pub optimistic: bool,
}

/// Chooses an endpoint.
///
/// ```
/// use llm_router_balancer::{Balancer, Choice, Demand, EndpointConfig, Member, PickError, Strategy, View};
///
/// /// The fastest one that has not more to do than its weight says.
/// struct Nearest;
///
/// impl Strategy for Nearest {
///     type Plan = Vec<f64>; // made of the endpoints when they change; () where nothing is to be kept
///
///     fn plan(&self, members: &[Member]) -> Vec<f64> {
///         members.iter().map(|member| member.weight).collect()
///     }
///
///     fn choose(&self, view: &View<'_, Vec<f64>>, _: &Demand<'_>) -> Choice {
///         let free = |index: &usize| f64::from(view.in_flight(*index)) < view.plan()[*index];
///         let near = view.eligible().iter().filter(free).min_by(|a, b| view.latency(*a).total_cmp(&view.latency(*b)));
///         near.map_or(Choice::None, Choice::Use) // None: whoever picks is told that all are busy or waits in line
///     }
/// }
///
/// let near = |id: &str, weight| {
///     let mut config = EndpointConfig::new(id);
///     config.weight = weight;
///     config.with(())
/// };
/// let pool = Balancer::builder().strategy(Nearest).endpoint(near("a", 1.0)).endpoint(near("b", 2.0)).build()?;
/// let held: Vec<_> = (0..3).map(|_| pool.pick(&Demand::default())).collect::<Result<_, _>>()?;
/// assert!(matches!(pool.pick(&Demand::default()), Err(PickError::Busy { .. })));
/// # drop(held);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// Given to a balancer as it is, a strategy costs a direct call. To choose it by name, beside those of this crate,
/// submit a [`Registration`] or put it in a [`Registry`]; then its plan is `()`.
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

/// The eligible endpoint with the lowest score, which is not negative. Endpoints with equal scores take turns, so that
/// none is shadowed.
pub(crate) fn least<P>(view: &View<'_, P>, score: impl Fn(usize) -> f32) -> Choice {
    match view.len() {
        ..=8 => lowest::<8, 1, P>(view, score),
        9..=64 => lowest::<16, 1, P>(view, score),
        _ => lowest::<16, { Mask::WORDS }, P>(view, score),
    }
}

/// More than every score, infinity included: what is no number comes last, and keeps nobody from serving.
const NO_NUMBER: i32 = i32::MAX;

/// Finds it among at most `WORDS` times 64. They are compared `BLOCK` (at most 16) at a time, as whole numbers: numbers
/// that are not negative are in the order of their bits, and machines compare whole ones several at once.
fn lowest<const BLOCK: usize, const WORDS: usize, P>(view: &View<'_, P>, score: impl Fn(usize) -> f32) -> Choice {
    let eligible = view.eligible();
    let mut low = NO_NUMBER;
    // Those with the lowest score; words before the first are of no account.
    let (mut tied, mut first) = ([0; WORDS], 0);
    for base in (0..view.len()).step_by(BLOCK) {
        let present = (eligible.word(base / 64) >> (base % 64)) as u16 & (u16::MAX >> (16 - BLOCK));
        let mut scores = [NO_NUMBER; BLOCK];
        if present.count_ones() as usize == BLOCK {
            scores.iter_mut().enumerate().for_each(|(at, slot)| *slot = ordered(score(base + at)));
        } else {
            let mut left = present;
            while left != 0 {
                let at = left.trailing_zeros() as usize;
                scores[at] = ordered(score(base + at));
                left &= left - 1;
            }
        }
        let lowest = scores.iter().fold(NO_NUMBER, |low, score| low.min(*score));
        if lowest < low {
            (low, first) = (lowest, base / 64);
            tied[first] = 0;
        }
        if lowest == low {
            let ties = scores.iter().enumerate().fold(0, |ties, (at, score)| ties | u16::from(*score == low) << at);
            tied[base / 64] |= u64::from(ties & present) << (base % 64);
        }
    }
    one_of(view, &tied[first..], first)
}
/// One of the indices in these words, of which the first is the word `first` of a set: by turns if there are several.
fn one_of<P>(view: &View<'_, P>, words: &[u64], first: usize) -> Choice {
    let count: u32 = words.iter().map(|word| word.count_ones()).sum();
    let mut left = if count > 1 { (view.ticket() % u64::from(count)) as u32 } else { 0 };
    for (at, word) in words.iter().enumerate() {
        if left < word.count_ones() {
            let word = (0..left).fold(*word, |word, _| word & (word - 1));
            return Choice::Use((first + at) * 64 + word.trailing_zeros() as usize);
        }
        left -= word.count_ones();
    }
    Choice::None
}

fn ordered(score: f32) -> i32 {
    // The bits of minus zero are those of the lowest number of all.
    if score >= 0.0 { (score.to_bits() as i32).max(0) } else { NO_NUMBER }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn scores_are_in_the_order_of_their_numbers_and_what_is_none_comes_last() {
        let scores = [0.0, f32::MIN_POSITIVE, 1e-9, 0.5, 1.0, 1.5, 1e30, f32::INFINITY];
        assert!(scores.windows(2).all(|pair| ordered(pair[0]) < ordered(pair[1])));
        assert_eq!(ordered(-0.0), ordered(0.0));
        assert!(scores.iter().all(|score| ordered(*score) < ordered(f32::NAN)));
        assert_eq!([-1.0, f32::NEG_INFINITY, -f32::NAN].map(ordered), [NO_NUMBER; 3]);
    }
}
