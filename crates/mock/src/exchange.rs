//! One request and its answer, from head to last byte: settles the counts however it ends.

use std::sync::Arc;

use crate::{
    meter::{Outcome, Seen},
    server::Shared,
};

/// Counts as one request in flight until it is dropped.
pub(crate) struct Exchange {
    shared: Arc<Shared>,
    pub(crate) number: u64,
    outcome: Outcome,
    sent: u64,
    slot: bool,
    settled: bool,
}

impl Exchange {
    pub(crate) fn begin(shared: Arc<Shared>, path: &'static str, seen: impl FnOnce(u64) -> Seen) -> Self {
        let keep = shared.script().house.log.unwrap_or(1000);
        let number = shared.meter.began(path, keep, seen);
        Self { shared, number, outcome: Outcome::Open, sent: 0, slot: false, settled: false }
    }

    /// Takes a slot; waits for one when the house queues. `false`: turned away.
    pub(crate) async fn take_slot(&mut self, slots: Option<usize>, queue: bool) -> bool {
        loop {
            let changed = self.shared.meter.changed.notified();
            if self.shared.meter.enter(slots) {
                self.slot = true;
                return true;
            }
            if !queue {
                self.shared.meter.turned_away();
                return false;
            }
            changed.await;
        }
    }

    /// The first fault decides; a later one does not change it.
    pub(crate) fn outcome(&mut self, outcome: Outcome) {
        if self.outcome == Outcome::Open {
            self.outcome = outcome;
        }
    }

    /// The answer has gone out: the request is no longer in flight.
    pub(crate) fn finish(&mut self) {
        self.outcome(Outcome::Finished);
        self.settle();
    }

    pub(crate) fn sent(&mut self, bytes: u64) {
        self.sent = bytes;
    }

    fn settle(&mut self) {
        if std::mem::replace(&mut self.settled, true) {
            return;
        }
        if self.slot {
            self.shared.meter.leave();
        }
        self.shared.meter.ended(self.number, self.outcome, self.sent);
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        self.outcome(Outcome::Aborted);
        self.settle();
    }
}
