//! What a pick costs, in increments of an atomic number on the same machine. `cargo run --release -p
//! llm-router-balancer --example cost` prints the table of `docs/FIGURES.md`.
//!
//! Each figure is the twentieth part of many short measurements that took least, so that a machine which does much else
//! tells nearly the same as an idle one; the benchmark `pick` tells more on an idle one.

#![expect(clippy::print_stdout, reason = "it shows what it measured")]

use std::error::Error;
use std::hint::black_box;
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU64, Ordering};

use llm_router_balancer::{AnyStrategy, Balancer, Clock, Demand, EndpointConfig, Sleep, SystemClock, Tick};

/// Measurements of one figure, and what is measured at a time.
const ROUNDS: usize = 20_000;
const CALLS: u32 = 200;

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

fn main() -> Result<(), Box<dyn Error>> {
    let counter = AtomicU64::new(0);
    let unit = nanos(|| black_box(&counter).fetch_add(1, Ordering::Relaxed));
    println!("| what | ns | increments |\n|---|--:|--:|\n| atomic increment | {unit:.1} | 1.0 |");
    let show = |what: String, nanos: f64| println!("| {what} | {nanos:.1} | {:.1} |", nanos / unit);
    show("reading the clock".to_owned(), nanos(|| SystemClock.now()));
    for (strategy, counts) in [
        ("balanced", &[8][..]),
        ("weighted", &[8, 64]),
        ("least_loaded", &[8, 64]),
        ("dynamic_weighted", &[8, 64]),
        ("adaptive", &[8, 64]),
        ("sticky", &[8]),
    ] {
        for &count in counts {
            let balancer = balancer(strategy, count, Still)?;
            let demand = Demand { size: 500, affinity: Some(7), ..Demand::default() };
            let cost = nanos(|| balancer.choose(black_box(&demand)));
            show(format!("choosing, {strategy} of {count}"), cost);
        }
    }
    for strategy in ["weighted", "least_loaded", "adaptive"] {
        let balancer = balancer(strategy, 8, SystemClock)?;
        let demand = Demand { size: 500, ..Demand::default() };
        let cost = nanos(|| {
            if let Ok(mut lease) = balancer.pick(black_box(&demand)) {
                lease.first_token();
                lease.succeed();
            }
        });
        show(format!("a whole lease, {strategy} of 8"), cost);
    }
    Ok(())
}

/// Every endpoint has history and something in flight, so that there is something to compare.
fn balancer<C: Clock>(strategy: &str, count: u32, clock: C) -> Result<Balancer<u32, AnyStrategy, C>, Box<dyn Error>> {
    let mut builder = Balancer::builder().strategy(AnyStrategy::from_name(strategy)?).clock(clock);
    for n in 0..count {
        let mut config = EndpointConfig::new(format!("e{n}"));
        config.weight = f64::from(n % 4 + 1);
        config.slots = NonZeroU32::new(1_000);
        builder = builder.endpoint(config.with(n));
    }
    let balancer = builder.build()?;
    for n in 0..count * 3 {
        let mut lease = balancer.pick(&Demand { size: 100 + n, ..Demand::default() })?;
        lease.first_token();
        if n % 3 == 0 { std::mem::forget(lease) } else { lease.succeed() }
    }
    Ok(balancer)
}

/// Nanoseconds of a call.
fn nanos<T>(mut call: impl FnMut() -> T) -> f64 {
    let round = |_| {
        let begun = SystemClock.now();
        (0..CALLS).for_each(|_| drop(black_box(call())));
        SystemClock.now().since(begun).as_nanos() as f64 / f64::from(CALLS)
    };
    let mut times: Vec<f64> = (0..ROUNDS).map(round).collect();
    times.sort_by(f64::total_cmp);
    times[ROUNDS / 20]
}
