//! `balanced`: everyone in turn.

use super::{Choice, Needs, Strategy, Turns, weighted};
use crate::demand::Demand;
use crate::view::{Member, View};

/// Each endpoint that can serve has the same number of turns.
#[derive(Debug, Clone, Copy, Default)]
pub struct Balanced;

impl Strategy for Balanced {
    type Plan = Turns;

    fn plan(&self, members: &[Member]) -> Turns {
        Turns::of_weights(&vec![1.0; members.len()])
    }

    fn choose(&self, view: &View<'_, Turns>, _: &Demand<'_>) -> Choice {
        weighted::next(view)
    }

    fn needs(&self) -> Needs {
        Needs { optimistic: true, ..Needs::default() }
    }
}
