//! What a pick costs, beside a bare atomic increment on the same machine.
//!
//! `choose` is the strategy and what leads to it, on a clock that costs nothing; `cycle` is a whole lease: pick, first
//! token, end, with three readings of the clock of the machine.

#[path = "../examples/cost/pools.rs"]
mod pools;

use std::hint::black_box;
use std::sync::atomic::{AtomicU64, Ordering};

use criterion::{Criterion, criterion_group, criterion_main};
use llm_router_balancer::{Clock, SystemClock};
use pools::{CHOICES, LEASES, LIMITED, Still, balancer, demand, limited, serve};

fn increment(c: &mut Criterion) {
    let counter = AtomicU64::new(0);
    c.bench_function("atomic increment", |b| b.iter(|| black_box(&counter).fetch_add(1, Ordering::Relaxed)));
    c.bench_function("read the clock", |b| b.iter(|| black_box(SystemClock.now())));
}

fn choose(c: &mut Criterion) {
    for (strategy, counts) in CHOICES {
        for &count in counts {
            let (balancer, demand) = (balancer(strategy, count, Still), demand());
            c.bench_function(&format!("choose {strategy} of {count}"), |b| {
                b.iter(|| black_box(balancer.choose(black_box(&demand))));
            });
        }
    }
}

fn choose_limited(c: &mut Criterion) {
    for strategy in LIMITED {
        let (balancer, demand) = (limited(strategy, 1_000, Still), demand());
        c.bench_function(&format!("choose {strategy} of 1000 with limits"), |b| {
            b.iter(|| black_box(balancer.choose(black_box(&demand))));
        });
    }
}

fn cycle(c: &mut Criterion) {
    for strategy in LEASES {
        let (balancer, demand) = (balancer(strategy, 8, SystemClock), demand());
        c.bench_function(&format!("cycle {strategy} of 8"), |b| b.iter(|| serve(&balancer, black_box(&demand))));
    }
}

criterion_group!(benches, increment, choose, choose_limited, cycle);
criterion_main!(benches);
