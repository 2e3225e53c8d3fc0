//! The series there are: a closed set, made from routes, models and providers as configured.

use std::{
    collections::HashMap,
    iter::successors,
    sync::{Arc, OnceLock},
};

use http::Method;
use llm_router_core::catalogue::{Model, Provider};
use llm_router_endpoints::{Outcome, State, Trouble};

use super::histogram::{BETWEEN, Counter, FIRST_TOKEN, Histogram, SIZE, TOOK, WAIT};

/// The route label of requests that lead nowhere.
pub(crate) const UNMATCHED: &str = "unmatched";

/// The method labels; the last one stands for whatever else a client sends.
pub(crate) const METHODS: [&str; 8] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "other"];

/// All series, by what a request is known by.
#[derive(Debug, Default)]
pub(crate) struct Tables {
    /// By route pattern, one entry a method.
    pub routes: HashMap<Arc<str>, Arc<RouteSeries>, Quick>,
    /// By model.
    pub models: HashMap<Arc<str>, Arc<ModelSeries>, Quick>,
}

/// Keys come from the configuration, so nobody outside can make them collide.
pub(super) type Quick = foldhash::fast::RandomState;

impl Tables {
    /// The series of a snapshot. What an earlier snapshot had too goes on counting.
    pub(crate) fn of(state: &State, earlier: &Self) -> Self {
        let patterns = state.routes().list().into_iter().map(|placed| Arc::clone(&placed.pattern));
        let own = [UNMATCHED.into(), METRICS.into(), format!("{}{METRICS}", state.settings.server.prefix).into()];
        let routes = patterns.chain(own).map(|pattern| {
            let series = earlier.routes.get(&pattern).cloned().unwrap_or_default();
            (pattern, series)
        });
        let models = state.pools().map(|pool| {
            let name = Arc::clone(&pool.model.name);
            let series = ModelSeries::of(&pool.model, &state.settings.models.strategy, earlier.models.get(&name));
            (name, Arc::new(series))
        });
        Self { routes: routes.collect(), models: models.collect() }
    }
}

/// The path of the exposition.
pub(crate) const METRICS: &str = "/metrics";

/// The requests of one route.
#[derive(Debug, Default)]
pub(crate) struct RouteSeries {
    methods: [OnceLock<MethodSeries>; METHODS.len()],
}

impl RouteSeries {
    /// The series of a method, made when it is first used.
    pub(crate) fn method(&self, method: &Method) -> &MethodSeries {
        let known = METHODS.iter().position(|name| *name == method.as_str());
        self.methods[known.unwrap_or(METHODS.len() - 1)].get_or_init(MethodSeries::default)
    }

    /// The methods that were used.
    pub(crate) fn used(&self) -> impl Iterator<Item = (&'static str, &MethodSeries)> {
        METHODS.into_iter().zip(&self.methods).filter_map(|(name, series)| Some((name, series.get()?)))
    }
}

/// The requests of one route and method.
#[derive(Debug)]
pub(crate) struct MethodSeries {
    /// How long they took, streams to their end.
    pub took: Histogram,
    /// Sizes of the requests' bodies.
    pub received: Histogram,
    /// Answers with a status of 500 or more.
    pub exceptions: Counter,
    /// By status, each behind the one that was used before it. Statuses are few, so looking along them is quick.
    statuses: OnceLock<Box<StatusSeries>>,
}

impl Default for MethodSeries {
    fn default() -> Self {
        let (took, received) = (Histogram::new(&TOOK), Histogram::new(&SIZE));
        Self { took, received, exceptions: Counter::default(), statuses: OnceLock::new() }
    }
}

/// The requests of one route, method and status.
#[derive(Debug)]
pub(crate) struct StatusSeries {
    /// The status.
    pub status: u16,
    /// Sizes of the answers' bodies.
    pub sent: Histogram,
    next: OnceLock<Box<StatusSeries>>,
}

impl MethodSeries {
    /// The series of a status, made when it is first used. Only statuses of HTTP get one (RFC 9110, 15).
    pub(crate) fn status(&self, status: u16) -> &StatusSeries {
        let status = if (100..600).contains(&status) { status } else { 599 };
        let new = || Box::new(StatusSeries { status, sent: Histogram::new(&SIZE), next: OnceLock::new() });
        let mut series = self.statuses.get_or_init(new);
        while series.status != status {
            series = series.next.get_or_init(new);
        }
        series
    }

    /// The statuses that were used.
    pub(crate) fn statuses(&self) -> impl Iterator<Item = &StatusSeries> {
        successors(self.statuses.get(), |series| series.next.get()).map(|series| &**series)
    }
}

/// The requests of one model.
#[derive(Debug)]
pub(crate) struct ModelSeries {
    /// How its providers are chosen among.
    pub strategy: Arc<str>,
    /// What does not depend on the provider; goes on over a change of the configuration.
    pub counts: Arc<ModelCounts>,
    /// In the order of the configuration.
    pub providers: Vec<Arc<ProviderSeries>>,
    /// Where among them each id is.
    places: HashMap<Arc<str>, usize, Quick>,
}

/// What is counted for a model as a whole.
#[derive(Debug)]
pub(crate) struct ModelCounts {
    /// By how they ended, as [`outcome_index`] has it.
    pub outcomes: [Counter; OUTCOMES.len()],
    /// Providers chosen.
    pub selected: Counter,
    /// Requests that found none.
    pub unresolved: Counter,
    /// Times in line, one of each request that found a provider.
    pub wait: Histogram,
    /// Attempts made again, by what had failed.
    pub retries: [Counter; Trouble::NAMES.len()],
    /// Requests that every provider failed, by the last failure.
    pub exhausted: [Counter; Trouble::NAMES.len()],
    /// Requests that were not sent again because the budget was used up.
    pub over_budget: Counter,
    /// Requests that went to a second provider because the first was slow: whose answer was taken from the first, and
    /// from the second.
    pub hedges: [Counter; 2],
}

impl Default for ModelCounts {
    fn default() -> Self {
        Self {
            outcomes: Default::default(),
            selected: Counter::default(),
            unresolved: Counter::default(),
            wait: Histogram::new(&WAIT),
            retries: Default::default(),
            exhausted: Default::default(),
            over_budget: Counter::default(),
            hedges: Default::default(),
        }
    }
}

/// How requests end.
pub(crate) const OUTCOMES: [Outcome; 5] =
    [Outcome::Complete, Outcome::Cancelled, Outcome::Drained, Outcome::Truncated, Outcome::Refused];

/// The place of an outcome among [`OUTCOMES`].
pub(crate) fn outcome_index(outcome: Outcome) -> usize {
    OUTCOMES.iter().position(|known| *known == outcome).unwrap_or_default()
}

impl ModelSeries {
    fn of(model: &Model, strategy: &str, earlier: Option<&Arc<Self>>) -> Self {
        let providers = model.providers.iter().map(|provider| {
            let kept = earlier
                .and_then(|series| series.provider(&provider.id))
                .filter(|kept| kept.kind == provider.api_type.name());
            kept.cloned().unwrap_or_else(|| Arc::new(ProviderSeries::of(provider)))
        });
        let places = model.providers.iter().enumerate().map(|(at, provider)| (Arc::clone(&provider.id), at));
        Self {
            places: places.collect(),
            strategy: model.options.strategy.as_deref().unwrap_or(strategy).into(),
            counts: earlier.map(|series| Arc::clone(&series.counts)).unwrap_or_default(),
            providers: providers.collect(),
        }
    }

    /// The series of a provider.
    pub(crate) fn provider(&self, id: &str) -> Option<&Arc<ProviderSeries>> {
        self.places.get(id).map(|at| &self.providers[*at])
    }
}

/// The requests of one provider of one model.
#[derive(Debug)]
pub(crate) struct ProviderSeries {
    /// Its id.
    pub id: Arc<str>,
    /// Its type, as the configuration names it.
    pub kind: &'static str,
    /// How often it was asked.
    pub calls: Counter,
    /// From the request sent to the end of the answer, where it came whole.
    pub took: Histogram,
    /// From the client's request to the first byte of a stream.
    pub first_token: Histogram,
    /// Mean time between the pieces of a stream.
    pub between: Histogram,
    /// Longest time between two pieces of a stream.
    pub gap: Histogram,
    /// Attempts that failed.
    pub errors: [Counter; Trouble::NAMES.len()],
    /// Requests it answered after another provider had failed.
    pub fallbacks: Counter,
    /// Answers that clients gave up.
    pub cancelled: Counter,
    /// Answers that clients gave up and that were read to their ends.
    pub drained: Counter,
    /// Answers as a stream.
    pub streamed: Counter,
    /// Answers in one piece.
    pub whole: Counter,
    /// Pieces of streams whose tokens the provider did not count.
    pub pieces: Counter,
    /// Tokens read, written, and of those read the ones the provider had cached.
    pub tokens: [Counter; 3],
}

impl ProviderSeries {
    fn of(provider: &Provider) -> Self {
        Self {
            id: Arc::clone(&provider.id),
            kind: provider.api_type.name(),
            calls: Counter::default(),
            took: Histogram::new(&TOOK),
            first_token: Histogram::new(&FIRST_TOKEN),
            between: Histogram::new(&BETWEEN),
            gap: Histogram::new(&BETWEEN),
            errors: Default::default(),
            fallbacks: Counter::default(),
            cancelled: Counter::default(),
            drained: Counter::default(),
            streamed: Counter::default(),
            whole: Counter::default(),
            pieces: Counter::default(),
            tokens: Default::default(),
        }
    }
}
