//! `least_loaded`: the fewest requests in flight, by weight.

use super::{Choice, Strategy, least};
use crate::demand::Demand;
use crate::view::{Member, View};

/// The least `(in flight + 1) / weight`. Takes no notice of latency; the breaker keeps failing endpoints away.
#[derive(Debug, Clone, Copy, Default)]
pub struct LeastLoaded;

impl Strategy for LeastLoaded {
    type Plan = ();

    fn plan(&self, _: &[Member]) {}

    fn choose(&self, view: &View<'_, ()>, _: &Demand<'_>) -> Choice {
        least(view, |index| load(view, index))
    }

    fn score(&self, view: &View<'_, ()>, index: usize, _: &Demand<'_>) -> Option<f32> {
        Some(load(view, index))
    }
}

fn load<P>(view: &View<'_, P>, index: usize) -> f32 {
    view.per_weight(index, view.joined(index))
}
