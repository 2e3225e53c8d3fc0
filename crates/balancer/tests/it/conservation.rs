//! Whatever happens, what is in flight is what leases are alive, and it returns to zero.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use llm_router_balancer::{AnyStrategy, Balancer, Demand, Endpoint, EndpointConfig, Failure, Registry};
use proptest::prelude::*;

use crate::support::{Pool, Task, builder, millis};

#[derive(Debug, Clone)]
enum Step {
    Pick,
    Acquire,
    FirstToken(usize),
    Succeed(usize),
    Fail(usize, u8),
    Drop(usize),
    DropWaiter(usize),
    PollWaiters,
    Advance(u64),
    Endpoints(u32),
    Drain(u32),
    Enable(u32),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => Just(Step::Pick),
        4 => Just(Step::Acquire),
        2 => any::<usize>().prop_map(Step::FirstToken),
        4 => any::<usize>().prop_map(Step::Succeed),
        2 => (any::<usize>(), 0_u8..9).prop_map(|(at, kind)| Step::Fail(at, kind)),
        2 => any::<usize>().prop_map(Step::Drop),
        1 => any::<usize>().prop_map(Step::DropWaiter),
        3 => Just(Step::PollWaiters),
        2 => (1_u64..5_000).prop_map(Step::Advance),
        1 => (1_u32..6).prop_map(Step::Endpoints),
        1 => (0_u32..5).prop_map(Step::Drain),
        1 => (0_u32..5).prop_map(Step::Enable),
    ]
}

fn failure(kind: u8) -> Failure {
    match kind {
        0 => Failure::Connect,
        1 => Failure::Timeout,
        2 => Failure::Reset,
        3 => Failure::Overloaded { retry_after: None },
        4 => Failure::Overloaded { retry_after: Some(millis(700)) },
        5 => Failure::Auth,
        6 => Failure::Server,
        7 => Failure::Truncated,
        _ => Failure::Client,
    }
}

fn set(count: u32, limit: u32) -> Vec<Arc<Endpoint<u32>>> {
    (0..count)
        .map(|n| {
            let mut config = EndpointConfig::new(format!("e{n}"));
            config.max_concurrency = NonZeroU32::new(limit);
            Arc::new(config.with(n))
        })
        .collect()
}

fn live(pool: &Pool) -> u32 {
    pool.status().iter().map(|status| status.in_flight).sum()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    /// Property 2, for every strategy, with and without limits.
    #[test]
    fn in_flight_is_what_is_alive(
        which in 0_usize..8,
        limit in 0_u32..4,
        steps in prop::collection::vec(step(), 1..120),
    ) {
        let name = Registry::built_in().iter().nth(which).unwrap().name;
        let (builder, clock) = builder(name);
        let pool = builder.endpoints(set(4, limit)).build().unwrap();
        let demand = Demand { class: "m", size: 100, affinity: Some(7), ..Demand::default() };
        let mut leases = Vec::new();
        let mut waiters: Vec<Task<_>> = Vec::new();
        for step in steps {
            match step {
                Step::Pick => leases.extend(pool.pick(&demand)),
                Step::Acquire => waiters.push(Task::new(pool.acquire(&demand))),
                Step::FirstToken(at) if !leases.is_empty() => {
                    let at = at % leases.len();
                    leases[at].first_token();
                }
                Step::Succeed(at) if !leases.is_empty() => leases.swap_remove(at % leases.len()).succeed(),
                Step::Fail(at, kind) if !leases.is_empty() => {
                    leases.swap_remove(at % leases.len()).fail(failure(kind));
                }
                Step::Drop(at) if !leases.is_empty() => drop(leases.swap_remove(at % leases.len())),
                Step::DropWaiter(at) if !waiters.is_empty() => drop(waiters.swap_remove(at % waiters.len())),
                Step::PollWaiters => waiters.retain_mut(|waiter| match waiter.poll() {
                    std::task::Poll::Ready(result) => {
                        leases.extend(result);
                        false
                    }
                    std::task::Poll::Pending => true,
                }),
                Step::Advance(span) => clock.advance(millis(span)),
                Step::Endpoints(count) => pool.set_endpoints(set(count, limit)),
                Step::Drain(n) => drop(pool.drain(&format!("e{n}"))),
                Step::Enable(n) => drop(pool.enable(&format!("e{n}"))),
                _ => {}
            }
            // Endpoints that were removed keep their leases, so what the pool shows can only be less.
            prop_assert!(live(&pool) as usize <= leases.len());
            if limit > 0 {
                prop_assert!(pool.status().iter().all(|status| status.resource_in_flight <= limit));
            }
        }
        drop(waiters);
        drop(leases);
        prop_assert_eq!(live(&pool), 0);
        prop_assert!(pool.status().iter().all(|status| status.resource_in_flight == 0), "{:?}", pool.status());
        prop_assert_eq!(pool.waiting(), 0);
    }
}

/// Two threads on the same endpoints: nothing is lost, and no limit is exceeded.
#[test]
fn two_threads_never_exceed_a_limit_and_leave_nothing() {
    for name in ["balanced", "dynamic_weighted", "first_available"] {
        let strategy = AnyStrategy::from_name(name).unwrap();
        let pool = Balancer::builder().strategy(strategy).endpoints(set(3, 2)).build().unwrap();
        let held: [AtomicU32; 3] = Default::default();
        std::thread::scope(|scope| {
            for thread in 0..2_u32 {
                let (pool, held) = (&pool, &held);
                scope.spawn(move || {
                    for n in 0..4_000_u32 {
                        let Ok(mut lease) = pool.pick(&Demand::default()) else { continue };
                        let now = held[*lease.target() as usize].fetch_add(1, Ordering::SeqCst);
                        assert!(now < 2, "{name}");
                        lease.first_token();
                        held[*lease.target() as usize].fetch_sub(1, Ordering::SeqCst);
                        match (n + thread) % 3 {
                            0 => lease.succeed(),
                            1 => lease.fail(Failure::Client),
                            _ => drop(lease),
                        }
                    }
                });
            }
        });
        assert!(pool.status().iter().all(|s| s.in_flight == 0 && s.resource_in_flight == 0), "{name}");
    }
}

/// Property 9: the same calls at the same times choose the same endpoints.
#[test]
fn the_same_calls_give_the_same_choices() {
    let run = |name: &str| {
        let (builder, clock) = builder(name);
        let pool = builder.endpoints(set(5, 3)).build().unwrap();
        let mut held = Vec::new();
        let mut trace = Vec::new();
        for n in 0..2_000_u64 {
            clock.advance(millis(n * 7 % 113));
            let demand = Demand { size: (n * 31 % 900) as u32, affinity: Some(n % 17), ..Demand::default() };
            if let Ok(lease) = pool.pick(&demand) {
                trace.push(*lease.target());
                held.push(lease);
            }
            if n % 2 == 0 && !held.is_empty() {
                let mut lease = held.remove((n % held.len() as u64) as usize);
                lease.first_token();
                if n % 10 == 0 {
                    lease.fail(Failure::Server);
                } else {
                    lease.succeed();
                }
            }
        }
        trace
    };
    for info in Registry::built_in().iter() {
        assert_eq!(run(info.name), run(info.name), "{}", info.name);
    }
}
