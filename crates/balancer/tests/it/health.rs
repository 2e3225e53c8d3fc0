//! Who is left alone, for how long, and how it comes back.

use llm_router_balancer::{Demand, Failure, HealthSettings, PickError, Reason, Standing, Tried};

use crate::support::{Pool, builder, endpoint, endpoints, millis, seconds};

fn standing(pool: &Pool, n: usize) -> Standing {
    pool.status()[n].standing
}

/// Fails `e0` as often as given, at once, by asking for it alone.
fn fail(pool: &Pool, times: u32, failure: Failure) {
    for _ in 0..times {
        only(pool, 0).fail(failure);
    }
}

fn only(pool: &Pool, n: u32) -> llm_router_balancer::Lease<u32, llm_router_balancer::ManualClock> {
    let mut tried = Tried::default();
    for endpoint in pool.endpoints() {
        if endpoint.target != n {
            tried.insert(llm_router_balancer::EndpointKey::of(endpoint.id()));
        }
    }
    pool.pick(&Demand { tried, ..Demand::default() }).unwrap()
}

fn two(strategy: &str) -> (Pool, llm_router_balancer::ManualClock) {
    let (builder, clock) = builder(strategy);
    (builder.endpoints(endpoints(2)).build().unwrap(), clock)
}

#[test]
fn five_failures_in_a_row_open_and_one_probe_closes() {
    let (pool, clock) = two("balanced");
    fail(&pool, 4, Failure::Connect);
    assert_eq!(standing(&pool, 0), Standing::Healthy);
    fail(&pool, 1, Failure::Connect);
    assert!(matches!(standing(&pool, 0), Standing::Paused { reason: Reason::Failing, .. }));
    for _ in 0..20 {
        assert_eq!(*pool.pick(&Demand::default()).unwrap().target(), 1);
    }
    clock.advance(millis(1_001));
    // Property 6: half-open admits exactly one.
    let probe = pool.pick(&Demand::default()).unwrap();
    assert_eq!(*probe.target(), 0);
    for _ in 0..20 {
        assert_eq!(*pool.pick(&Demand::default()).unwrap().target(), 1);
    }
    probe.succeed();
    assert_eq!(standing(&pool, 0), Standing::SlowStart);
    clock.advance(seconds(10));
    assert_eq!(standing(&pool, 0), Standing::Healthy);
}

#[test]
fn a_failed_probe_doubles_the_pause_up_to_the_longest() {
    let (pool, clock) = two("balanced");
    fail(&pool, 5, Failure::Server);
    let mut pauses = Vec::new();
    for _ in 0..9 {
        let Standing::Paused { remaining, .. } = standing(&pool, 0) else { panic!("it is paused") };
        pauses.push(remaining.as_secs());
        clock.advance(remaining + millis(1));
        let probe = pool.pick(&Demand::default()).unwrap();
        assert_eq!(*probe.target(), 0);
        probe.fail(Failure::Server);
    }
    assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 60, 60, 60]);
}

#[test]
fn a_probe_that_is_given_up_leaves_the_next_one_to_find_out() {
    let (pool, clock) = two("balanced");
    fail(&pool, 5, Failure::Server);
    clock.advance(seconds(2));
    let probe = pool.pick(&Demand::default()).unwrap();
    assert_eq!(*probe.target(), 0);
    drop(probe);
    assert_eq!(*pool.pick(&Demand::default()).unwrap().target(), 0);
}

#[test]
fn the_first_token_of_a_probe_is_enough() {
    let (pool, clock) = two("balanced");
    fail(&pool, 5, Failure::Server);
    clock.advance(seconds(2));
    let mut probe = pool.pick(&Demand::default()).unwrap();
    probe.first_token();
    assert_eq!(standing(&pool, 0), Standing::SlowStart);
    probe.fail(Failure::Truncated);
    assert_eq!(standing(&pool, 0), Standing::SlowStart, "one failure opens nothing");
}

#[test]
fn a_request_of_the_caller_that_is_wrong_blames_nobody() {
    let (pool, _) = two("balanced");
    fail(&pool, 50, Failure::Client);
    assert_eq!(standing(&pool, 0), Standing::Healthy);
    assert_eq!(pool.status()[0].failed, 0);
}

#[test]
fn half_of_the_answers_bad_opens_also_without_a_row() {
    let (pool, _) = two("balanced");
    for n in 0..20 {
        let lease = only(&pool, 0);
        if n % 2 == 0 {
            lease.succeed();
        } else {
            lease.fail(Failure::Server);
        }
    }
    assert!(matches!(standing(&pool, 0), Standing::Paused { .. }));
}

/// Property 6: a burst and the same burst spread over the window decide alike.
#[test]
fn the_decision_does_not_depend_on_when_in_the_window() {
    let decide = |gap: u64| {
        let (pool, clock) = two("balanced");
        for n in 0..19 {
            let lease = only(&pool, 0);
            if n % 2 == 0 {
                lease.succeed();
            } else {
                lease.fail(Failure::Server);
            }
            clock.advance(millis(gap));
        }
        let before = standing(&pool, 0);
        only(&pool, 0).fail(Failure::Server);
        (before, matches!(standing(&pool, 0), Standing::Paused { .. }))
    };
    assert_eq!(decide(0), (Standing::Healthy, true));
    assert_eq!(decide(900), (Standing::Healthy, true));
}

#[test]
fn retry_after_is_honoured_and_capped() {
    let (pool, clock) = two("dynamic_weighted");
    fail(&pool, 1, Failure::Overloaded { retry_after: Some(seconds(20)) });
    for _ in 0..19 {
        clock.advance(seconds(1));
        assert_eq!(*pool.pick(&Demand::default()).unwrap().target(), 1);
    }
    clock.advance(seconds(2));
    assert_eq!(standing(&pool, 0), Standing::Healthy);
    fail(&pool, 1, Failure::Overloaded { retry_after: Some(seconds(100_000)) });
    let Standing::Paused { reason: Reason::Overloaded, remaining } = standing(&pool, 0) else { panic!("paused") };
    assert_eq!(remaining, seconds(300));
}

#[test]
fn the_last_provider_is_never_ejected_but_a_pause_it_asked_for_is_kept() {
    let (builder, clock) = builder("balanced");
    let pool = builder.endpoints(endpoints(1)).build().unwrap();
    fail(&pool, 30, Failure::Connect);
    assert_eq!(*pool.pick(&Demand::default()).unwrap().target(), 0, "better to find out than to refuse");
    clock.advance(seconds(100));
    pool.pick(&Demand::default()).unwrap().succeed();
    let until = clock_now(&pool) + seconds(30);
    pool.pick(&Demand::default()).unwrap().fail(Failure::Quota { until: Some(until) });
    let error = pool.pick(&Demand::default()).unwrap_err();
    assert_eq!(error, PickError::Unavailable { retry_after: Some(seconds(30)) });
}

fn clock_now(pool: &Pool) -> llm_router_balancer::Tick {
    pool.now()
}

#[test]
fn when_all_are_broken_all_are_tried() {
    let (pool, _) = two("balanced");
    fail(&pool, 5, Failure::Connect);
    for _ in 0..5 {
        only(&pool, 1).fail(Failure::Connect);
    }
    let seen: std::collections::HashSet<u32> =
        (0..4).map(|_| *pool.pick(&Demand::default()).unwrap().target()).collect();
    assert_eq!(seen.len(), 2);
}

#[test]
fn a_live_success_outweighs_a_failed_probe() {
    let (pool, clock) = two("balanced");
    only(&pool, 0).succeed();
    clock.advance(seconds(5));
    pool.probe_result("e0", false);
    assert_eq!(standing(&pool, 0), Standing::Healthy);
    clock.advance(seconds(6));
    pool.probe_result("e0", false);
    assert!(matches!(standing(&pool, 0), Standing::Paused { reason: Reason::Probe, .. }));
    pool.probe_result("e0", true);
    assert_eq!(standing(&pool, 0), Standing::HalfOpen, "a good probe lets one request find out");
    assert!(!pool.probe_result("nobody", true));
}

#[test]
fn a_hint_keeps_away_and_never_blocks() {
    let (pool, clock) = two("balanced");
    pool.hint_down("e0", pool.now() + seconds(5));
    assert!((0..10).all(|_| *pool.pick(&Demand::default()).unwrap().target() == 1));
    pool.hint_down("e1", pool.now() + seconds(5));
    assert!(pool.pick(&Demand::default()).is_ok());
    clock.advance(seconds(6));
    assert_eq!(standing(&pool, 0), Standing::Healthy);
}

#[test]
fn what_began_before_the_breaker_opened_says_nothing() {
    let (pool, clock) = two("balanced");
    let old = only(&pool, 0);
    clock.advance(seconds(1));
    fail(&pool, 5, Failure::Server);
    let Standing::Paused { remaining, .. } = standing(&pool, 0) else { panic!("paused") };
    old.succeed();
    assert!(matches!(standing(&pool, 0), Standing::Paused { .. }));
    assert_eq!(remaining, seconds(1));
}

#[test]
fn an_outlier_is_ejected_and_half_of_all_stay() {
    let settings =
        HealthSettings { failure_rate: 2.0, consecutive: 1_000.try_into().unwrap(), ..HealthSettings::default() };
    let (builder, clock) = builder("balanced");
    let pool = builder.endpoints(endpoints(6)).health(settings).build().unwrap();
    for n in 0..1_200_u32 {
        clock.advance(millis(10));
        let lease = pool.pick(&Demand::default()).unwrap();
        if *lease.target() == 2 && n / 6 % 3 == 0 {
            lease.fail(Failure::Server);
        } else {
            lease.succeed();
        }
    }
    assert!(matches!(standing(&pool, 2), Standing::Paused { reason: Reason::Outlier, .. }), "{pool:?}");
    assert_eq!(pool.status().iter().filter(|s| s.standing == Standing::Healthy).count(), 5);
}

/// Property 5: an endpoint that fails at once is not fast.
#[test]
fn failures_never_attract() {
    for strategy in ["dynamic_weighted", "adaptive", "least_loaded", "balanced", "weighted", "first_available"] {
        let (builder, clock) = builder(strategy);
        let pool = builder.endpoints(endpoints(3)).build().unwrap();
        let mut broken = 0;
        for _ in 0..200 {
            let mut lease = pool.pick(&Demand { size: 100, ..Demand::default() }).unwrap();
            if *lease.target() == 0 {
                broken += 1;
                clock.advance(millis(1));
                lease.fail(Failure::Server);
            } else {
                clock.advance(millis(200));
                lease.first_token();
                lease.succeed();
            }
        }
        // Five to open the breaker, then a probe after 1, 2, 4, 8 and 16 of 40 seconds.
        assert!(broken <= 5 + 5, "{strategy}: {broken} of 200");
    }
}

#[test]
fn a_higher_tier_serves_only_when_no_lower_one_can() {
    let (builder, _) = builder("balanced");
    let pool = builder
        .endpoint(endpoint(0, |config| config.max_concurrency = 1.try_into().ok()))
        .endpoint(endpoint(1, |config| config.tier = 1))
        .build()
        .unwrap();
    let first = pool.pick(&Demand::default()).unwrap();
    assert_eq!(*first.target(), 0);
    assert_eq!(*pool.pick(&Demand::default()).unwrap().target(), 1);
    first.succeed();
    assert!((0..5).all(|_| *pool.pick(&Demand::default()).unwrap().target() == 0));
    pool.drain("e0");
    assert_eq!(*pool.pick(&Demand::default()).unwrap().target(), 1);
}

#[test]
fn tags_and_tried_endpoints_are_filtered_and_said_so() {
    use llm_router_balancer::{Tag, Verdict};
    let (builder, _) = builder("least_loaded");
    let pool = builder
        .endpoint(endpoint(0, |config| config.tags = vec!["gpu".into()]))
        .endpoint(endpoint(1, |config| config.tags = vec!["gpu".into(), "eu".into()]))
        .endpoint(endpoint(2, |_| {}))
        .build()
        .unwrap();
    let tags = [Tag::of("gpu")];
    let mut demand = Demand { tags: &tags, explain: true, ..Demand::default() };
    demand.tried.insert(llm_router_balancer::EndpointKey::of("e0"));
    let lease = pool.pick(&demand).unwrap();
    assert_eq!(*lease.target(), 1);
    let why = lease.explain();
    let verdicts: Vec<_> = why.candidates().map(|considered| considered.verdict).collect();
    assert_eq!(verdicts, [Verdict::Tried, Verdict::Eligible, Verdict::Tags]);
    let chosen = why.candidates().nth(1).unwrap();
    assert!(why.exact && chosen.chosen && why.left_out() == 0);
    assert_eq!(chosen.score, Some(1.0));
    assert_eq!(why.to_string(), "e0: tried; *e1: eligible, score 1.0000; e2: lacks a tag");
    demand.tried.insert(lease.key());
    assert_eq!(pool.pick(&demand).unwrap_err(), PickError::Exhausted);
    let none = [Tag::of("moon")];
    assert_eq!(pool.pick(&Demand { tags: &none, ..Demand::default() }).unwrap_err(), PickError::NoMatch);
    assert!(!pool.pick(&Demand::default()).unwrap().explain().exact);
}

#[test]
fn of_several_who_come_when_a_pause_ends_one_probes_the_only_endpoint_and_none_is_refused() {
    let (builder, clock) = builder("balanced");
    let pool = builder.endpoints(endpoints(1)).build().unwrap();
    fail(&pool, 5, Failure::Connect);
    for round in 0..2_000 {
        clock.advance(seconds(100));
        let start = std::sync::Barrier::new(3);
        std::thread::scope(|scope| {
            let come = || {
                start.wait();
                pool.pick(&Demand::default()).map(|lease| lease.fail(Failure::Connect))
            };
            let all: Vec<_> = (0..3).map(|_| scope.spawn(come)).collect();
            for one in all {
                assert_eq!(one.join().unwrap(), Ok(()), "round {round}");
            }
        });
    }
}
