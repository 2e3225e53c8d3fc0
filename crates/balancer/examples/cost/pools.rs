//! What the example `cost` and the benchmark `pick` measure: the same pools.

use std::num::NonZeroU32;
use std::sync::Arc;

use llm_router_balancer::{AnyStrategy, Balancer, Clock, Demand, Endpoint, EndpointConfig, Sleep, Tick};

/// Strategies, and the numbers of endpoints among which they choose.
pub(crate) const CHOICES: [(&str, &[u32]); 6] = [
    ("balanced", &[8]),
    ("weighted", &[8, 64, 1_000]),
    ("least_loaded", &[8, 64, 1_000]),
    ("dynamic_weighted", &[8, 64]),
    ("adaptive", &[8, 64, 1_000]),
    ("sticky", &[8]),
];

/// Strategies that choose among many endpoints of which each has a limit.
pub(crate) const LIMITED: [&str; 3] = ["weighted", "least_loaded", "first_available"];

/// Strategies whose leases are measured from pick to end, among eight endpoints.
pub(crate) const LEASES: [&str; 3] = ["weighted", "least_loaded", "adaptive"];

/// A clock that stands, so that what is measured is not the clock.
pub(crate) struct Still;

impl Clock for Still {
    fn now(&self) -> Tick {
        Tick::from_nanos(1_000_000_000_000)
    }

    fn sleep_until(&self, _: Tick) -> Sleep {
        Box::pin(std::future::ready(()))
    }
}

/// Every endpoint has history and something in flight, so that there is something to compare.
pub(crate) fn balancer<C: Clock>(strategy: &str, count: u32, clock: C) -> Balancer<u32, AnyStrategy, C> {
    balancer_of(strategy, (0..count).map(endpoint), clock)
}

/// The same, where each takes a hundred requests at a time, and every other one has a tag.
pub(crate) fn limited<C: Clock>(strategy: &str, count: u32, clock: C) -> Balancer<u32, AnyStrategy, C> {
    let endpoints = (0..count).map(|n| {
        let mut endpoint = endpoint(n);
        endpoint.config.max_concurrency = NonZeroU32::new(100);
        endpoint.config.tags = if n % 2 == 0 { vec!["even".into()] } else { Vec::new() };
        endpoint
    });
    balancer_of(strategy, endpoints, clock)
}

fn balancer_of<C: Clock>(
    strategy: &str,
    endpoints: impl Iterator<Item = Endpoint<u32>>,
    clock: C,
) -> Balancer<u32, AnyStrategy, C> {
    let strategy = AnyStrategy::from_name(strategy).expect("it is built in");
    let endpoints: Vec<_> = endpoints.map(Arc::new).collect();
    let count = endpoints.len() as u32;
    let builder = Balancer::builder().strategy(strategy).clock(clock).endpoints(endpoints);
    let balancer = builder.build().expect("ids and weights are sane");
    for n in 0..count * 3 {
        let mut lease = balancer.pick(&Demand { size: 100 + n, ..Demand::default() }).expect("nothing is full");
        lease.first_token();
        if n % 3 == 0 { std::mem::forget(lease) } else { lease.succeed() }
    }
    balancer
}

/// What a choice is made for.
pub(crate) fn demand() -> Demand<'static> {
    Demand { size: 500, affinity: Some(7), ..Demand::default() }
}

/// A lease from pick to end.
pub(crate) fn serve<C: Clock>(balancer: &Balancer<u32, AnyStrategy, C>, demand: &Demand<'_>) {
    if let Ok(mut lease) = balancer.pick(demand) {
        lease.first_token();
        lease.succeed();
    }
}

fn endpoint(n: u32) -> Endpoint<u32> {
    let mut config = EndpointConfig::new(format!("e{n}"));
    config.weight = f64::from(n % 4 + 1);
    config.slots = NonZeroU32::new(1_000);
    config.with(n)
}
