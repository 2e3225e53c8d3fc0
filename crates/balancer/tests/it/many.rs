//! A thousand endpoints, and as many as there may be: what holds of eight holds of them.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use llm_router_balancer::{
    BuildError, Demand, Endpoint, EndpointConfig, EndpointKey, EndpointStatus, Explanation, Failure, HealthSettings,
    Mask, PickError, Reason, Registry, Standing, Tried, check_endpoints,
};

use crate::support::{Pool, Task, builder, endpoints, limited, millis, seconds};

fn many(strategy: &str, weight: impl Fn(u32) -> f64) -> (Pool, llm_router_balancer::ManualClock) {
    let (builder, clock) = builder(strategy);
    let endpoint = |n| {
        let mut config = EndpointConfig::new(format!("e{n}"));
        config.weight = weight(n);
        Arc::new(config.with(n))
    };
    (builder.endpoints((0..1_000).map(endpoint)).build().unwrap(), clock)
}

fn pick(pool: &Pool) -> u32 {
    *pool.pick(&Demand::default()).unwrap().target()
}

#[test]
fn more_than_there_may_be_are_refused_and_so_is_an_id_given_twice() {
    let most = Mask::CAPACITY as u32;
    assert_eq!(check_endpoints(&endpoints(most)), Ok(()));
    let error = check_endpoints(&endpoints(most + 1)).unwrap_err();
    assert_eq!(error, BuildError::TooMany { count: 4_097, most: 4_096 });
    let twice = [endpoints(most - 1), vec![Arc::new(Endpoint::new("e17", 0))]].concat();
    assert_eq!(check_endpoints(&twice), Err(BuildError::Duplicate { id: "e17".to_owned() }));

    let (builder, _) = builder("least_loaded");
    let pool = builder.endpoints(endpoints(most)).build().unwrap();
    let held: Vec<_> = (0..most).map(|_| pool.pick(&Demand::default()).unwrap()).collect();
    let mut targets: Vec<u32> = held.iter().map(|lease| *lease.target()).collect();
    targets.sort_unstable();
    assert_eq!(targets, (0..most).collect::<Vec<_>>(), "each has one");
    pool.set_endpoints(endpoints(most + 9));
    assert_eq!(pool.endpoints().len(), most as usize, "the rest is ignored");
}

#[test]
fn everyone_has_a_turn_and_weights_are_kept_to_within_the_bound() {
    let (pool, _) = many("balanced", |_| 1.0);
    let mut turns: Vec<u32> = (0..1_000).map(|_| pick(&pool)).collect();
    turns.sort_unstable();
    assert_eq!(turns, (0..1_000).collect::<Vec<_>>());

    let weight = |n| f64::from(n % 4 + 1);
    let (pool, _) = many("weighted", weight);
    let mut had = vec![0_i64; 1_000];
    for k in 1..=5_000_i64 {
        had[pick(&pool) as usize] += 1;
        if k % 250 == 0 {
            for (n, had) in (0..).zip(&had) {
                let share = weight(n) as i64;
                assert!((k * share - 2_500 * had).abs() * 1_998 <= 2_500 * 1_997, "{n} after {k}");
            }
        }
    }
    assert!((0..).zip(&had).all(|(n, had)| *had == 2 * weight(n) as i64), "two whole periods");
}

#[test]
fn every_strategy_serves_whichever_may_serve() {
    for info in Registry::built_in().iter() {
        let health = HealthSettings { slow_start: Duration::ZERO, ..HealthSettings::default() };
        let pool = builder(info.name).0.health(health).endpoints(endpoints(1_000)).build().unwrap();
        let serve = |demand: &Demand<'_>| {
            let mut lease = pool.pick(demand).unwrap();
            lease.first_token();
            let target = *lease.target();
            lease.succeed();
            target
        };
        // Only three are left, one of them in the last block; then only that one has not been tried.
        (0..1_000).filter(|n| ![5, 130, 999].contains(n)).for_each(|n| assert!(pool.drain(&format!("e{n}"))));
        let mut seen = HashMap::new();
        for n in 0..300 {
            let demand = Demand { size: 100, affinity: Some(n), class: "m", ..Demand::default() };
            *seen.entry(serve(&demand)).or_insert(0) += 1;
        }
        assert!(seen.keys().all(|target| [5, 130, 999].contains(target)), "{}: {seen:?}", info.name);
        let mut tried = Tried::default();
        [5, 130].iter().for_each(|n| tried.insert(EndpointKey::of(&format!("e{n}"))));
        assert_eq!(serve(&Demand { tried, affinity: Some(3), ..Demand::default() }), 999, "{}", info.name);
        pool.drain("e999");
        let refused = pool.pick(&Demand { tried, ..Demand::default() }).unwrap_err();
        assert_eq!(refused, PickError::Exhausted, "{}", info.name);
        (0..1_000).for_each(|n| assert!(pool.enable(&format!("e{n}"))));
        for _ in 0..100 {
            serve(&Demand { size: 9, ..Demand::default() });
        }
        assert!(pool.status().iter().all(|status| status.in_flight == 0), "{}", info.name);
    }
}

#[test]
fn who_fails_rests_and_comes_back() {
    let (pool, clock) = many("weighted", |_| 1.0);
    for _ in 0..5_000 {
        let lease = pool.pick(&Demand::default()).unwrap();
        if *lease.target() == 777 { lease.fail(Failure::Connect) } else { lease.succeed() }
    }
    assert!(matches!(pool.status()[777].standing, Standing::Paused { .. }));
    assert!((0..3_000).all(|_| pick(&pool) != 777));
    clock.advance(seconds(2));
    let probe = pool.pick(&Demand::default()).unwrap();
    assert_eq!(*probe.target(), 777, "one request finds out");
    probe.succeed();
    assert_eq!(pool.status()[777].standing, Standing::SlowStart);
}

#[test]
fn those_far_worse_than_the_rest_are_left_alone() {
    let (builder, clock) = builder("balanced");
    let pool = builder.endpoints(endpoints(200)).build().unwrap();
    for round in 0..120 {
        for _ in 0..200 {
            let lease = pool.pick(&Demand::default()).unwrap();
            // Every third answer of two of them is bad: too few for their breakers.
            let fails = round % 3 == 0 && *lease.target() >= 198;
            if fails { lease.fail(Failure::Server) } else { lease.succeed() }
        }
        clock.advance(millis(100));
    }
    let away = |status: &EndpointStatus| matches!(status.standing, Standing::Paused { reason: Reason::Outlier, .. });
    let away: Vec<_> = pool.status().into_iter().filter(away).map(|status| status.id).collect();
    assert_eq!(away.iter().map(|id| &**id).collect::<Vec<_>>(), ["e198", "e199"]);
}

#[test]
fn a_key_stays_and_few_keys_move() {
    let (pool, _) = many("sticky", |_| 1.0);
    let home = |key| *pool.pick(&Demand { affinity: Some(key), ..Demand::default() }).unwrap().target();
    let before: Vec<u32> = (0..2_000).map(home).collect();
    assert_eq!((0..2_000).map(home).collect::<Vec<_>>(), before);
    let gone = |n: u32| n % 100 == 7;
    pool.set_endpoints(pool.endpoints().into_iter().filter(|e| !gone(e.target)).collect());
    assert!((0..).zip(&before).all(|(key, home_before)| gone(*home_before) || home(key) == *home_before));
    let used: std::collections::HashSet<_> = before.iter().collect();
    assert!(used.len() > 700, "{} of 1,000 have a key of 2,000", used.len());
}

#[test]
fn a_place_that_comes_free_among_a_thousand_goes_to_who_waited_longest() {
    let (builder, _) = builder("first_available");
    let pool = builder.endpoints((0..1_000).map(|n| Arc::new(limited(n, 1)))).build().unwrap();
    let mut held: Vec<_> = (0..1_000).map(|_| pool.pick(&Demand::default()).unwrap()).collect();
    let refused = pool.pick(&Demand::default()).unwrap_err();
    assert!(matches!(refused, PickError::Busy { .. }));
    let demand = Demand::default();
    let mut waiters: Vec<_> = (0..50).map(|_| Task::new(pool.acquire(&demand))).collect();
    assert!(waiters.iter_mut().all(|waiter| waiter.poll().is_pending()));
    for waiter in &mut waiters {
        let free = held.swap_remove(held.len() / 2);
        let target = *free.target();
        free.succeed();
        let lease = waiter.ready().unwrap();
        assert_eq!(*lease.target(), target);
        held.push(lease);
    }
    assert_eq!(pool.waiting(), 0);
}

#[test]
fn an_explanation_tells_of_those_around_the_chosen_one() {
    let (builder, _) = builder("least_loaded");
    let pool = builder.endpoints(endpoints(1_000)).build().unwrap();
    (0..1_000).filter(|n| *n != 990).for_each(|n| assert!(pool.drain(&format!("e{n}"))));
    for explain in [true, false] {
        let why = pool.pick(&Demand { explain, ..Demand::default() }).unwrap().explain();
        assert_eq!((why.candidates().len(), why.left_out()), (Explanation::MOST, 1_000 - Explanation::MOST));
        assert_eq!(why.candidates().filter(|considered| considered.chosen).map(|c| c.id).collect::<Vec<_>>(), ["e990"]);
        assert_eq!(why.exact, explain);
        assert!(why.to_string().ends_with("e999: drained; and 936 more"), "{why}");
    }
}
