//! The endpoints change while threads pick: nobody gets one that is gone, and none is kept alive.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::channel;

use llm_router_balancer::{
    AnyStrategy, Balancer, Demand, Endpoint, EndpointConfig, EndpointKey, Failure, PickError, Tag, Tried, Verdict,
};
use proptest::prelude::*;

use crate::support::{Pool, builder, millis};

fn numbered<T>(targets: impl IntoIterator<Item = T>) -> Vec<Arc<Endpoint<T>>> {
    targets.into_iter().enumerate().map(|(n, target)| Arc::new(Endpoint::new(format!("e{n}"), target))).collect()
}

#[test]
fn who_picks_after_a_change_gets_what_it_brought() {
    for name in ["weighted", "least_loaded", "adaptive"] {
        let strategy = AnyStrategy::from_name(name).unwrap();
        let pool = Balancer::builder().strategy(strategy).endpoints(numbered([0_u64; 3])).build().unwrap();
        let (done, stop) = (AtomicU64::new(0), AtomicBool::new(false));
        std::thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    let mut held = Vec::new();
                    while !stop.load(Ordering::Relaxed) {
                        let least = done.load(Ordering::Acquire);
                        let lease = pool.pick(&Demand::default()).unwrap();
                        assert!(*lease.target() >= least, "{name}: {} after {least}", lease.target());
                        held.push(lease);
                        if held.len() > 5 {
                            held.swap_remove(2).succeed();
                        }
                    }
                });
            }
            for change in 1..=3_000 {
                pool.set_endpoints(numbered(vec![change; 1 + change as usize % 5]));
                done.store(change, Ordering::Release);
            }
            stop.store(true, Ordering::Relaxed);
        });
        assert!(pool.status().iter().all(|status| status.in_flight == 0 && status.resource_in_flight == 0), "{name}");
    }
}

#[test]
fn a_target_that_was_replaced_goes_with_its_last_lease() {
    let (target, other) = (Arc::new("old"), Arc::new("new"));
    let pool = Balancer::builder().endpoints(numbered([Arc::clone(&target)])).build().unwrap();
    let (to_thread, told) = channel::<()>();
    let (picked, lease) = channel();
    std::thread::scope(|scope| {
        let pool = &pool;
        scope.spawn(move || {
            picked.send(pool.pick(&Demand::default()).unwrap()).unwrap();
            // It lives on, and has seen the old endpoints last.
            let _ = told.recv();
        });
        let lease = lease.recv().unwrap();
        pool.set_endpoints(numbered([Arc::clone(&other)]));
        assert_eq!(Arc::strong_count(&target), 2, "the lease holds it");
        lease.succeed();
        assert_eq!(Arc::strong_count(&target), 1, "nobody else does");
        drop(to_thread);
    });
    assert_eq!(**pool.pick(&Demand::default()).unwrap().target(), "new");
    pool.set_endpoints(Vec::new());
    assert_eq!(pool.pick(&Demand::default()).unwrap_err(), PickError::Empty);
    assert_eq!(Arc::strong_count(&other), 1);
}

#[derive(Debug, Clone)]
enum Event {
    Succeed,
    Fail(u8),
    Hold,
    Release,
    Advance(u64),
    Drain(u32),
    Enable(u32),
    Hint(u32, u64),
    Probe(u32, bool),
    Endpoints(u32),
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        4 => Just(Event::Succeed),
        4 => (0_u8..4).prop_map(Event::Fail),
        2 => Just(Event::Hold),
        2 => Just(Event::Release),
        4 => (1_u64..3_000).prop_map(Event::Advance),
        1 => (0_u32..5).prop_map(Event::Drain),
        1 => (0_u32..5).prop_map(Event::Enable),
        1 => (0_u32..5, 1_u64..3_000).prop_map(|(n, span)| Event::Hint(n, span)),
        1 => (0_u32..5, any::<bool>()).prop_map(|(n, good)| Event::Probe(n, good)),
        1 => (1_u32..6).prop_map(Event::Endpoints),
    ]
}

/// Endpoints in two tiers, with tags, and some with a limit.
fn various(count: u32, limits: bool) -> Vec<Arc<Endpoint<u32>>> {
    (0..count)
        .map(|n| {
            let mut config = EndpointConfig::new(format!("e{n}"));
            let high = if n >= 3 { "high" } else { "low" };
            config.tags = ["any", if n % 2 == 0 { "even" } else { "odd" }, high].map(Arc::from).to_vec();
            config.tier = u8::from(n >= 3);
            config.max_concurrency = NonZeroU32::new(2).filter(|_| limits && n % 3 != 0);
            Arc::new(config.with(n))
        })
        .collect()
}

/// What a demand asks for: tags, and endpoints it has tried.
#[derive(Debug, Clone)]
struct Asks {
    tags: Vec<&'static str>,
    tried: Vec<u32>,
}

fn asks() -> impl Strategy<Value = Asks> {
    let tags = prop::sample::subsequence(vec!["any", "even", "odd", "high", "moon"], 0..3);
    let nothing = Just(Asks { tags: Vec::new(), tried: Vec::new() });
    prop_oneof![nothing, (tags, prop::collection::vec(0_u32..6, 0..4)).prop_map(|(tags, tried)| Asks { tags, tried })]
}

/// Who may serve, and whether somebody is tried out instead; or why nobody can.
fn eligible(pool: &Pool, asks: &Asks) -> Result<(Vec<String>, bool), PickError> {
    let tags: Vec<Tag> = asks.tags.iter().map(|tag| Tag::of(tag)).collect();
    let mut tried = Tried::default();
    asks.tried.iter().for_each(|n| tried.insert(EndpointKey::of(&format!("e{n}"))));
    let why = pool.pick(&Demand { tags: &tags, tried, explain: true, ..Demand::default() })?.explain();
    let may = why.candidates().filter(|candidate| candidate.verdict == Verdict::Eligible);
    let probe = why.candidates().any(|candidate| candidate.chosen && candidate.verdict == Verdict::Probe);
    Ok((may.map(|candidate| candidate.id.to_owned()).collect(), probe))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    /// What a thread remembers of who may serve is what it would find if it looked at each endpoint, as a thread does
    /// that has not looked yet.
    #[test]
    fn what_is_remembered_is_what_would_be_found(
        events in prop::collection::vec((event(), asks()), 1..80),
        strategy in prop::sample::select(vec!["least_loaded", "weighted", "first_available"]),
        limits: bool,
    ) {
        let (builder, clock) = builder(strategy);
        let pool = builder.endpoints(various(5, limits)).build().unwrap();
        let mut held = Vec::new();
        for (event, asks) in events {
            match event {
                Event::Succeed => drop(pool.pick(&Demand::default()).map(|lease| lease.succeed())),
                Event::Fail(kind) => {
                    let failure = match kind {
                        0 => Failure::Connect,
                        1 => Failure::Overloaded { retry_after: Some(millis(400)) },
                        2 => Failure::Auth,
                        _ => Failure::Quota { until: Some(pool.now() + millis(900)) },
                    };
                    drop(pool.pick(&Demand::default()).map(|lease| lease.fail(failure)));
                }
                Event::Hold => held.extend(pool.pick(&Demand::default())),
                Event::Release => drop(held.pop()),
                Event::Advance(span) => clock.advance(millis(span)),
                Event::Drain(n) => drop(pool.drain(&format!("e{n}"))),
                Event::Enable(n) => drop(pool.enable(&format!("e{n}"))),
                Event::Hint(n, span) => drop(pool.hint_down(&format!("e{n}"), pool.now() + millis(span))),
                Event::Probe(n, good) => drop(pool.probe_result(&format!("e{n}"), good)),
                Event::Endpoints(count) => pool.set_endpoints(various(count, limits)),
            }
            let serving = pool.status().iter().filter(|status| status.standing.serves()).count();
            prop_assert_eq!(pool.serving(), serving);
            let (again, remembered) = (eligible(&pool, &asks), eligible(&pool, &asks));
            prop_assert_eq!(&again, &remembered, "{:?}", pool.status());
            let found = std::thread::scope(|scope| scope.spawn(|| eligible(&pool, &asks)).join().unwrap());
            prop_assert_eq!(remembered, found, "{:?}", pool.status());
        }
    }
}
