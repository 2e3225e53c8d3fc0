//! Each strategy does what its name says; others can be added.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use llm_router_balancer::{
    AnyStrategy, Balancer, Choice, Demand, HealthSettings, ManualClock, Member, PickError, Registry, Strategy, View,
};

use crate::support::{Pool, builder, endpoint, endpoints, limited, millis, seconds};

fn pool(strategy: &str, count: u32) -> (Pool, ManualClock) {
    let (builder, clock) = builder(strategy);
    (builder.endpoints(endpoints(count)).build().unwrap(), clock)
}

#[test]
fn names_are_listed_when_one_is_unknown() {
    let error = AnyStrategy::from_name("magic").unwrap_err();
    assert_eq!(
        error.to_string(),
        "there is no strategy `magic`; there are: balanced, weighted, dynamic_weighted, adaptive, least_loaded, \
         first_available, first_available_optim, sticky"
    );
}

#[test]
fn a_strategy_from_outside_is_chosen_by_name() {
    struct Last;
    impl Strategy for Last {
        type Plan = ();
        fn plan(&self, _: &[Member]) {}
        fn choose(&self, view: &View<'_, ()>, _: &Demand<'_>) -> Choice {
            view.eligible().iter().last().map_or(Choice::None, Choice::Use)
        }
    }
    let registry = Registry::built_in().with("last", "always the last", Last);
    assert_eq!(registry.iter().count(), 9);
    let (builder, _) = builder("balanced");
    let pool = builder.strategy(registry.get("last").unwrap()).endpoints(endpoints(3)).build().unwrap();
    assert_eq!(*pool.pick(&Demand::default()).unwrap().target(), 2);
}

/// Only those that are optimistic are shown somebody who is full.
#[test]
fn a_strategy_sees_the_full_apart_from_those_that_may_serve() {
    struct Watchful;
    impl Strategy for Watchful {
        type Plan = ();
        fn plan(&self, _: &[Member]) {}
        fn choose(&self, view: &View<'_, ()>, _: &Demand<'_>) -> Choice {
            assert!(view.eligible().iter().all(|index| view.in_flight(index) < 1.0));
            assert!(view.full().iter().all(|index| view.in_flight(index) == 1.0));
            assert_eq!(view.eligible().len() + view.full().len(), 200);
            view.eligible().iter().last().map_or(Choice::None, Choice::Use)
        }
    }
    let clock = ManualClock::new();
    let endpoints = (0..200).map(|n| Arc::new(limited(n, 1)));
    let pool = Balancer::builder().strategy(Watchful).clock(clock).endpoints(endpoints).build().unwrap();
    let mut held = Vec::new();
    for n in (0..200).rev() {
        held.push(pool.pick(&Demand::default()).unwrap());
        assert_eq!(*held.last().unwrap().target(), n);
    }
    assert!(matches!(pool.pick(&Demand::default()), Err(PickError::Busy { .. })));
    held.swap_remove(150).succeed();
    assert_eq!(*pool.pick(&Demand::default()).unwrap().target(), 49);
}

#[test]
fn least_loaded_goes_where_least_is_in_flight_for_its_weight() {
    let (builder, _) = builder("least_loaded");
    let pool = builder
        .endpoint(endpoint(0, |config| config.weight = 3.0))
        .endpoint(endpoint(1, |config| config.weight = 1.0))
        .build()
        .unwrap();
    let held: Vec<_> = (0..40).map(|_| pool.pick(&Demand::default()).unwrap()).collect();
    assert_eq!(held.iter().filter(|lease| *lease.target() == 0).count(), 30);
}

#[test]
fn dynamic_weighted_prefers_the_fast_and_forgives_the_slow() {
    let (pool, clock) = pool("dynamic_weighted", 2);
    let serve = |ms: [u64; 2], count: u32| {
        (0..count)
            .filter(|_| {
                let mut lease = pool.pick(&Demand::default()).unwrap();
                let target = *lease.target();
                clock.advance(millis(ms[target as usize]));
                lease.first_token();
                lease.succeed();
                target == 1
            })
            .count()
    };
    serve([100, 2_000], 4);
    assert!(serve([100, 2_000], 100) <= 2);
    clock.advance(seconds(120));
    assert!(serve([100, 90], 200) > 20, "after a while without samples it is tried again");
}

#[test]
fn the_place_stays_taken_after_the_first_token() {
    let (pool, clock) = pool("least_loaded", 2);
    let mut first = pool.pick(&Demand::default()).unwrap();
    clock.advance(millis(10));
    first.first_token();
    assert_ne!(pool.pick(&Demand::default()).unwrap().target(), first.target());
    assert_eq!(pool.status().iter().map(|status| status.in_flight).sum::<u32>(), 1);
}

#[test]
fn adaptive_learns_who_is_quick_for_large_requests() {
    let (builder, clock) = builder("adaptive");
    let slots = |config: &mut llm_router_balancer::EndpointConfig| config.slots = 4.try_into().ok();
    let pool = builder.endpoint(endpoint(0, slots)).endpoint(endpoint(1, slots)).build().unwrap();
    let pace = [1, 5]; // milliseconds per ten units
    let mut late = [0; 2];
    for n in 0..400_u32 {
        let size = 200 + n % 800;
        let mut lease = pool.pick(&Demand { size, ..Demand::default() }).unwrap();
        let target = *lease.target() as usize;
        clock.advance(millis(u64::from(size / 10) * pace[target]));
        lease.first_token();
        lease.succeed();
        late[target] += u32::from(n >= 100);
    }
    assert!(late[0] >= 295, "{late:?}");
}

#[test]
fn replicas_are_taken_into_account() {
    let (builder, _) = builder("adaptive");
    let slots = |config: &mut llm_router_balancer::EndpointConfig| config.slots = 8.try_into().ok();
    let pool = builder.endpoint(endpoint(0, slots)).endpoint(endpoint(1, slots)).build().unwrap();
    pool.set_peers(8);
    let first = *pool.pick(&Demand::default()).unwrap().target();
    let held = pool.pick(&Demand::default()).unwrap();
    // One request here is eight in all: that endpoint is full.
    assert!((0..6).all(|_| pool.pick(&Demand::default()).unwrap().target() != held.target()), "{first}");
}

#[test]
fn sticky_keeps_a_key_and_bounds_the_load() {
    let (pool, _) = pool("sticky", 5);
    let of = |key: u64| Demand { affinity: Some(key), ..Demand::default() };
    for key in 0..50 {
        let home = *pool.pick(&of(key)).unwrap().target();
        assert!((0..3).all(|_| *pool.pick(&of(key)).unwrap().target() == home));
    }
    // One key alone, and many at once: no endpoint takes more than 1.25 times its share, rounded up.
    let mut held = Vec::new();
    for n in 1..=100_u32 {
        held.push(pool.pick(&of(1)).unwrap());
        let most = (1.25 * f64::from(n) / 5.0).ceil() as u32;
        assert!(pool.status().iter().all(|status| status.in_flight <= most), "{n}");
    }
}

#[test]
fn sticky_moves_only_the_keys_of_an_endpoint_that_goes() {
    let (pool, _) = pool("sticky", 5);
    let of = |key: u64| Demand { affinity: Some(key), ..Demand::default() };
    let homes = |pool: &Pool| -> HashMap<u64, u32> {
        (0..500).map(|key| (key, *pool.pick(&of(key)).unwrap().target())).collect()
    };
    let before = homes(&pool);
    pool.set_endpoints(pool.endpoints().into_iter().filter(|e| e.target != 3).collect());
    let after = homes(&pool);
    assert!(before.iter().all(|(key, home)| *home == 3 || after[key] == *home));
    let moved = before.values().filter(|home| **home == 3).count();
    assert!((50..160).contains(&moved), "{moved} of 500");
}

#[test]
fn what_was_learned_outlives_new_settings() {
    let (pool, clock) = pool("dynamic_weighted", 2);
    for _ in 0..4 {
        let mut lease = pool.pick(&Demand::default()).unwrap();
        clock.advance(seconds(1 + u64::from(*lease.target())));
        lease.first_token();
        lease.succeed();
    }
    let before: Vec<_> = pool.status().iter().map(|status| (status.latency, status.picked)).collect();
    pool.set_endpoints(endpoints(2));
    assert_eq!(before, pool.status().iter().map(|status| (status.latency, status.picked)).collect::<Vec<_>>());
}

#[test]
fn hedging_waits_for_the_late_ones_and_keeps_to_its_budget() {
    let (pool, clock) = pool("balanced", 2);
    assert!(pool.pick(&Demand::default()).unwrap().hedge_at().is_none());
    for n in 1..=200 {
        let mut lease = pool.pick(&Demand::default()).unwrap();
        clock.advance(millis(n % 20 + 1));
        lease.first_token();
        lease.succeed();
    }
    let lease = pool.pick(&Demand::default()).unwrap();
    let span = lease.hedge_at().unwrap().since(lease.begun());
    assert!(span >= millis(19) && span < millis(25), "{span:?}");
    assert_eq!((0..100).filter(|_| pool.may_hedge()).count(), 4, "2 % of 202");
    assert_eq!((0..1_000).filter(|_| pool.may_retry()).count(), 141, "20 % and ten a second");
}

#[test]
fn the_least_loaded_is_found_among_however_many_and_whichever_may_serve() {
    let mut rng = fastrand::Rng::with_seed(5);
    for count in [1, 7, 8, 9, 15, 16, 17, 31, 33, 64, 65, 100, 128, 129, 300] {
        let health = HealthSettings { slow_start: Duration::ZERO, ..HealthSettings::default() };
        let pool = builder("least_loaded").0.health(health).endpoints(endpoints(count)).build().unwrap();
        let mut held: Vec<_> = (0..count * 3).map(|_| pool.pick(&Demand::default()).unwrap()).collect();
        let mut load: HashMap<u32, u32> = (0..count).map(|index| (index, 3)).collect();
        for _ in 0..200 {
            if rng.bool() && !held.is_empty() {
                let lease = held.swap_remove(rng.usize(..held.len()));
                *load.get_mut(lease.target()).unwrap() -= 1;
            }
            let drained = rng.u32(..count);
            let id = format!("e{drained}");
            let few = count > 1 && rng.bool() && pool.drain(&id);
            let lease = pool.pick(&Demand::default()).unwrap();
            let least = load.iter().filter(|(index, _)| !few || **index != drained).map(|(_, load)| *load).min();
            assert_eq!(Some(load[lease.target()]), least, "of {count}");
            assert!(!few || *lease.target() != drained);
            *load.get_mut(lease.target()).unwrap() += 1;
            held.push(lease);
            pool.enable(&id);
        }
    }
}
