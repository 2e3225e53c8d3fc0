//! `GET /admin/requests` and `GET /admin/requests/{id}`: the last finished requests, and what became of one.

use std::time::Duration;

use http::{Method, Response, StatusCode};
use llm_router_balancer::{Considered, Explanation, Verdict};
use llm_router_endpoints::{Body, BoxFuture, Facts};
use serde_json::{Value, json};

use super::{Page, Visit, json as answer_json};
use crate::{bodies::body, metrics::outcome_words as outcomes, ring::Filter, stamp};

inventory::submit! { Page { method: Method::GET, path: "/admin/requests", answer: list } }
inventory::submit! { Page { method: Method::GET, path: "/admin/requests/{id}", answer: one } }

/// What a list may be asked for.
const FIELDS: [&str; 6] = ["model", "provider", "outcome", "status", "key", "limit"];
/// The most requests of one answer.
const MOST: usize = 1000;
/// How many requests an answer has when nobody says.
const USUAL: usize = 100;

fn list(visit: &Visit) -> BoxFuture<'_, Response<Body>> {
    Box::pin(async {
        let (filter, most) = match wanted(visit) {
            Ok(wanted) => wanted,
            Err(why) => return answer_json(StatusCode::BAD_REQUEST, &json!({"error": why})),
        };
        let ring = &visit.shared.witness.ring;
        let requests: Vec<Value> = ring.find(&filter, most).iter().map(|finished| brief(finished)).collect();
        answer_json(StatusCode::OK, &json!({"kept": ring.is_on(), "requests": requests}))
    })
}

/// Which requests are wanted, and how many at most.
fn wanted(visit: &Visit) -> Result<(Filter, usize), String> {
    let field = |name| visit.field(name);
    if let Some(name) = visit.unknown_field(&FIELDS) {
        return Err(format!("{name:?} is no filter; there are {}", FIELDS.join(", ")));
    }
    let limit = field("limit").map(|limit| limit.parse().map_err(|_| format!("limit={limit} is no number")));
    let most = limit.transpose()?.unwrap_or(USUAL).min(MOST);
    let filter = Filter {
        model: field("model"),
        provider: field("provider"),
        outcome: field("outcome"),
        status: field("status"),
        key: field("key"),
    };
    let status = filter.status.as_deref();
    if let Some(status) = status.filter(|status| status.strip_suffix("xx").unwrap_or(status).parse::<u16>().is_err()) {
        return Err(format!("status={status} is neither a status such as 404 nor a class such as 5xx"));
    }
    let outcome = filter.outcome.as_deref();
    if let Some(outcome) = outcome.filter(|outcome| !outcomes().any(|known| known == *outcome)) {
        return Err(format!("outcome={outcome} is none; there are {}", outcomes().collect::<Vec<_>>().join(", ")));
    }
    Ok((filter, most))
}

fn one(visit: &Visit) -> BoxFuture<'_, Response<Body>> {
    Box::pin(async {
        let ring = &visit.shared.witness.ring;
        match ring.get(&visit.rest()) {
            Some(finished) => answer_json(StatusCode::OK, &whole(&finished)),
            None => {
                let why = if ring.is_on() { "it is not among the last requests" } else { "requests_kept is 0" };
                answer_json(StatusCode::NOT_FOUND, &json!({"error": format!("no such request: {why}")}))
            }
        }
    })
}

fn millis(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e6).round() / 1e3
}

/// A request in a list.
pub(super) fn brief(facts: &Facts) -> Value {
    json!({
        "id": facts.id,
        "at": stamp::rfc3339(facts.at),
        "key": facts.key.map(|key| key.to_string()),
        "method": facts.method.as_str(),
        "route": facts.route,
        "model": facts.model,
        "provider": facts.provider,
        "status": facts.status,
        "outcome": facts.outcome.name(),
        "reason": facts.reason,
        "stream": facts.stream,
        "attempts": facts.attempts,
        "tokens_in": facts.usage.as_ref().map(|usage| usage.input),
        "tokens_out": facts.usage.as_ref().map(|usage| usage.output),
        "first_byte_ms": facts.first_byte.map(millis),
        "took_ms": millis(facts.took),
    })
}

/// A request with everything that is known of it.
fn whole(facts: &Facts) -> Value {
    let mut value = brief(facts);
    value["trace_id"] = facts.trace.map(|trace| format!("{:032x}", trace.id)).into();
    value["bytes_in"] = facts.received.into();
    value["bytes_out"] = facts.sent.into();
    value["tokens_cached"] = facts.usage.as_ref().and_then(|usage| usage.cached).into();
    value["dropped_fields"] = json!(facts.dropped);
    value["error"] = json!(facts.error);
    value["captured"] = facts
        .captured
        .as_ref()
        .map(|both| json!({"request": body(&both.request), "answer": body(&both.answer)}))
        .into();
    value["phases_ms"] = phases(facts);
    let failed = facts.tries.iter().map(|failed| {
        let (began, took) = (millis(failed.began), millis(failed.took));
        json!({"provider": failed.provider, "failure": failed.trouble.name(), "began_ms": began, "took_ms": took})
    });
    value["failed_attempts"] = failed.collect();
    value["hedge"] = facts.hedge.as_ref().map_or(
        Value::Null,
        |hedge| json!({"won": hedge.won, "given_up": hedge.given_up, "began_ms": millis(hedge.began)}),
    );
    value["over_retry_budget"] = facts.over_budget.into();
    value["choices"] = facts.choices.iter().map(|why| choice(why)).collect();
    value
}

fn phases(facts: &Facts) -> Value {
    let phases = &facts.phases;
    json!({
        "body": facts.forwarded.map(|_| millis(phases.body)),
        "queue": facts.forwarded.map(|_| millis(phases.queued)),
        "pick": facts.overhead().map(millis),
        "sent_at": facts.forwarded.map(millis),
        "connect": facts.forwarded.map(|_| millis(phases.connect)),
        "head_at": phases.head.map(millis),
        "first_byte_at": facts.first_byte.map(millis),
        "last_byte_at": phases.last_byte.map(millis),
        "pieces": phases.pieces,
        "longest_gap": millis(phases.longest_gap),
    })
}

fn choice(explanation: &Explanation) -> Value {
    let considered = |considered: Considered<'_>| {
        json!({
            "provider": considered.id,
            "chosen": considered.chosen,
            "verdict": verdict(considered.verdict),
            "score": considered.score,
        })
    };
    explanation.candidates().map(considered).collect()
}

fn verdict(verdict: Verdict) -> String {
    match verdict {
        Verdict::Eligible => "could serve".to_owned(),
        Verdict::Full => "all its places were taken".to_owned(),
        Verdict::Paused(reason) => format!("was left alone ({})", format!("{reason:?}").to_lowercase()),
        Verdict::Probe => "was due to be tried again".to_owned(),
        Verdict::Tried => "had failed this request".to_owned(),
        Verdict::Tags => "lacks a tag".to_owned(),
        Verdict::Tier => "is of a higher tier".to_owned(),
        Verdict::Drained => "was paused by hand".to_owned(),
        other => format!("{other:?}").to_lowercase(),
    }
}
