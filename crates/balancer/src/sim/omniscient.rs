//! The reference: a greedy scheduler that knows every remaining time and every failure to come.
//!
//! It sends a call at once to the server from which the first token comes soonest. It is a reference and no strict
//! bound: who may change his mind later can beat it.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::outcome::Outcomes;
use super::scenario::{Call, Scenario};
use super::server::Memory;

struct Known<'a> {
    memory: Memory<'a>,
    /// When each place becomes free, in nanoseconds, the soonest first.
    free: BinaryHeap<Reverse<u64>>,
}

/// Serves all calls.
pub(crate) fn run(scenario: &Scenario, calls: &[Call], outcomes: &mut Outcomes) {
    let mut servers: Vec<Known<'_>> = scenario
        .servers
        .iter()
        .map(|server| Known {
            memory: Memory::new(server),
            free: (0..server.slots.max(1)).map(|_| Reverse(0)).collect(),
        })
        .collect();
    for call in calls {
        let count = servers.len();
        let members = (0..count).filter(|index| super::is_member(scenario, *index, count, call.at));
        let best = members
            .map(|index| (servers[index].first_token(call), index))
            .min_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        match best {
            Some((first, index)) if first.is_finite() => {
                servers[index].take(call);
                outcomes.served(call.at, first - call.at);
            }
            _ => outcomes.failed(call.at),
        }
    }
    outcomes.loads += servers.iter().map(|server| server.memory.loads).sum::<u64>();
}

impl Known<'_> {
    fn start(&mut self, call: &Call) -> f64 {
        let free = self.free.peek().map_or(0, |Reverse(at)| *at);
        // Calls beyond the limit per minute wait until they are allowed.
        let allowed = call.at + self.memory.allowance_wait(call.at);
        allowed.max(free as f64 * 1e-9)
    }

    fn first_token(&mut self, call: &Call) -> f64 {
        let start = self.start(call);
        let (first, end) = self.memory.plan(call, start);
        let dies = self.memory.dies_within(call.at, end);
        let refuses = self.memory.refuses(call.at);
        if dies || refuses { f64::INFINITY } else { first }
    }

    fn take(&mut self, call: &Call) {
        let start = self.start(call);
        let (_, end) = self.memory.plan(call, start);
        self.memory.accept(start.max(call.at));
        self.memory.serve(call);
        self.free.pop();
        self.free.push(Reverse((end * 1e9) as u64));
    }
}
