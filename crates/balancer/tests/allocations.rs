//! What a pick allocates: nothing.

use std::future::Future as _;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::task::{Context, Waker};

use llm_router_balancer::strategy::StrategyInfo;
use llm_router_balancer::{
    AnyStrategy, Balancer, Demand, Endpoint, EndpointConfig, EndpointKey, Failure, ManualClock, Registry, Tag, Tried,
};

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

/// What somebody who waits takes does not grow with the number of endpoints that would do.
#[test]
fn a_thousand_who_wait_for_a_thousand_endpoints_share_the_list_of_them() {
    let strategy = AnyStrategy::from_name("first_available").expect("it is built in");
    let endpoints = (0..1_000).map(|n| Arc::new(Endpoint::new(format!("e{n}"), n)));
    let pool = Balancer::builder().strategy(strategy).clock(ManualClock::new()).endpoints(endpoints).build();
    let pool = pool.expect("ids and weights are sane");
    let demand = Demand::default();
    let held: Vec<_> = (0..1_000).map(|_| pool.pick(&demand).expect("somebody is free")).collect();
    let mut waiting = Vec::with_capacity(1_000);
    let measured = allocation_counter::measure(|| {
        for _ in 0..1_000 {
            let mut waiter = Box::pin(pool.acquire(&demand));
            assert!(waiter.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
            waiting.push(waiter);
        }
    });
    let each = measured.bytes_current / 1_000;
    assert!((1..4_096).contains(&each), "{each} bytes each, where a list alone has 32 KiB");
    drop((waiting, held));
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
