//! `adaptive`: join the shortest expected delay.

use super::{Choice, Strategy, least};
use crate::demand::Demand;
use crate::view::{Member, View};

/// Seconds for which what was learned is believed, and in which half of the belief is lost after that.
const FRESH: f32 = 100.0;
const HALF_LIFE: f32 = 300.0;

/// What is expected of an endpoint about which nothing is known: seconds a request keeps a place, and per unit of size.
const UNKNOWN: (f32, f32) = (1.0, 1e-4);

/// The least expected time to the first token: `excess · busy / places + size · pace + drag`. An endpoint serves
/// `places` requests at once, and with this one there would be `excess` more than that; `busy` is how long one keeps
/// its place, `pace` the time per unit of size, and `drag` grows with failures. All is learned; the places are too
/// where the settings do not say.
///
/// An estimate that is only refreshed by being chosen would never recover, so an endpoint that taught nothing for long
/// is believed to be faster and faster until it is chosen again.
#[derive(Debug, Clone, Copy, Default)]
pub struct Adaptive;

impl Strategy for Adaptive {
    type Plan = ();

    fn plan(&self, _: &[Member]) {}

    fn choose(&self, view: &View<'_, ()>, demand: &Demand<'_>) -> Choice {
        least(view, |index| delay(view, index, demand))
    }

    fn score(&self, view: &View<'_, ()>, index: usize, demand: &Demand<'_>) -> Option<f32> {
        Some(delay(view, index, demand))
    }
}

#[inline]
fn delay<P>(view: &View<'_, P>, index: usize, demand: &Demand<'_>) -> f32 {
    let busy = view.busy(index).unwrap_or(UNKNOWN.0);
    let pace = view.pace(index).unwrap_or(UNKNOWN.1) * freshness(view, index);
    let wait = view.places(index).map_or(0.0, |places| {
        let excess = view.excess(index, places);
        // A division is dear where it is made for every endpoint, and mostly of nothing.
        if excess > 0.0 { excess * busy / places } else { 0.0 }
    });
    view.per_warmth(index, wait + demand.size as f32 * pace + view.drag(index))
}

/// 1 while what was learned is fresh, then less and less: an endpoint that was slow long ago is tried again, with the
/// first request for which that costs little.
fn freshness<P>(view: &View<'_, P>, index: usize) -> f32 {
    let age = view.taught(index).map_or(0.0, |taught| view.now().seconds_since(taught));
    if age <= FRESH { 1.0 } else { crate::ewma::fade(age - FRESH, HALF_LIFE) }
}
