//! `weighted`: turns in proportion to the weights, with the least possible deviation.

use super::{Choice, Needs, Strategy, Turns};
use crate::demand::Demand;
use crate::hash;
use crate::view::{Member, View};

/// How many turns of endpoints that cannot serve are passed over before one of the others is drawn by lot.
const MOST_SKIPS: usize = 64;

/// Each endpoint serves in proportion to its weight; see [`Turns`] for how exactly.
///
/// A turn of an endpoint that cannot serve is passed over, so the others keep their proportion. One atomic add per
/// pick. Balancers of one name that share a store draw their turns in blocks of one sequence, so that their sum is as
/// fair.
#[derive(Debug, Clone, Copy, Default)]
pub struct Weighted;

impl Strategy for Weighted {
    type Plan = Turns;

    fn plan(&self, members: &[Member]) -> Turns {
        Turns::of(members)
    }

    fn choose(&self, view: &View<'_, Turns>, _: &Demand<'_>) -> Choice {
        next(view)
    }

    fn needs(&self) -> Needs {
        Needs { optimistic: true, ..Needs::default() }
    }
}

/// The next turn of an endpoint that can serve.
pub(super) fn next(view: &View<'_, Turns>) -> Choice {
    let eligible = view.eligible();
    for _ in 0..MOST_SKIPS {
        let ticket = view.turn();
        let Some(index) = view.plan().at(ticket) else { return Choice::None };
        if eligible.contains(index) && takes_turn(view, index, ticket) {
            return Choice::Use(index);
        }
    }
    by_lot(view)
}

/// While it warms up, an endpoint takes only part of its turns: every ticket decides by its number alone.
fn takes_turn(view: &View<'_, Turns>, index: usize, ticket: u64) -> bool {
    let warmth = view.warmth(index);
    warmth >= 1.0 || (hash::mix(ticket) >> 40) as f32 <= warmth * (1 << 24) as f32
}

/// Draws among the eligible by weight: for when those that can serve have very few turns.
fn by_lot(view: &View<'_, Turns>) -> Choice {
    let shares = view.plan().shares();
    let share = |index: usize| u64::from(shares.get(index).copied().unwrap_or(0));
    let sum: u64 = view.eligible().iter().map(share).sum();
    if sum == 0 {
        return Choice::None;
    }
    let mut lot = hash::mix(view.ticket()) % sum;
    for index in view.eligible().iter() {
        if lot < share(index) {
            return Choice::Use(index);
        }
        lot -= share(index);
    }
    Choice::None
}
