//! The exposition: every family with its help, from the counters and from the balancers as they are now.

use llm_router_balancer::{EndpointStatus, Standing};
use llm_router_endpoints::{State, Trouble};

use super::{
    Metrics,
    exposition::{Kind, Label, Page},
    histogram::{Counter, Histogram},
    outcome_words, process,
    series::{ModelSeries, ProviderSeries, Tables},
};

/// What else there is to see, outside of the counters.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Around {
    /// Requests under way.
    pub under_way: usize,
    /// Open client connections.
    pub connections: usize,
    /// The most there may be.
    pub most_connections: usize,
    /// Bytes of requests and answers held in memory.
    pub buffered: usize,
    /// The most there may be.
    pub most_buffered: usize,
    /// Log lines that were lost because writing did not keep up.
    pub lost_lines: u64,
    /// Whether the Redis server answers; `None` without one.
    pub redis: Option<bool>,
}

/// The whole page.
pub(crate) fn render(metrics: &Metrics, state: &State, around: Around) -> String {
    let tables = metrics.tables.load();
    let mut page = Page::default();
    http(&mut page, &tables, around.under_way);
    let models = Models { tables: &tables, state };
    models.counts(&mut page);
    models.repeats(&mut page);
    models.providers(&mut page);
    models.now(&mut page);
    router(&mut page, metrics);
    process_wide(&mut page, metrics, &around);
    process::write(&mut page);
    page.finish()
}

fn http(page: &mut Page, tables: &Tables, under_way: usize) {
    let mut routes: Vec<_> = tables.routes.iter().collect();
    routes.sort_by_key(|(pattern, _)| *pattern);
    let all: Vec<_> = routes
        .iter()
        .flat_map(|(pattern, series)| {
            series.used().map(move |(method, used)| ([("method", method), ("endpoint", &***pattern)], used))
        })
        .collect();
    page.family(
        "http_requests_total",
        Kind::Counter,
        "Requests that are over, by route; 499: the client went away before a status.",
    );
    for (labels, series) in &all {
        for status in series.statuses() {
            page.sample(
                &[labels[0], labels[1], ("http_status", &status.status.to_string())],
                status.sent.read().count(),
            );
        }
    }
    page.family(
        "http_request_duration_seconds",
        Kind::Histogram,
        "Time from a request's head to the end of its answer, streams included.",
    );
    all.iter().for_each(|(labels, series)| page.histogram(labels, &series.took.read()));
    page.family("http_requests_in_progress", Kind::Gauge, "Requests under way.");
    page.sample(&[], under_way);
    page.family("http_request_exceptions_total", Kind::Counter, "Requests answered with a status of 500 or more.");
    for (labels, series) in all.iter().filter(|(_, series)| series.exceptions.get() > 0) {
        page.sample(labels, series.exceptions.get());
    }
    page.family("http_request_size_bytes", Kind::Histogram, "Sizes of request bodies, in bytes.");
    all.iter().for_each(|(labels, series)| page.histogram(labels, &series.received.read()));
    page.family("http_response_size_bytes", Kind::Histogram, "Sizes of answer bodies, streams included, in bytes.");
    for (labels, series) in &all {
        for status in series.statuses() {
            let labels = [labels[0], labels[1], ("http_status", &status.status.to_string())];
            page.histogram(&labels, &status.sent.read());
        }
    }
}

/// The models and providers of the present configuration.
struct Models<'a> {
    tables: &'a Tables,
    state: &'a State,
}

impl<'a> Models<'a> {
    fn each(&self) -> impl Iterator<Item = (&'a str, &'a ModelSeries)> {
        let tables = self.tables;
        self.state.pools().filter_map(move |pool| {
            let (name, series) = tables.models.get_key_value(&pool.model.name)?;
            Some((&**name, &**series))
        })
    }

    fn counts(&self, page: &mut Page) {
        page.family(
            "llm_router_requests_total",
            Kind::Counter,
            "Requests for a model that are over, by how they ended.",
        );
        for (model, series) in self.each() {
            for (outcome, count) in outcome_words().zip(&series.counts.outcomes) {
                page.sample(&[("model_name", model), ("outcome", outcome)], count.get());
            }
        }
        page.family("llm_router_lb_strategy_selected_total", Kind::Counter, "Providers chosen, by strategy.");
        for (model, series) in self.each() {
            page.sample(&[("strategy", &series.strategy), ("model_name", model)], series.counts.selected.get());
        }
        page.family(
            "llm_router_pipeline_stage_total",
            Kind::Counter,
            "Requests that passed or failed a stage of their way.",
        );
        let sum = |count: fn(&ModelSeries) -> u64| self.each().map(|(_, series)| count(series)).sum::<u64>();
        for (result, count) in [
            ("success", sum(|series| series.counts.wait.read().count())),
            ("failure", sum(|series| series.counts.unresolved.get())),
        ] {
            page.sample(&[("stage", "provider_resolved"), ("result", result)], count);
        }
        page.family("llm_router_lease_wait_seconds", Kind::Histogram, "Time in line for a provider.");
        self.each().for_each(|(model, series)| page.histogram(&[("model_name", model)], &series.counts.wait.read()));
        page.family(
            "llm_router_retry_total",
            Kind::Counter,
            "Attempts made again at another provider, by what had failed.",
        );
        self.each().for_each(|(model, s)| troubles(page, &[("model_name", model)], "error_code", &s.counts.retries));
        page.family(
            "llm_router_retry_exhausted_total",
            Kind::Counter,
            "Requests that every provider failed, by the last failure.",
        );
        self.each()
            .for_each(|(model, s)| troubles(page, &[("model_name", model)], "last_error_code", &s.counts.exhausted));
    }

    /// What was sent more than once, or would have been.
    fn repeats(&self, page: &mut Page) {
        page.family(
            "llm_router_retry_over_budget_total",
            Kind::Counter,
            "Requests that were not sent to another provider because the budget for that was used up.",
        );
        for (model, series) in self.each() {
            page.sample(&[("model_name", model)], series.counts.over_budget.get());
        }
        page.family(
            "llm_router_hedge_total",
            Kind::Counter,
            "Requests that went to a second provider because the first was slow, by whose answer was taken.",
        );
        for (model, series) in self.each() {
            for (answer, count) in ["first", "second"].into_iter().zip(&series.counts.hedges) {
                page.sample(&[("model_name", model), ("answer", answer)], count.get());
            }
        }
    }

    fn each_provider(&self) -> impl Iterator<Item = ([Label<'a>; 3], &'a ProviderSeries)> {
        self.each().flat_map(|(model, series)| {
            series.providers.iter().map(move |provider| {
                ([("provider_type", provider.kind), ("model_name", model), ("provider", &*provider.id)], &**provider)
            })
        })
    }

    fn counter(&self, page: &mut Page, name: &'static str, help: &str, count: fn(&ProviderSeries) -> &Counter) {
        page.family(name, Kind::Counter, help);
        self.each_provider().for_each(|(labels, series)| page.sample(&labels, count(series).get()));
    }

    fn histogram(&self, page: &mut Page, name: &'static str, help: &str, which: fn(&ProviderSeries) -> &Histogram) {
        page.family(name, Kind::Histogram, help);
        self.each_provider().for_each(|(labels, series)| page.histogram(&labels, &which(series).read()));
    }

    /// Answers that did not reach their client whole.
    fn early_ends(&self, page: &mut Page) {
        self.counter(page, "llm_router_cancelled_total", "Answers of a provider that the client gave up.", |s| {
            &s.cancelled
        });
        self.counter(
            page,
            "llm_router_drained_total",
            "Answers of a provider read to their ends after the client had gone.",
            |s| &s.drained,
        );
        self.counter(page, "llm_router_truncated_total", "Answers of a provider that broke off.", |s| {
            &s.errors[Trouble::Truncated.index()]
        });
    }

    fn providers(&self, page: &mut Page) {
        self.counter(page, "llm_router_provider_calls_total", "Requests sent to a provider.", |s| &s.calls);
        self.counter(
            page,
            "llm_router_fallback_total",
            "Requests a provider answered after another one had failed.",
            |s| &s.fallbacks,
        );
        self.early_ends(page);
        self.histogram(
            page,
            "llm_router_provider_latency_seconds",
            "Time from a request sent to the end of the answer.",
            |s| &s.took,
        );
        self.histogram(
            page,
            "llm_router_time_to_first_token_seconds",
            "Time from a request's head to the first byte of a stream.",
            |s| &s.first_token,
        );
        self.histogram(
            page,
            "llm_router_time_between_tokens_seconds",
            "Mean time between the pieces of a stream, one value a stream.",
            |s| &s.between,
        );
        self.histogram(
            page,
            "llm_router_stream_gap_seconds",
            "Longest time between two pieces of a stream, one value a stream.",
            |s| &s.gap,
        );
        page.family("llm_router_provider_error_total", Kind::Counter, "Attempts that failed.");
        self.each_provider().for_each(|(labels, series)| troubles(page, &labels, "error_code", &series.errors));
        page.family(
            "llm_router_tokens_total",
            Kind::Counter,
            "Tokens as providers counted them; cached ones are among the input.",
        );
        for (labels, series) in self.each_provider() {
            for (direction, count) in ["input", "output", "cached"].into_iter().zip(&series.tokens) {
                page.sample(&[labels[0], labels[1], labels[2], ("direction", direction)], count.get());
            }
        }
        self.counter(
            page,
            "llm_router_uncounted_pieces_total",
            "Pieces of streams whose tokens the provider did not count, about one a token.",
            |s| &s.pieces,
        );
        page.family("llm_router_response_format_total", Kind::Counter, "Answers as a stream or in one piece.");
        for (labels, series) in self.each_provider() {
            for (format, count) in [("streamed", &series.streamed), ("non_streamed", &series.whole)] {
                page.sample(&[labels[0], labels[1], labels[2], ("format", format)], count.get());
            }
        }
    }

    /// What the balancers say.
    fn now(&self, page: &mut Page) {
        let all: Vec<(&str, Vec<EndpointStatus>)> =
            self.state.pools().map(|pool| (&*pool.model.name, pool.balancer.status())).collect();
        let each = || {
            all.iter().flat_map(|(model, list)| {
                list.iter().map(move |status| ([("model_name", *model), ("provider", &*status.id)], status))
            })
        };
        page.family("llm_router_in_flight", Kind::Gauge, "Requests at a provider.");
        each().for_each(|(labels, status)| page.sample(&labels, status.in_flight));
        page.family(
            "llm_router_provider_limit",
            Kind::Gauge,
            "Most requests at a provider at the same time, where there is a limit.",
        );
        each().for_each(|(labels, status)| {
            if let Some(limit) = status.limit {
                page.sample(&labels, limit);
            }
        });
        page.family(
            "llm_router_provider_expected_latency_seconds",
            Kind::Gauge,
            "Time to the first token that the balancer expects.",
        );
        each().for_each(|(labels, status)| page.sample(&labels, status.latency.as_secs_f64()));
        page.family(
            "llm_router_provider_up",
            Kind::Gauge,
            "1 while a provider gets requests, 0 while it is left alone.",
        );
        each().for_each(|(labels, status)| page.sample(&labels, u8::from(status.standing.serves())));
        page.family("llm_router_provider_state", Kind::Gauge, "1 for the state a provider is in.");
        for (labels, status) in each() {
            for name in Standing::NAMES {
                page.sample(&[labels[0], labels[1], ("state", name)], u8::from(status.standing.name() == name));
            }
        }
        page.family("llm_router_queued", Kind::Gauge, "Requests in line for a provider.");
        for pool in self.state.pools() {
            page.sample(&[("model_name", &*pool.model.name)], pool.queued());
        }
    }
}

/// Counters by what went wrong; those that never counted are left out.
fn troubles(page: &mut Page, labels: &[Label<'_>], name: &'static str, counts: &[Counter]) {
    let mut labels = labels.to_vec();
    for (trouble, count) in Trouble::NAMES.into_iter().zip(counts).filter(|(_, count)| count.get() > 0) {
        labels.push((name, trouble));
        page.sample(&labels, count.get());
        labels.pop();
    }
}

/// What the router did by itself.
fn router(page: &mut Page, metrics: &Metrics) {
    page.family("llm_router_refused_total", Kind::Counter, "Requests that the router refused by itself, by reason.");
    let mut refused = metrics.refused.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone();
    refused.sort_unstable();
    refused.iter().for_each(|(reason, count)| page.sample(&[("reason", reason)], count));
    page.family(
        "llm_router_payload_conversion_total",
        Kind::Counter,
        "Answers translated from a provider's dialect to the client's.",
    );
    let mut converted = metrics.converted.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone();
    converted.sort_unstable();
    for ([from, to], count) in converted {
        page.sample(&[("from_type", from), ("to_type", to)], count);
    }
    page.family(
        "llm_router_overhead_seconds",
        Kind::Histogram,
        "The router's own time: request is from arrival to sending, without waiting for body or line; response from a \
         first byte to its way to the client.",
    );
    page.histogram(&[("stage", "request")], &metrics.before.read());
    page.histogram(&[("stage", "response")], &metrics.after.read());
}

/// What the process has taken on, and what it lost.
fn process_wide(page: &mut Page, metrics: &Metrics, around: &Around) {
    page.family("llm_router_connections", Kind::Gauge, "Open client connections.");
    page.sample(&[], around.connections);
    page.family("llm_router_connections_limit", Kind::Gauge, "Most client connections at the same time.");
    page.sample(&[], around.most_connections);
    page.family("llm_router_buffered_bytes", Kind::Gauge, "Bytes of requests and answers held in memory.");
    page.sample(&[], around.buffered);
    page.family("llm_router_buffered_bytes_limit", Kind::Gauge, "Most bytes of them at the same time.");
    page.sample(&[], around.most_buffered);
    page.family(
        "llm_router_log_lines_lost_total",
        Kind::Counter,
        "Log lines lost because writing them did not keep up.",
    );
    page.sample(&[], around.lost_lines);
    page.family("llm_router_traces_lost_total", Kind::Counter, "Traced requests that no collector took.");
    page.sample(&[], metrics.lost_spans.get());
    page.family(
        "llm_router_orphans_total",
        Kind::Counter,
        "Requests that ended after their model or provider had left the configuration.",
    );
    page.sample(&[], metrics.orphans.get());
    if let Some(up) = around.redis {
        page.family("llm_router_redis_up", Kind::Gauge, "1 while the Redis server answers.");
        page.sample(&[], u8::from(up));
    }
    page.family("llm_router_build_info", Kind::Gauge, "1, with the version as a label.");
    page.sample(&[("version", env!("CARGO_PKG_VERSION"))], 1);
}
