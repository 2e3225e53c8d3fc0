//! What a pick allocates: nothing.

use llm_router_balancer::{Balancer, Demand, Endpoint, Registry};

#[test]
fn a_lease_from_pick_to_end_allocates_nothing() {
    for info in Registry::built_in().iter() {
        // Residency keeps a list for each resource; it is read as a copy.
        if info.name == "first_available_optim" {
            continue;
        }
        let mut builder = Balancer::builder().strategy(info.strategy.clone());
        for n in 0..8 {
            builder = builder.endpoint(Endpoint::new(format!("e{n}"), n));
        }
        let balancer = builder.build().unwrap();
        let demand = Demand { size: 100, affinity: Some(3), ..Demand::default() };
        let serve = || {
            let mut lease = balancer.pick(&demand).unwrap();
            lease.first_token();
            lease.succeed();
        };
        // The first pick of a thread may set up what belongs to the thread.
        serve();
        let measured = allocation_counter::measure(|| (0..1_000).for_each(|_| serve()));
        assert_eq!(measured.count_total, 0, "{}", info.name);
    }
}
