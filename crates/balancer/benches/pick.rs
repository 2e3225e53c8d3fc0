//! What a pick costs, beside a bare atomic increment on the same machine.
//!
//! `choose` is the strategy and what leads to it, on a clock that costs nothing; `cycle` is a whole lease: pick, first
//! token, end, with three readings of the clock of the machine.

use std::hint::black_box;
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU64, Ordering};

use criterion::{Criterion, criterion_group, criterion_main};
use llm_router_balancer::{AnyStrategy, Balancer, Clock, Demand, Endpoint, EndpointConfig, Sleep, SystemClock, Tick};

/// A clock that stands, so that what is measured is not the clock.
struct Still;

impl Clock for Still {
    fn now(&self) -> Tick {
        Tick::from_nanos(1_000_000_000_000)
    }

    fn sleep_until(&self, _: Tick) -> Sleep {
        Box::pin(std::future::ready(()))
    }
}

fn endpoint(n: u32) -> Endpoint<u32> {
    let mut config = EndpointConfig::new(format!("e{n}"));
    config.weight = f64::from(n % 4 + 1);
    config.slots = NonZeroU32::new(1_000);
    config.with(n)
}

fn balancer<C: Clock>(strategy: &str, count: u32, clock: C) -> Balancer<u32, AnyStrategy, C> {
    let mut builder =
        Balancer::builder().strategy(AnyStrategy::from_name(strategy).expect("it is built in")).clock(clock);
    for n in 0..count {
        builder = builder.endpoint(endpoint(n));
    }
    let balancer = builder.build().expect("ids and weights are sane");
    // Something to compare: every endpoint has history and something in flight.
    for n in 0..count * 3 {
        let mut lease = balancer.pick(&Demand { size: 100 + n, ..Demand::default() }).expect("nothing is full");
        lease.first_token();
        if n % 3 == 0 {
            std::mem::forget(lease);
        } else {
            lease.succeed();
        }
    }
    balancer
}

fn increment(c: &mut Criterion) {
    let counter = AtomicU64::new(0);
    c.bench_function("atomic increment", |b| b.iter(|| black_box(&counter).fetch_add(1, Ordering::Relaxed)));
    c.bench_function("read the clock", |b| b.iter(|| black_box(SystemClock.now())));
}

fn choose(c: &mut Criterion) {
    let cases = [
        ("balanced", 8),
        ("weighted", 8),
        ("weighted", 64),
        ("least_loaded", 8),
        ("least_loaded", 64),
        ("dynamic_weighted", 8),
        ("dynamic_weighted", 64),
        ("adaptive", 8),
        ("adaptive", 64),
        ("sticky", 8),
    ];
    for (strategy, count) in cases {
        let balancer = balancer(strategy, count, Still);
        let demand = Demand { size: 500, affinity: Some(7), ..Demand::default() };
        c.bench_function(&format!("choose {strategy} of {count}"), |b| {
            b.iter(|| black_box(balancer.choose(black_box(&demand))));
        });
    }
}

fn cycle(c: &mut Criterion) {
    for strategy in ["weighted", "least_loaded", "adaptive"] {
        let balancer = balancer(strategy, 8, SystemClock);
        let demand = Demand { size: 500, ..Demand::default() };
        c.bench_function(&format!("cycle {strategy} of 8"), |b| {
            b.iter(|| {
                let mut lease = balancer.pick(black_box(&demand)).expect("nothing is full");
                lease.first_token();
                lease.succeed();
            });
        });
    }
}

criterion_group!(benches, increment, choose, cycle);
criterion_main!(benches);
