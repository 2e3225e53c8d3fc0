//! What a pick costs, in increments of an atomic number on the same machine. `cargo run --release -p
//! llm-router-balancer --example cost` prints the table of `docs/FIGURES.md`.
//!
//! Each figure is the twentieth part of many short measurements that took least, so that a machine which does much else
//! tells nearly the same as an idle one; the benchmark `pick` tells more on an idle one.

#![expect(clippy::print_stdout, reason = "it shows what it measured")]

mod pools;

use std::hint::black_box;
use std::sync::atomic::{AtomicU64, Ordering};

use llm_router_balancer::{Clock, Demand, SystemClock, Tag};
use pools::{CHOICES, LEASES, LIMITED, Still, balancer, demand, limited, serve};

/// Measurements of one figure, and what is measured at a time.
const ROUNDS: usize = 20_000;
const CALLS: u32 = 200;

/// Endpoints from which on a choice is measured less often, since it takes long.
const MANY: u32 = 1_000;

fn main() {
    let counter = AtomicU64::new(0);
    let unit = nanos(ROUNDS, || black_box(&counter).fetch_add(1, Ordering::Relaxed));
    println!("| what | ns | increments |\n|---|--:|--:|\n| atomic increment | {unit:.1} | 1.0 |");
    let show = |what: String, nanos: f64| println!("| {what} | {nanos:.1} | {:.1} |", nanos / unit);
    show("reading the clock".to_owned(), nanos(ROUNDS, || SystemClock.now()));
    for (strategy, counts) in CHOICES {
        for &count in counts {
            let (balancer, demand) = (balancer(strategy, count, Still), demand());
            let rounds = if count < MANY { ROUNDS } else { ROUNDS / 20 };
            let cost = nanos(rounds, || balancer.choose(black_box(&demand)));
            show(format!("choosing, {strategy} of {count}"), cost);
        }
    }
    let (out, any) = (balancer("weighted", MANY, Still), demand());
    out.drain("e0");
    let cost = nanos(ROUNDS, || out.choose(black_box(&any)));
    show(format!("choosing, weighted of {MANY}, one of them out"), cost);
    let even = [Tag::of("even")];
    for strategy in LIMITED {
        let balancer = limited(strategy, MANY, Still);
        for (name, tags) in [("", &[][..]), (", by a tag", &even)] {
            let demand = Demand { tags, ..demand() };
            let cost = nanos(ROUNDS / 20, || balancer.choose(black_box(&demand)));
            show(format!("choosing, {strategy} of {MANY} with limits{name}"), cost);
        }
    }
    for strategy in LEASES {
        let (balancer, demand) = (balancer(strategy, 8, SystemClock), demand());
        show(format!("a whole lease, {strategy} of 8"), nanos(ROUNDS, || serve(&balancer, black_box(&demand))));
    }
}

/// Nanoseconds of a call.
fn nanos<T>(rounds: usize, mut call: impl FnMut() -> T) -> f64 {
    let round = |_| {
        let begun = SystemClock.now();
        (0..CALLS).for_each(|_| drop(black_box(call())));
        SystemClock.now().since(begun).as_nanos() as f64 / f64::from(CALLS)
    };
    let mut times: Vec<f64> = (0..rounds).map(round).collect();
    times.sort_by(f64::total_cmp);
    times[rounds / 20]
}
