//! `dynamic_weighted`: the least latency times load, by weight.

use super::{Choice, Strategy, forgotten, least};
use crate::demand::Demand;
use crate::view::{Member, View};

/// The least `latency · (in flight + 1) / weight`, where latency is a peak-sensitive average of the time to the first
/// token. A failure counts as an answer of at least five seconds, or as long as the endpoint asked to be left alone, so
/// that one which fails at once does not look fast.
///
/// One pick in a hundred goes to an endpoint that was not heard of for long: what is only learned by being chosen would
/// otherwise never be learned again.
///
/// The penalty peak-EWMA of linkerd2-proxy with the corrections described at the latency itself.
#[derive(Debug, Clone, Copy, Default)]
pub struct DynamicWeighted;

impl Strategy for DynamicWeighted {
    type Plan = ();

    fn plan(&self, _: &[Member]) {}

    fn choose(&self, view: &View<'_, ()>, _: &Demand<'_>) -> Choice {
        if let Some(index) = forgotten(view) {
            return Choice::Use(index);
        }
        least(view, |index| cost(view, index))
    }

    fn score(&self, view: &View<'_, ()>, index: usize, _: &Demand<'_>) -> Option<f32> {
        Some(cost(view, index))
    }
}

#[inline]
fn cost<P>(view: &View<'_, P>, index: usize) -> f32 {
    view.per_weight(index, view.latency(index) * view.joined(index))
}
