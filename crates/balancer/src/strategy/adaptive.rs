//! `adaptive`: join the shortest expected delay.

use super::{Choice, Strategy, forgotten, least};
use crate::demand::Demand;
use crate::view::{Member, View};

/// What is expected of an endpoint about which nothing is known: seconds a request keeps a place, and per unit of size.
const UNKNOWN: (f32, f32) = (1.0, 1e-4);

/// The least expected time to the first token:
/// `max(0, in flight - slots + 1) · busy / slots + size · pace + drag`, where `slots` is how many requests the endpoint
/// serves at once, `busy` how long one keeps its place, `pace` the time per unit of size, and `drag` grows with
/// failures. Everything but `slots` is learned.
///
/// An estimate that is only refreshed by being chosen would never recover, so one pick in a hundred goes to an endpoint
/// that taught nothing for long, if there is one.
#[derive(Debug, Clone, Copy, Default)]
pub struct Adaptive;

impl Strategy for Adaptive {
    type Plan = ();

    fn plan(&self, _: &[Member]) {}

    fn choose(&self, view: &View<'_, ()>, demand: &Demand<'_>) -> Choice {
        if let Some(index) = forgotten(view) {
            return Choice::Use(index);
        }
        least(view, |index| delay(view, index, demand))
    }

    fn score(&self, view: &View<'_, ()>, index: usize, demand: &Demand<'_>) -> Option<f32> {
        Some(delay(view, index, demand))
    }
}

fn delay<P>(view: &View<'_, P>, index: usize, demand: &Demand<'_>) -> f32 {
    let in_flight = view.in_flight(index);
    let busy = view.busy(index).unwrap_or(UNKNOWN.0);
    let pace = view.pace(index).unwrap_or(UNKNOWN.1);
    let slots = view.slots(index).map_or(1.0, |slots| slots as f32);
    let wait = (in_flight - slots + 1.0).max(0.0) * busy / slots;
    (wait + demand.size as f32 * pace + view.drag(index)) / view.warmth(index)
}
