//! The counters of one model as values, for the status page.

use std::{collections::HashMap, sync::Arc};

use super::{
    Metrics, outcome_words,
    series::{ProviderSeries, Quick},
};

/// A model's counters at one moment.
#[derive(Debug, Default)]
pub(crate) struct ModelView {
    /// How its providers are chosen among.
    pub strategy: Arc<str>,
    /// Requests by how they ended.
    pub outcomes: Vec<(&'static str, u64)>,
    providers: HashMap<Arc<str>, ProviderView, Quick>,
}

/// A provider's counters at one moment.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct ProviderView {
    /// Its type.
    pub kind: &'static str,
    /// How often it was asked.
    pub calls: u64,
    /// Attempts that failed, broken answers included.
    pub errors: u64,
    /// Requests it answered after another one had failed.
    pub fallbacks: u64,
    /// Answers that clients gave up.
    pub cancelled: u64,
    /// Tokens read, written, cached.
    pub tokens: [u64; 3],
    /// Pieces of streams whose tokens nobody counted.
    pub pieces: u64,
}

impl ModelView {
    /// A provider's counters; zeros for one that was never counted.
    pub(crate) fn provider(&self, id: &str) -> ProviderView {
        self.providers.get(id).copied().unwrap_or_default()
    }
}

impl Metrics {
    /// The counters of a model; empty for one that is not there.
    pub(crate) fn model(&self, name: &Arc<str>) -> ModelView {
        let tables = self.tables.load();
        let Some(series) = tables.models.get(name) else { return ModelView::default() };
        ModelView {
            strategy: Arc::clone(&series.strategy),
            outcomes: outcome_words().zip(series.counts.outcomes.iter().map(super::Counter::get)).collect(),
            providers: series.providers.iter().map(|p| (Arc::clone(&p.id), provider(p))).collect(),
        }
    }

    /// Tokens that a provider of a model wrote so far, where nobody counted them taken to be one a piece, and how often
    /// it was asked. The history looks at every provider each second.
    pub(crate) fn progress(&self, model: &str, id: &str) -> (u64, u64) {
        let tables = self.tables.load();
        let series = tables.models.get(model).and_then(|series| series.provider(id));
        series.map_or((0, 0), |series| (series.tokens[1].get() + series.pieces.get(), series.calls.get()))
    }

    /// Requests that the router refused by itself.
    pub(crate) fn refusals(&self) -> u64 {
        self.refused.lock().unwrap_or_else(std::sync::PoisonError::into_inner).iter().map(|(_, count)| count).sum()
    }
}

fn provider(series: &ProviderSeries) -> ProviderView {
    ProviderView {
        kind: series.kind,
        calls: series.calls.get(),
        errors: series.errors.iter().map(super::Counter::get).sum(),
        fallbacks: series.fallbacks.get(),
        cancelled: series.cancelled.get(),
        tokens: [series.tokens[0].get(), series.tokens[1].get(), series.tokens[2].get()],
        pieces: series.pieces.get(),
    }
}
