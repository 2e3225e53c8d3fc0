//! The real balancer, set up as replicas of a router in front of simulated servers.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use super::scenario::Scenario;
use crate::balancer::Balancer;
use crate::clock::ManualClock;
use crate::demand::Demand;
use crate::endpoint::{Endpoint, EndpointConfig};
use crate::fleet::Fleet;
use crate::hash;
use crate::lease::Lease;
use crate::pool::QueueSettings;
use crate::strategy::{AnyStrategy, Choice, Registry, Strategy, UnknownStrategy};
use crate::view::{Member, View};

pub(crate) type Router = Balancer<usize, AnyStrategy, ManualClock>;
pub(crate) type Held = Lease<usize, ManualClock>;

/// Long enough that nobody gives up for want of patience: waiting shows in the times.
const QUEUE: QueueSettings = QueueSettings { max_waiting: 1_000_000, max_wait: Duration::from_secs(1_000_000) };

/// The strategy of this name, among those of the crate and the reference ones.
pub(crate) fn strategy(name: &str) -> Result<AnyStrategy, UnknownStrategy> {
    Registry::built_in().with("weighted_random", "drawn by weight, for comparison", WeightedRandom).get(name)
}

/// The replicas. Those of a strategy with permits share them, as a lease store would have it.
pub(crate) fn routers(scenario: &Scenario, strategy: &AnyStrategy, replicas: u32, clock: &ManualClock) -> Vec<Router> {
    let shared = Fleet::new();
    let permits = strategy.needs().permits;
    let router = |_| {
        let fleet = if permits { shared.clone() } else { Fleet::new() };
        Balancer::builder()
            .strategy(strategy.clone())
            .clock(clock.clone())
            .endpoints(endpoints(scenario, 0.0))
            .queue(QUEUE)
            .fleet(&fleet)
            .peers(if permits { 1 } else { replicas })
            .build()
            .expect("the servers of a checked scenario have names of their own and sane weights")
    };
    (0..replicas.max(1)).map(router).collect()
}

/// The servers that are there at a moment.
pub(crate) fn endpoints(scenario: &Scenario, now: f64) -> Vec<Arc<Endpoint<usize>>> {
    let count = scenario.servers.len();
    let present = (0..count).filter(|index| super::is_member(scenario, *index, count, now));
    present
        .map(|index| {
            let server = &scenario.servers[index];
            let mut config = EndpointConfig::new(server.id.as_str());
            config.weight = server.weight();
            config.slots = NonZeroU32::new(server.slots).filter(|_| scenario.hints);
            config.max_concurrency = server.limit.and_then(NonZeroU32::new);
            config.tier = server.tier;
            config.load_time = Duration::from_secs_f64(server.load_time);
            Arc::new(config.with(index))
        })
        .collect()
}

/// Drawn by weight: what the static strategies are compared with.
#[derive(Debug)]
struct WeightedRandom;

impl Strategy for WeightedRandom {
    type Plan = ();

    fn plan(&self, _: &[Member]) {}

    fn choose(&self, view: &View<'_, ()>, _: &Demand<'_>) -> Choice {
        let sum: f32 = view.eligible().iter().map(|index| view.weight(index)).sum();
        let mut lot = (hash::mix(view.ticket()) >> 40) as f32 / (1 << 24) as f32 * sum;
        let mut last = Choice::None;
        for index in view.eligible().iter() {
            last = Choice::Use(index);
            lot -= view.weight(index);
            if lot < 0.0 {
                break;
            }
        }
        last
    }
}
