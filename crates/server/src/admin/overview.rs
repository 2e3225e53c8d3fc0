//! `GET /admin/overview`: what the router is doing now. `GET /admin/live`: the same every second, as events.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use foldhash::HashMap;
use http::{HeaderValue, Method, Response, StatusCode, header};
use http_body::{Body as HttpBody, Frame};
use llm_router_balancer::EndpointStatus;
use llm_router_endpoints::{Body, BodyError, BoxFuture, Facts, Phase, Pool};
use serde_json::{Map, Value, json};
use tokio::time::{Interval, MissedTickBehavior, interval};

use super::{Page, Visit, attention::notices, json as answer_json, requests::brief};
use crate::{metrics::ModelView, ring::Filter, worker::Shared};

inventory::submit! { Page { method: Method::GET, path: "/admin/overview", answer: once } }
inventory::submit! { Page { method: Method::GET, path: "/admin/live", answer: live } }

/// Between two events.
const BEAT: Duration = Duration::from_secs(1);
/// How many finished requests an overview shows.
const SHOWN: usize = 20;
/// How far back "recent" reaches.
const RECENT: Duration = Duration::from_secs(60);
/// The most requests that are looked at for it: workers wait meanwhile to add theirs.
const MOST_RECENT: usize = 5_000;

fn once(visit: &Visit) -> BoxFuture<'_, Response<Body>> {
    Box::pin(async { answer_json(StatusCode::OK, &overview(&visit.shared)) })
}

fn live(visit: &Visit) -> BoxFuture<'_, Response<Body>> {
    Box::pin(async {
        let mut beat = interval(BEAT);
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut response = Response::new(Body::stream(Live { shared: Arc::clone(&visit.shared), beat }));
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        response
    })
}

/// An overview at every beat, made only when the reader can take it; over when the router drains.
struct Live {
    shared: Arc<Shared>,
    beat: Interval,
}

impl HttpBody for Live {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        ready!(self.beat.poll_tick(cx));
        if self.shared.life.phase() >= Phase::Over {
            return Poll::Ready(None);
        }
        let event = format!("data: {}\n\n", overview(&self.shared));
        Poll::Ready(Some(Ok(Frame::data(event.into()))))
    }
}

/// Everything the status page and `llm-router top` show.
pub(super) fn overview(shared: &Shared) -> Value {
    let state = shared.state();
    let witness = &shared.witness;
    let recent = recent(shared);
    let firsts = by_model(&recent);
    let models: Vec<Value> = state.pools().map(|pool| model(pool, shared, firsts.get(&*pool.model.name))).collect();
    let shown: Vec<Value> =
        witness.ring.find(&Filter::default(), SHOWN).iter().map(|finished| brief(finished)).collect();
    let [tokens, requests] = witness.history.rates();
    json!({
        "version": env!("CARGO_PKG_VERSION"),
        "up_seconds": witness.began.elapsed().as_secs(),
        "phase": format!("{:?}", shared.life.phase()).to_lowercase(),
        "attention": notices(shared, &recent),
        "connections": shared.connections(),
        "in_progress": shared.under_way(),
        "refused": witness.metrics.refusals(),
        "tokens_per_s": tokens,
        "requests_per_s": requests,
        "history": witness.history.curves(),
        "models": models,
        "requests": shown,
    })
}

fn recent(shared: &Shared) -> Vec<Arc<Facts>> {
    let oldest = SystemTime::now().checked_sub(RECENT).unwrap_or(SystemTime::UNIX_EPOCH);
    shared.witness.ring.since(oldest, MOST_RECENT)
}

/// Times to the first byte of a model's answers, and of each of its providers' alone.
#[derive(Default)]
struct Firsts<'a> {
    all: Vec<Duration>,
    of: HashMap<&'a str, Vec<Duration>>,
}

/// Sorted in one pass: there may be thousands of models, and of requests.
fn by_model(recent: &[Arc<Facts>]) -> HashMap<&str, Firsts<'_>> {
    let mut models = HashMap::<_, Firsts<'_>>::default();
    for finished in recent {
        let (Some(model), Some(first)) = (finished.model.as_deref(), finished.first_byte) else { continue };
        let firsts = models.entry(model).or_default();
        firsts.all.push(first);
        if let Some(provider) = finished.provider.as_deref() {
            firsts.of.entry(provider).or_default().push(first);
        }
    }
    models
}

fn model(pool: &Pool, shared: &Shared, firsts: Option<&Firsts<'_>>) -> Value {
    let name = &pool.model.name;
    let view = shared.witness.metrics.model(name);
    let all = || firsts.map(|firsts| firsts.all.clone()).unwrap_or_default();
    let of = |id: &str| firsts.and_then(|firsts| firsts.of.get(id).cloned()).unwrap_or_default();
    let providers: Vec<Value> =
        pool.balancer.status().iter().map(|status| provider(status, &view, pool, shared, of(&status.id))).collect();
    let outcomes: Map<_, _> = view.outcomes.iter().map(|(name, count)| ((*name).to_owned(), json!(count))).collect();
    json!({
        "name": name,
        "strategy": view.strategy,
        "queued": pool.queued(),
        "outcomes": outcomes,
        "first_token_p50_ms": quantile(all(), 0.5),
        "first_token_p95_ms": quantile(all(), 0.95),
        "providers": providers,
    })
}

fn provider(status: &EndpointStatus, view: &ModelView, pool: &Pool, shared: &Shared, firsts: Vec<Duration>) -> Value {
    let counted = view.provider(&status.id);
    let (in_flight, tokens) = shared.witness.history.provider(&pool.model.name, &status.id);
    json!({
        "id": status.id,
        "type": counted.kind,
        "state": status.standing.name(),
        "serves": status.standing.serves(),
        "in_flight": status.in_flight,
        "in_flight_history": in_flight,
        "limit": status.limit,
        "expected_ms": status.latency.as_secs_f64() * 1e3,
        "calls": counted.calls,
        "errors": counted.errors,
        "fallbacks": counted.fallbacks,
        "cancelled": counted.cancelled,
        "tokens_per_s": tokens,
        "tokens_in": counted.tokens[0],
        "tokens_out": counted.tokens[1],
        "tokens_cached": counted.tokens[2],
        "uncounted_pieces": counted.pieces,
        "first_token_ms": quantile(firsts, 0.5),
    })
}

/// In milliseconds.
fn quantile(mut times: Vec<Duration>, share: f64) -> Option<f64> {
    times.sort_unstable();
    let time = times.get((times.len() as f64 * share) as usize)?;
    Some((time.as_secs_f64() * 1e5).round() / 1e2)
}
