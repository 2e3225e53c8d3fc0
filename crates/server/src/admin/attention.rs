//! What an operator should look at, in words: the first thing that the status page and `llm-router top` show.

use std::{collections::BTreeMap, sync::Arc, time::SystemTime};

use foldhash::HashMap;
use llm_router_balancer::{EndpointStatus, Reason, Standing};
use llm_router_core::settings::OnRedisDown;
use llm_router_endpoints::{Facts, Outcome, Phase, Pool, State, Trouble};
use serde_json::{Value, json};

use crate::worker::Shared;

/// From one failed request in so many on, requests in general are said to fail.
const MANY: usize = 20;

/// One thing to look at.
struct Notice {
    /// Whether clients suffer now.
    bad: bool,
    text: String,
}

/// The failed attempts of the last minute at one provider.
struct Failed {
    count: usize,
    /// How the last of them failed, and when.
    last: Trouble,
    at: SystemTime,
}

/// By model and provider.
type Failures<'a> = HashMap<(&'a str, &'a str), Failed>;

fn bad(text: String) -> Notice {
    Notice { bad: true, text }
}

fn warn(text: String) -> Notice {
    Notice { bad: false, text }
}

/// Everything there is to look at, what clients suffer from first. `recent` are the requests of the last minute.
pub(super) fn notices(shared: &Shared, recent: &[Arc<Facts>]) -> Value {
    let state = shared.state();
    let failures = failures(recent);
    let mut all: Vec<Notice> = state.pools().flat_map(|pool| model(pool, &failures)).collect();
    all.extend(router(shared, &state));
    all.extend(requests(recent));
    all.sort_by_key(|notice| !notice.bad);
    all.iter().map(|notice| json!({"grade": if notice.bad { "bad" } else { "warn" }, "text": notice.text})).collect()
}

/// The failed attempts of these requests, the latest of which come first.
fn failures(recent: &[Arc<Facts>]) -> Failures<'_> {
    let mut failures = Failures::default();
    for finished in recent {
        let Some(model) = finished.model.as_deref() else { continue };
        let tries = finished.tries.iter().map(|failed| (&*failed.provider, failed.trouble));
        let broken = finished.provider.as_deref().filter(|_| finished.outcome == Outcome::Truncated);
        for (provider, trouble) in tries.chain(broken.map(|provider| (provider, Trouble::Truncated))) {
            let first = || Failed { count: 0, last: trouble, at: finished.at };
            failures.entry((model, provider)).or_insert_with(first).count += 1;
        }
    }
    failures
}

fn router(shared: &Shared, state: &State) -> Vec<Notice> {
    let mut all = Vec::new();
    if shared.life.phase() != Phase::Running {
        all.push(warn("the router is draining: it takes no new connections".to_owned()));
    }
    if crate::redis::answers() == Some(false) && !state.settings.redis.hosts.is_empty() {
        all.push(match state.settings.redis.on_down {
            OnRedisDown::Refuse => bad("Redis does not answer: exclusive requests are refused".to_owned()),
            OnRedisDown::Partition => {
                warn("Redis does not answer: this router serves its share of the hosts".to_owned())
            }
            OnRedisDown::Local => {
                bad("Redis does not answer: routers grant exclusive requests by themselves".to_owned())
            }
        });
    }
    let (open, most) = (shared.connections(), state.settings.server.max_connections.get());
    if open * 10 >= most * 9 {
        all.push(bad(format!("{open} of {most} client connections are taken (setting max_connections)")));
    }
    let lost = crate::log::lost();
    if lost > 0 {
        all.push(warn(format!("{lost} log lines were lost: writing them does not keep up")));
    }
    all
}

/// What the requests of the last minute say together.
fn requests(recent: &[Arc<Facts>]) -> Vec<Notice> {
    let mut all = Vec::new();
    let failed = |finished: &&Arc<Facts>| finished.status >= 500 || finished.outcome == Outcome::Truncated;
    let failures = recent.iter().filter(failed).count();
    if failures > 0 && failures * MANY >= recent.len() {
        let last = recent.iter().find(failed).map_or("", |finished| &finished.id);
        all.push(bad(format!("{failures} of {} requests of the last minute failed, such as {last}", recent.len())));
    }
    let mut refused: BTreeMap<&str, usize> = BTreeMap::new();
    for reason in recent.iter().filter_map(|finished| finished.reason) {
        *refused.entry(reason).or_default() += 1;
    }
    if !refused.is_empty() {
        let reasons: Vec<String> = refused.iter().map(|(reason, count)| format!("{reason} {count}")).collect();
        all.push(warn(format!("refused in the last minute: {}", reasons.join(", "))));
    }
    all
}

fn model(pool: &Pool, failures: &Failures<'_>) -> Vec<Notice> {
    let name = &pool.model.name;
    let status = pool.balancer.status();
    let mut all: Vec<Notice> = status.iter().filter_map(|status| provider(name, status, failures)).collect();
    if !status.iter().any(|status| status.standing.serves()) {
        all.insert(0, bad(format!("{name}: no provider serves")));
    }
    let queued = pool.queued();
    if queued > 0 {
        all.push(warn(format!("{name}: {queued} in line for a provider")));
    }
    all
}

fn provider(model: &str, status: &EndpointStatus, failures: &Failures<'_>) -> Option<Notice> {
    let id = &status.id;
    let said = failures.get(&(model, &**id)).map(|Failed { count, last, at }| {
        let ago = SystemTime::now().duration_since(*at).unwrap_or_default().as_secs();
        format!("; {count} failed attempts in the last minute, the last {ago} s ago: {}", last.name())
    });
    let said = said.unwrap_or_default();
    match status.standing {
        Standing::Paused { reason, remaining } => {
            Some(warn(format!("{model}: {id} is left alone for {} s, {}{said}", remaining.as_secs() + 1, why(reason))))
        }
        Standing::Drained => Some(warn(format!("{model}: {id} was paused by hand"))),
        _ if !said.is_empty() => Some(warn(format!("{model}: {id} serves{said}"))),
        _ => None,
    }
}

fn why(reason: Reason) -> &'static str {
    match reason {
        Reason::Failing => "it failed too often",
        Reason::Overloaded => "it asked for a pause",
        Reason::Quota => "its allowance is used up",
        Reason::Auth => "it refuses the key",
        Reason::Probe => "it does not answer probes",
        Reason::Hint => "another router found it failing",
        Reason::Outlier => "it fails much more often than the others",
        _ => "its health is in doubt",
    }
}
