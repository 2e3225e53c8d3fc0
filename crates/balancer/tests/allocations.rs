//! What a pick allocates: nothing.

use std::num::NonZeroU32;
use std::sync::Arc;

use llm_router_balancer::strategy::StrategyInfo;
use llm_router_balancer::{Balancer, Demand, EndpointConfig, EndpointKey, Failure, Registry, Tag, Tried};

const COUNTS: [u32; 3] = [8, 128, 1_000];

/// All but `first_available_optim`: residency keeps a list for each resource, and it is read as a copy.
fn strategies() -> impl Iterator<Item = StrategyInfo> {
    Registry::built_in()
        .iter()
        .filter(|info| info.name != "first_available_optim")
        .cloned()
        .collect::<Vec<_>>()
        .into_iter()
}

/// Allocations of 200 leases, once the thread knows the endpoints.
fn allocations(balancer: &Balancer<u32>, demand: &Demand<'_>) -> u64 {
    let serve = || {
        let mut lease = balancer.pick(demand).expect("somebody is free");
        lease.first_token();
        lease.succeed();
    };
    // The first one finds out who may serve, and the second one goes by that.
    (0..2).for_each(|_| serve());
    allocation_counter::measure(|| (0..200).for_each(|_| serve())).count_total
}

#[test]
fn a_lease_from_pick_to_end_allocates_nothing() {
    for (info, count) in strategies().flat_map(|info| COUNTS.map(|count| (info.clone(), count))) {
        let demand = Demand { size: 100, affinity: Some(3), ..Demand::default() };
        assert_eq!(allocations(&balancer(&info, count), &demand), 0, "{} of {count}", info.name);
    }
}

#[test]
fn nor_does_one_past_an_endpoint_that_is_left_alone() {
    for (info, count) in strategies().flat_map(|info| COUNTS.map(|count| (info.clone(), count))) {
        let balancer = balancer(&info, count);
        let demand = Demand { affinity: Some(3), ..Demand::default() };
        balancer.pick(&demand).unwrap().fail(Failure::Auth);
        assert_eq!(allocations(&balancer, &demand), 0, "{} of {count}", info.name);
    }
}

#[test]
fn nor_does_one_with_tags_after_another_try_where_some_are_full() {
    for (info, count) in strategies().flat_map(|info| COUNTS.map(|count| (info.clone(), count))) {
        let balancer = balancer(&info, count);
        let tags = [Tag::of("even")];
        let full = balancer.pick(&Demand { tags: &tags, ..Demand::default() }).unwrap();
        let mut tried = Tried::default();
        tried.insert(EndpointKey::of(&format!("e{}", (full.target() + 2) % count)));
        let demand = Demand { affinity: Some(3), tags: &tags, tried, ..Demand::default() };
        assert_eq!(allocations(&balancer, &demand), 0, "{} of {count}", info.name);
    }
}

/// So many endpoints, of which every other one has a tag and takes one request at a time.
fn balancer(info: &StrategyInfo, count: u32) -> Balancer<u32> {
    let endpoints = (0..count).map(|n| {
        let mut config = EndpointConfig::new(format!("e{n}"));
        if n % 2 == 0 {
            config.tags = vec!["even".into()];
            config.max_concurrency = Some(NonZeroU32::MIN);
        }
        Arc::new(config.with(n))
    });
    Balancer::builder().strategy(info.strategy.clone()).endpoints(endpoints).build().expect("ids and weights are sane")
}
