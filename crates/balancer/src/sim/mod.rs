//! A discrete-event simulation of language-model servers that drives the real balancer with a manual clock.
//!
//! Servers have places, queues, speeds and troubles; calls arrive at random moments that are the same for every
//! strategy and on every run. Each strategy is compared with a greedy scheduler that knows every remaining time and
//! every failure to come. Not modelled: how calls of one batch slow each other down, and the network.
//!
//! ```
//! use llm_router_balancer::sim;
//!
//! let mut scenario = sim::scenario("H1").expect("it is one of sim::SCENARIOS");
//! scenario.seconds = 100.0;
//! scenario.runs = 1;
//! let report = sim::run(&scenario, 0.7, 1, 7)?;
//! assert!(report.of("adaptive").is_some_and(|finding| finding.goodput > 0.99));
//! # Ok::<(), sim::SimError>(())
//! ```

mod catalogue;
mod command;
mod engine;
mod omniscient;
mod outcome;
mod plot;
mod report;
mod rng;
mod router;
mod scenario;
mod server;
mod traffic;

pub use catalogue::{SCENARIOS, scenario};
pub use command::{Format, Request, simulate};
pub use plot::svg;
pub use report::{Finding, Report};
pub use scenario::{Call, Episode, LoadUnit, Scenario, Server, Traffic, Trouble};

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::clock::ManualClock;
use crate::strategy::UnknownStrategy;
use crate::sync::lock;
use engine::Engine;
use outcome::Outcomes;
use rng::Rng;

/// The reference, as reports name it.
pub const OMNISCIENT: &str = "omniscient";

/// Why nothing was simulated.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum SimError {
    /// There is no such scenario.
    #[error("there is no scenario `{name}`; there are: {}", SCENARIOS.join(", "))]
    UnknownScenario {
        /// The name that was asked for.
        name: String,
    },
    /// There is no such strategy.
    #[error(transparent)]
    UnknownStrategy(#[from] UnknownStrategy),
    /// A number makes no sense.
    #[error("{what} must be {must}")]
    Invalid {
        /// Which one.
        what: &'static str,
        /// What it must be.
        must: &'static str,
    },
}

/// Runs every strategy of a scenario against the same calls, on two threads.
///
/// The result depends on the arguments alone, bit for bit.
///
/// # Errors
/// [`SimError`]: the scenario makes no sense.
pub fn run(scenario: &Scenario, load: f64, replicas: u32, seed: u64) -> Result<Report, SimError> {
    check(scenario, load, replicas)?;
    let names: Vec<&str> = std::iter::once(OMNISCIENT).chain(scenario.strategies.iter().map(String::as_str)).collect();
    for name in &names[1..] {
        router::strategy(name)?;
    }
    let runs = scenario.runs.max(1) as usize;
    let results: Vec<Mutex<Option<Outcomes>>> = (0..names.len() * runs).map(|_| Mutex::default()).collect();
    let next = AtomicUsize::new(0);
    let work = || {
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let Some(result) = results.get(at) else { return };
            let seed = seed.wrapping_mul(1_000_003).wrapping_add((at % runs) as u64);
            *lock(result) = Some(run_once(scenario, names[at / runs], load, replicas, seed));
        }
    };
    std::thread::scope(|scope| {
        let helper = scope.spawn(work);
        work();
        // A panic of the helper is one of ours as well.
        helper.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
    });
    let mut results = results.into_iter().map(|result| lock(&result).take().unwrap_or_default());
    let mut strategies: Vec<Finding> = Vec::new();
    for name in names {
        let mut sum = Outcomes::new(0.0, scenario.objective);
        results.by_ref().take(runs).for_each(|outcomes| sum.add(outcomes));
        let reference = strategies.first().map(|finding| finding.ttft_p99_ms);
        strategies.push(finding(name, sum, reference));
    }
    Ok(Report { scenario: scenario.name.clone(), load, replicas, seed, strategies })
}

fn finding(name: &str, mut outcomes: Outcomes, reference: Option<f64>) -> Finding {
    let [p50, p99] = outcomes.quantiles([0.5, 0.99]);
    let (goodput, failed) = outcomes.shares();
    Finding {
        strategy: name.to_owned(),
        ttft_p50_ms: p50,
        ttft_p99_ms: p99,
        goodput,
        failed,
        ratio_to_omniscient: p99 / reference.unwrap_or(p99),
        loads_per_call: outcomes.loads_per_call(),
    }
}

fn run_once(scenario: &Scenario, name: &str, load: f64, replicas: u32, seed: u64) -> Outcomes {
    let calls = traffic::calls(scenario, load, seed);
    let mut outcomes = Outcomes::new(scenario.span(load) / 10.0, scenario.objective);
    if name == OMNISCIENT {
        omniscient::run(scenario, &calls, &mut outcomes);
        return outcomes;
    }
    let strategy = router::strategy(name).expect("names are checked before anything runs");
    let clock = ManualClock::new();
    let routers = router::routers(scenario, &strategy, replicas, &clock);
    let most = calls.iter().map(|call| call.model).max().unwrap_or(0);
    let models: Vec<String> = (0..=most).map(|n| format!("model-{n}")).collect();
    let mut lots = Rng::new(seed, 3);
    let mut shares = vec![1.0; replicas as usize];
    if let Some(share) = scenario.first_share.filter(|_| replicas > 1) {
        shares.fill((1.0 - share) / f64::from(replicas - 1));
        shares[0] = share;
    }
    Engine::new(scenario, &calls, &models, &routers, clock, outcomes).run(|| lots.weighted(&shares))
}

fn check(scenario: &Scenario, load: f64, replicas: u32) -> Result<(), SimError> {
    let servers = &scenario.servers;
    let named = |at: usize| servers[..at].iter().all(|earlier| earlier.id != servers[at].id);
    let positive = |number: f64| number > 0.0 && number.is_finite();
    let sane = |at: usize| {
        let server = &servers[at];
        named(at)
            && server.slots > 0
            && positive(server.prefill)
            && positive(server.decode)
            && positive(server.weight())
    };
    let invalid = |what, must| Err(SimError::Invalid { what, must });
    if servers.is_empty() || servers.len() > crate::Mask::CAPACITY {
        return invalid("the number of servers", "from 1 to 4096");
    }
    if !(0..servers.len()).all(sane) {
        return invalid("a server", "named once, with slots, speeds and weight above zero");
    }
    if !positive(load) || !positive(scenario.seconds) || !positive(scenario.rate(load).max(f64::MIN_POSITIVE)) {
        return invalid("load and seconds", "above zero");
    }
    if !(1..=64).contains(&replicas) {
        return invalid("the number of replicas", "from 1 to 64");
    }
    Ok(())
}

/// Whether a server is there at a moment: with churn, one is away in every second span, each in turn.
pub(crate) fn is_member(scenario: &Scenario, index: usize, count: usize, now: f64) -> bool {
    let Some(span) = scenario.churn else { return true };
    // Moments are rounded to nanoseconds on the way; the span they mean is the one they are closest to.
    let number = ((now + 1e-6) / span) as usize;
    number.is_multiple_of(2) || (number / 2) % count != index
}
