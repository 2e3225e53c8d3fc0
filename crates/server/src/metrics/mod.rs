//! Metrics: what finished requests add up to, and the page that Prometheus reads.
//!
//! Every series belongs to a route, a model or a provider of the configuration, so a client cannot make one. Recording
//! a request is a few look-ups and additions to atomics; nothing is kept for a reader that may never come.

mod exposition;
mod histogram;
mod page;
mod process;
mod series;
mod view;

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use arc_swap::ArcSwap;
use llm_router_endpoints::{Facts, Outcome, State, Trouble};

pub(crate) use self::{
    exposition::CONTENT_TYPE,
    page::{Around, render},
    process::open_files_limit,
    series::{METRICS, UNMATCHED},
    view::ModelView,
};
use self::{
    histogram::{Counter, Histogram, OVERHEAD},
    series::{ModelSeries, OUTCOMES, ProviderSeries, Tables, outcome_index},
};

/// The status noted for requests whose client went away before there was one, as nginx has it.
const CLIENT_GONE: u16 = 499;

/// Everything that is counted.
#[derive(Debug)]
pub(crate) struct Metrics {
    tables: ArcSwap<Tables>,
    /// The router's own refusals by their words; the words stand in the code, so they are few.
    refused: Mutex<Vec<(&'static str, u64)>>,
    /// Translated answers by the client's dialect and the provider's type; both stand in the code.
    converted: Mutex<Vec<([&'static str; 2], u64)>>,
    /// The router's own time, from a request's arrival to its way to the provider.
    before: Histogram,
    /// The router's own time, from the first byte of an answer to its way to the client.
    after: Histogram,
    /// Requests for a provider that no longer is in the configuration.
    orphans: Counter,
    /// Traced requests that no collector took.
    lost_spans: Counter,
}

impl Default for Metrics {
    fn default() -> Self {
        Self {
            tables: ArcSwap::default(),
            refused: Mutex::default(),
            converted: Mutex::default(),
            before: Histogram::new(&OVERHEAD),
            after: Histogram::new(&OVERHEAD),
            orphans: Counter::default(),
            lost_spans: Counter::default(),
        }
    }
}

impl Metrics {
    /// Takes the series of a snapshot; those that stay go on counting.
    pub(crate) fn follow(&self, state: &State) {
        let tables = Tables::of(state, &self.tables.load());
        self.tables.store(Arc::new(tables));
    }

    /// A request is over.
    pub(crate) fn ended(&self, facts: &Facts) {
        let tables = self.tables.load();
        if let Some(route) = tables.routes.get(&facts.route).or_else(|| tables.routes.get(UNMATCHED)) {
            let series = route.method(&facts.method);
            let status = if facts.status == 0 { CLIENT_GONE } else { facts.status };
            series.status(status).sent.record(facts.sent);
            series.took.time(facts.took);
            if facts.received > 0 {
                series.received.record(facts.received);
            }
            if status >= 500 {
                series.exceptions.up();
            }
        }
        if let Some(reason) = facts.reason {
            add(&self.refused, reason);
        }
        if let Some(pair) = facts.converted {
            add(&self.converted, pair);
        }
        self.overhead(facts);
        let Some(model) = &facts.model else { return };
        match tables.models.get(model) {
            Some(series) => model_ended(series, facts, &self.orphans),
            None => self.orphans.up(),
        }
    }

    /// Traced requests were lost on their way to the collector.
    pub(crate) fn lose_spans(&self, requests: usize) {
        self.lost_spans.add(requests as u64);
    }

    /// The router's own time: without the client's sending, the line, and attempts that failed.
    fn overhead(&self, facts: &Facts) {
        let phases = &facts.phases;
        // A batch asks many times; its times lie across each other.
        if let (Some(overhead), true) = (facts.overhead(), facts.attempts as usize <= facts.tries.len() + 1) {
            self.before.time(overhead);
        }
        if let (Some(came), Some(handed)) = (facts.first_byte, phases.handed) {
            self.after.time(handed.saturating_sub(came));
        }
    }
}

/// One more of a kind; the kinds are few, so looking along a list is quick.
fn add<K: PartialEq>(counts: &Mutex<Vec<(K, u64)>>, kind: K) {
    let mut counts = counts.lock().unwrap_or_else(PoisonError::into_inner);
    match counts.iter_mut().find(|(known, _)| *known == kind) {
        Some((_, count)) => *count += 1,
        None => counts.push((kind, 1)),
    }
}

fn model_ended(series: &ModelSeries, facts: &Facts, orphans: &Counter) {
    let counts = &series.counts;
    counts.outcomes[outcome_index(facts.outcome)].up();
    if facts.attempts == 0 {
        if facts.outcome == Outcome::Refused {
            counts.unresolved.up();
        }
        return;
    }
    counts.selected.add(facts.attempts.into());
    counts.wait.time(facts.phases.queued);
    for failed in &facts.tries {
        if let Some(provider) = series.provider(&failed.provider) {
            provider.calls.up();
            provider.errors[failed.trouble.index()].up();
        }
    }
    if facts.over_budget {
        counts.over_budget.up();
    }
    if let Some(hedge) = &facts.hedge {
        counts.hedges[usize::from(hedge.won)].up();
        if let Some(provider) = hedge.given_up.as_ref().and_then(|id| series.provider(id)) {
            provider.calls.up();
        }
    }
    let (retries, lost) = retried(facts);
    for failed in retries {
        counts.retries[failed.trouble.index()].up();
    }
    if let Some(last) = lost {
        counts.exhausted[last.index()].up();
        return;
    }
    match facts.provider.as_ref().and_then(|id| series.provider(id)) {
        Some(provider) => provider_ended(provider, facts),
        None => orphans.up(),
    }
}

/// The failed attempts that another one followed, and the last failure where none did.
fn retried(facts: &Facts) -> (&[llm_router_endpoints::Try], Option<Trouble>) {
    let all = &facts.tries[..];
    match all.split_last() {
        Some((last, before)) if all.len() >= facts.attempts as usize => (before, Some(last.trouble)),
        _ => (all, None),
    }
}

/// The provider that answered.
fn provider_ended(provider: &ProviderSeries, facts: &Facts) {
    provider.calls.up();
    if !facts.tries.is_empty() {
        provider.fallbacks.up();
    }
    let Some(first) = facts.first_byte else {
        if facts.outcome == Outcome::Cancelled {
            provider.cancelled.up();
        }
        return;
    };
    match &facts.usage {
        Some(usage) => {
            let amounts = [usage.input, usage.output, usage.cached.unwrap_or_default()];
            provider.tokens.iter().zip(amounts).for_each(|(counter, amount)| counter.add(amount));
        }
        None if facts.stream => provider.pieces.add(facts.phases.pieces.into()),
        None => {}
    }
    let kind = if facts.stream { &provider.streamed } else { &provider.whole };
    kind.up();
    match facts.outcome {
        Outcome::Complete | Outcome::Drained => {
            provider.took.time(facts.took.saturating_sub(facts.forwarded.unwrap_or_default()));
            if facts.outcome == Outcome::Drained {
                provider.drained.up();
            }
        }
        Outcome::Cancelled => provider.cancelled.up(),
        Outcome::Truncated => provider.errors[Trouble::Truncated.index()].up(),
        Outcome::Refused => {}
    }
    if facts.stream && facts.status < 400 {
        provider.first_token.time(first);
        if let Some(mean) = between(facts, first) {
            provider.between.time(mean);
            provider.gap.time(facts.phases.longest_gap);
        }
    }
}

/// The mean time between the pieces of a stream.
fn between(facts: &Facts, first: Duration) -> Option<Duration> {
    let span = facts.phases.last_byte?.saturating_sub(first);
    let steps = facts.phases.pieces.saturating_sub(1);
    (steps > 0).then(|| span / steps)
}

/// The words of the outcomes, in the order of their counters.
pub(crate) fn outcome_words() -> impl Iterator<Item = &'static str> {
    OUTCOMES.iter().map(|outcome| outcome.name())
}
