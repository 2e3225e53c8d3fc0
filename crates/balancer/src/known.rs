//! What a thread remembers of who may serve, so that it need not look at every endpoint at every pick.

use crate::clock::Tick;
use crate::demand::Demand;
use crate::lineup::{Lineup, Sieve};
use crate::mask::Mask;

/// The endpoints that are full where none has a limit, or where nobody asks.
static NOBODY: Mask = Mask::EMPTY;

/// What a thread knows about a lineup while nobody's health changes.
#[derive(Debug, Default)]
pub(crate) struct Known {
    /// One more than the epoch in which it was found out.
    since: u64,
    /// When the first pause ends.
    until: Tick,
    /// One more than the epoch in which somebody last tried to find it out on behalf of a demand that asks for more.
    attempted: u64,
    /// Who may serve, with or without a free place.
    healthy: Mask,
    /// Of these the lowest tier.
    lowest: Mask,
    /// Of a higher tier somebody is over its pause: whoever is not served by the lowest has to look.
    due_above: bool,
    /// There are limits, so that somebody who may serve may be full.
    limits: bool,
    /// Who may serve the demand of the moment: kept for its memory.
    eligible: Mask,
    full: Mask,
}

impl Known {
    /// Who may serve this demand and who is only full, if that is known: nobody's health has changed, no pause has
    /// ended, and somebody is left. With `optimistic` those that are full count as eligible, which saves looking at
    /// each.
    #[inline]
    pub(crate) fn sets(
        &mut self,
        lineup: &Lineup,
        demand: &Demand<'_>,
        optimistic: bool,
        epoch: u64,
        now: Tick,
    ) -> Option<(&Mask, &Mask)> {
        if self.since != epoch + 1 || now >= self.until {
            return None;
        }
        let places = self.limits && !optimistic;
        if !places && demand.tags.is_empty() && demand.tried.is_empty() {
            return Some((&self.lowest, &NOBODY));
        }
        (!self.due_above && self.narrow(lineup, demand, places)).then_some((&self.eligible, &self.full))
    }

    /// Says whether anybody is left.
    fn narrow(&mut self, lineup: &Lineup, demand: &Demand<'_>, places: bool) -> bool {
        self.eligible.clone_from(&self.healthy);
        self.full.clear();
        lineup.keep_wanted(&mut self.eligible, demand);
        if places {
            let full = self.eligible.iter().filter(|index| !lineup.slots[*index].has_room());
            full.for_each(|index| self.full.insert(index));
            self.eligible.subtract(&self.full);
        }
        lineup.keep_lowest_tier(&mut self.eligible);
        !self.eligible.is_empty()
    }

    /// Looks at each endpoint for a demand, and notes who may serve if that stays so for a while. `epoch` was read
    /// before.
    pub(crate) fn sift(&mut self, lineup: &Lineup, demand: &Demand<'_>, epoch: u64, now: Tick) -> Sieve {
        let mut sieve = lineup.sift_all_tiers(demand, now);
        if demand.tags.is_empty() && demand.tried.is_empty() {
            self.note(lineup, &sieve, epoch);
        } else if self.attempted != epoch + 1 {
            self.attempted = epoch + 1;
            self.note(lineup, &lineup.sift_all_tiers(&Demand::default(), now), epoch);
        }
        lineup.give_way(&mut sieve);
        sieve
    }

    /// Notes what was found out for a demand that asks for nobody in particular.
    fn note(&mut self, lineup: &Lineup, sieve: &Sieve, epoch: u64) {
        if sieve.probing || (sieve.eligible.is_empty() && sieve.full.is_empty()) {
            // A probe may end without a word, and then somebody else may find out.
            return;
        }
        if sieve.last_resort && !(lineup.unlimited && lineup.tiers.is_empty()) {
            // Who serves for want of others changes with every permit, and is of any tier.
            return;
        }
        let mut due = sieve.due.clone();
        lineup.tiers_above(&sieve.eligible).for_each(|higher| due.subtract(higher));
        if !due.is_empty() {
            return;
        }
        (self.since, self.until) = (epoch + 1, sieve.earliest);
        (self.due_above, self.limits) = (!sieve.due.is_empty(), !lineup.unlimited);
        self.healthy.clone_from(&sieve.eligible);
        self.healthy.unite(&sieve.full);
        self.lowest.clone_from(&self.healthy);
        lineup.keep_lowest_tier(&mut self.lowest);
    }
}
