//! Chaos: routers and redis-server are killed, frozen, restarted empty and failed over while leases are taken.
//!
//! The short form runs with the other tests. The long form (`LLM_ROUTER_TESTS_LONG=1`) takes 100,000 leases, or as many
//! as `LLMR_CHAOS_LEASES` says.
//! With `LLMR_CHAOS_NO_QUARANTINE=1` it must find resources held twice: that tests the test. `LLMR_CHAOS_SEED` has
//! other things befall.
//!
//! `LLMR_CHAOS_LEASES=100000 cargo test -p llm-router-balancer --features redis --test redis chaos:: -- --nocapture`

mod check;
mod faults;
mod process;
mod record;

use std::time::{Duration, Instant};

use self::faults::Stage;
use self::process::{Job, ROLE};

/// Session length in chaos: what is lost is lost soon.
pub const TTL: Duration = Duration::from_millis(2_000);
pub const MARGIN: Duration = Duration::from_millis(500);
pub const LAG: Duration = Duration::from_millis(200);
const SHORT: Duration = Duration::from_secs(20);
const LONGEST: Duration = Duration::from_secs(5_400);
const LONG: usize = 100_000;

/// Resources and how many leases each bears.
pub const RESOURCES: &[(&str, u32)] =
    &[("A", 1), ("B", 1), ("C", 1), ("D", 1), ("E", 1), ("F", 1), ("S", 3), ("L", 1), ("M", 2)];
/// Models and where each is served. The first is held for long, so that much befalls its holders.
pub const MODELS: &[(&str, &[&str])] =
    &[("long", &["L", "M"]), ("m1", &["A", "B", "C"]), ("m2", &["C", "D"]), ("m3", &["E"]), ("m4", &["F", "S", "A"])];

/// One of the processes of the chaos, when started as such. Nothing otherwise.
#[test]
fn a_router_process() {
    if let Ok(role) = std::env::var(ROLE) {
        Job::parse(&role).run();
    }
}

#[test]
fn no_resource_is_held_twice_whatever_dies() {
    let long = std::env::var("LLM_ROUTER_TESTS_LONG").is_ok_and(|long| !long.is_empty());
    let wanted = match std::env::var("LLMR_CHAOS_LEASES") {
        Ok(number) => number.parse().unwrap(),
        Err(_) if long => LONG,
        Err(_) => 0,
    };
    let seed = std::env::var("LLMR_CHAOS_SEED").map_or(7, |number| number.parse().unwrap());
    let begun = Instant::now();
    let mut stage = Stage::open(seed);
    while begun.elapsed() < LONGEST && (begun.elapsed() < SHORT || stage.records().taken() < wanted) {
        stage.step();
    }
    let left_over = stage.close();
    let report = check::check(stage.records(), stage.faults());
    println!("{report}; {} in {:.0} s", stage.summary(), begun.elapsed().as_secs_f64());
    assert_eq!(report.overlaps, Vec::<String>::new(), "held twice");
    assert_eq!(report.fences, Vec::<String>::new(), "a fence that is not greater than the one before");
    assert_eq!(report.overtakings, Vec::<String>::new(), "served out of order");
    assert_eq!(report.idle, Vec::<String>::new(), "a slot lost for longer than the session");
    assert_eq!(left_over, Vec::<String>::new(), "left in Redis");
    assert!(report.leases >= wanted.max(500), "{report}");
}
