//! `first_available`: one request at a time for each endpoint, the rest in line.

use super::{Choice, Needs, Strategy};
use crate::demand::Demand;
use crate::view::{Member, View};

/// The free endpoint that answers fastest; those that have not answered yet first, in order. When none is free the
/// request waits in line, and a place that becomes free is handed to the first.
///
/// Every endpoint has a limit: its `max_concurrency`, else its `slots`, else 1.
#[derive(Debug, Clone, Copy, Default)]
pub struct FirstAvailable;

impl Strategy for FirstAvailable {
    type Plan = ();

    fn plan(&self, _: &[Member]) {}

    fn choose(&self, view: &View<'_, ()>, _: &Demand<'_>) -> Choice {
        // A tie goes to the first in order, and to nobody by turns: that is what the name says.
        let slow = view.eligible().iter().map(|index| (slowness(view, index), index));
        let best = slow.min_by(|a, b| a.0.total_cmp(&b.0));
        best.map_or(Choice::None, |(_, index)| Choice::Use(index))
    }

    fn needs(&self) -> Needs {
        Needs { permits: true, ..Needs::default() }
    }

    fn score(&self, view: &View<'_, ()>, index: usize, _: &Demand<'_>) -> Option<f32> {
        Some(slowness(view, index))
    }
}

fn slowness<P>(view: &View<'_, P>, index: usize) -> f32 {
    view.pace(index).unwrap_or(0.0) + view.drag(index)
}
