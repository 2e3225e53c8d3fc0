//! The calls of one run, made before it begins, so that every strategy meets the same.

use super::rng::Rng;
use super::scenario::{Call, Scenario, Traffic};

/// Median, sigma and most of prompt and answer, in tokens.
const PROMPT: (f64, f64, f64) = (600.0, 1.0, 16_000.0);
const OUTPUT: (f64, f64, f64) = (200.0, 0.9, 4_000.0);

/// New tokens of a turn in a conversation.
const TURN: (f64, f64, f64) = (300.0, 0.8, 8_000.0);

/// No conversation grows beyond this many tokens.
const LONGEST: u32 = 32_000;

/// Mean prompt and answer: of a lognormal, the median times e to half the square of sigma.
pub(crate) const MEANS: (f64, f64) = (600.0 * 1.648_721, 200.0 * 1.499_302);

/// All calls of a run, in order.
pub(crate) fn calls(scenario: &Scenario, load: f64, seed: u64) -> Vec<Call> {
    let rate = scenario.rate(load);
    let mut calls = match &scenario.traffic {
        Traffic::Poisson { phases, models } => poisson(phases, *models, rate, scenario.seconds, seed),
        Traffic::Conversations { turns, pause } => conversations(*turns, *pause, rate, scenario.seconds, seed),
        Traffic::Trace(calls) => calls.iter().map(|call| Call { at: call.at / load, ..*call }).collect(),
    };
    calls.sort_by(|a, b| a.at.total_cmp(&b.at));
    calls
}

fn poisson(phases: &[(f64, f64)], models: u32, rate: f64, seconds: f64, seed: u64) -> Vec<Call> {
    let (mut when, mut what) = (Rng::new(seed, 1), Rng::new(seed, 2));
    let zipf: Vec<f64> = (1..=models.max(1)).map(|n| 1.0 / f64::from(n)).collect();
    let most = phases.iter().map(|phase| phase.1).fold(1.0, f64::max);
    let mut at = 0.0;
    let mut calls = Vec::new();
    if rate <= 0.0 {
        return calls;
    }
    loop {
        at += when.exponential(1.0 / (rate * most));
        if at >= seconds {
            return calls;
        }
        // Thinning: drawn at the highest rate, kept in proportion to the present one.
        if when.unit() * most < factor(phases, at) {
            calls.push(Call {
                at,
                prompt: what.lognormal(PROMPT.0, PROMPT.1, PROMPT.2) as u32,
                output: what.lognormal(OUTPUT.0, OUTPUT.1, OUTPUT.2) as u32,
                model: what.weighted(&zipf) as u32,
                conversation: None,
            });
        }
    }
}

fn factor(phases: &[(f64, f64)], at: f64) -> f64 {
    let cycle: f64 = phases.iter().map(|phase| phase.0).sum();
    if cycle <= 0.0 {
        return 1.0;
    }
    let mut within = at % cycle;
    for (span, factor) in phases {
        if within < *span {
            return *factor;
        }
        within -= span;
    }
    1.0
}

fn conversations(turns: f64, pause: f64, rate: f64, seconds: f64, seed: u64) -> Vec<Call> {
    let (mut when, mut what) = (Rng::new(seed, 1), Rng::new(seed, 2));
    let mut calls = Vec::new();
    let mut begin = 0.0;
    for conversation in 0.. {
        begin += when.exponential(turns / rate.max(1e-9));
        if begin >= seconds {
            break;
        }
        let (mut at, mut said) = (begin, 0_u32);
        loop {
            let prompt = said.saturating_add(what.lognormal(TURN.0, TURN.1, TURN.2) as u32);
            let output = what.lognormal(OUTPUT.0, OUTPUT.1, OUTPUT.2) as u32;
            if at >= seconds || prompt > LONGEST {
                break;
            }
            calls.push(Call { at, prompt, output, model: 0, conversation: Some(conversation) });
            said = prompt + output;
            at += pause / 2.0 + what.exponential(pause / 2.0);
            if what.unit() * turns < 1.0 {
                break;
            }
        }
    }
    calls
}
