//! The providers of a model as simulated servers.
//!
//! | of a provider | of its server |
//! |---|---|
//! | `id` | name |
//! | `weight` | weight, and speed against the others where `simulate` does not say |
//! | `max_concurrency` | the balancer's limit, and `slots` where `simulate` does not say |
//! | `providers_sleep` | a reserve, used when the others are out |
//! | `api_type` | `slots` where nothing else says: 1 for Ollama and LM Studio, 64 for the others |
//! | `simulate` | `slots`, `prefill`, `decode`, `load_time`, `per_minute`, `cache`, `troubles` as they are |

use std::path::Path;

use llm_router_balancer::sim::{Episode, Scenario, Server, Trouble};
use llm_router_core::{
    catalogue::{Catalogue, Context, Model, Provider, Secrets, TroubleKind},
    problem::{Problem, Problems},
};
use llm_router_endpoints::strategies;

use crate::load::Models;

/// Tokens per second of a provider of weight 1 about which nothing else is known: of prompts, and of answers.
const SPEED: (f64, f64) = (2_000.0, 40.0);
/// Requests at once at a server that batches, and at one that does not.
const BATCHES: u32 = 64;
const SERIAL: u32 = 1;
/// Calls of all runs together, about: so that a large fleet takes no longer than a small one.
const CALLS: f64 = 250_000.0;
/// Seconds of one run.
const SPAN: (f64, f64) = (300.0, 4_000.0);

/// Tokens are not needed, so none is looked for.
struct NoSecrets;

impl Secrets for NoSecrets {
    fn variable(&self, _: &str) -> Option<String> {
        Some("unused".to_owned())
    }

    fn file(&self, _: &Path) -> std::io::Result<String> {
        Ok("unused".to_owned())
    }
}

/// The scenario of one model of a models file, the only one if none is named.
pub(super) fn scenario(text: &str, origin: &str, name: Option<&str>) -> Result<(Scenario, Vec<Problem>), Problems> {
    let names = strategies();
    let models = Models { origin: origin.to_owned(), text: text.to_owned() }.with_demo_at("http://127.0.0.1:1");
    let (catalogue, mut warnings) =
        Catalogue::load(&models.text, origin, Context { secrets: &NoSecrets, strategies: &names })?;
    let model = choose(&catalogue, origin, name)?;
    let (used, idle): (Vec<_>, Vec<_>) = model.providers.iter().partition(|provider| provider.weight > 0.0);
    warnings.extend(idle.iter().map(|provider| {
        Problem::new(origin, format!("provider {:?} has the weight 0 and is not simulated", &*provider.id))
    }));
    if used.is_empty() {
        return Err(Problem::new(origin, format!("no provider of {:?} has a weight above 0", &*model.name)).into());
    }
    let servers: Vec<Server> = used.into_iter().map(|provider| server(provider)).collect();
    let mut scenario = Scenario::of_servers(&*model.name, servers);
    scenario.summary = format!("the providers of {}", model.name);
    // Nobody tells the router what its providers can do at once, beyond the limits in the file.
    scenario.hints = false;
    if scenario.servers.iter().any(|server| server.load_time > 0.0) {
        scenario.strategies.push("first_available_optim".to_owned());
    }
    if let Some(own) = model.options.strategy.clone().filter(|own| !scenario.strategies.contains(own)) {
        scenario.strategies.push(own);
    }
    let seconds = CALLS / f64::from(scenario.runs) / scenario.rate(1.0);
    scenario.seconds = seconds.clamp(SPAN.0, SPAN.1);
    Ok((scenario, warnings))
}

fn choose<'a>(catalogue: &'a Catalogue, origin: &str, name: Option<&str>) -> Result<&'a Model, Problems> {
    let models = catalogue.models();
    let known = || models.iter().map(|model| &*model.name);
    let list = || known().collect::<Vec<_>>().join(", ");
    match (name, models) {
        (Some(name), _) => catalogue.get(name).map(|model| &**model).ok_or_else(|| {
            let problem = Problem::new("--model", format!("is not an active model of {origin}; there are: {}", list()));
            problem.value(name).did_you_mean(name, known()).into()
        }),
        (None, [only]) => Ok(only),
        (None, []) => Err(Problem::new(origin, "has no active model").into()),
        (None, _) => {
            let problem = Problem::new(origin, format!("has several models: {}", list()));
            Err(problem.hint("name one with --model").into())
        }
    }
}

fn server(provider: &Provider) -> Server {
    let own = &provider.simulated;
    let usual = if matches!(provider.api_type.name(), "ollama" | "lmstudio") { SERIAL } else { BATCHES };
    let limit = provider.max_concurrency.map(std::num::NonZero::get);
    let slots = own.slots.map(std::num::NonZero::get).or(limit).unwrap_or(usual);
    let prefill = own.prefill.unwrap_or(SPEED.0 * provider.weight);
    let decode = own.decode.unwrap_or(SPEED.1 * provider.weight);
    Server {
        weight: Some(provider.weight),
        limit,
        tier: provider.tier,
        load_time: own.load_time,
        per_minute: own.per_minute.map(std::num::NonZero::get),
        cache: own.cache,
        episodes: own
            .troubles
            .iter()
            .map(|trouble| Episode {
                from: trouble.from,
                to: trouble.to,
                period: trouble.every,
                trouble: match trouble.what {
                    TroubleKind::Down => Trouble::Down,
                    TroubleKind::Refuses => Trouble::Refuses,
                    TroubleKind::Slow(speed) => Trouble::Slow(speed),
                },
            })
            .collect(),
        ..Server::new(&*provider.id, slots, prefill, decode)
    }
}
