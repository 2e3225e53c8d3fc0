//! What a pick allocates: nothing.

use std::sync::Arc;

use llm_router_balancer::strategy::StrategyInfo;
use llm_router_balancer::{Balancer, Demand, Endpoint, Failure, Registry};

#[test]
fn a_lease_from_pick_to_end_allocates_nothing() {
    for info in Registry::built_in().iter() {
        // Residency keeps a list for each resource; it is read as a copy.
        if info.name == "first_available_optim" {
            continue;
        }
        // Under `first_available` every endpoint has a limit, so which of them may serve is found out each time; that
        // takes memory beyond 128.
        let counts = if info.name == "first_available" { [8, 128].as_slice() } else { &[8, 128, 1_000] };
        for &count in counts {
            let balancer = balancer(info, count);
            let demand = Demand { size: 100, affinity: Some(3), ..Demand::default() };
            let serve = || {
                let mut lease = balancer.pick(&demand).unwrap();
                lease.first_token();
                lease.succeed();
            };
            // The first pick of a thread sets up what belongs to the thread.
            serve();
            let measured = allocation_counter::measure(|| (0..200).for_each(|_| serve()));
            assert_eq!(measured.count_total, 0, "{} of {count}", info.name);
        }
    }
}

#[test]
fn nor_does_one_past_an_endpoint_that_is_left_alone() {
    for info in Registry::built_in().iter().filter(|info| info.name != "first_available_optim") {
        let counts = if info.name == "first_available" { [128].as_slice() } else { &[128, 1_000] };
        for &count in counts {
            let balancer = balancer(info, count);
            let demand = Demand { affinity: Some(3), ..Demand::default() };
            balancer.pick(&demand).unwrap().fail(Failure::Auth);
            // The first one after that looks who is left.
            balancer.pick(&demand).unwrap().succeed();
            let measured = allocation_counter::measure(|| {
                (0..200).for_each(|_| balancer.pick(&demand).unwrap().succeed());
            });
            assert_eq!(measured.count_total, 0, "{} of {count}", info.name);
        }
    }
}

fn balancer(info: &StrategyInfo, count: u32) -> Balancer<u32> {
    let endpoints = (0..count).map(|n| Arc::new(Endpoint::new(format!("e{n}"), n)));
    Balancer::builder().strategy(info.strategy.clone()).endpoints(endpoints).build().expect("ids and weights are sane")
}
