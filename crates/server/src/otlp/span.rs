//! One request as spans: the router's own, and one for each provider asked.
//!
//! Field names are those of OTLP's JSON form (opentelemetry-proto 1.x); attribute names those of the OpenTelemetry
//! semantic conventions for HTTP and `gen_ai`.

use std::{
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use llm_router_endpoints::{Facts, Outcome, Trace};
use serde_json::{Value, json};

/// A span that answers somebody.
const SERVER: u8 = 2;
/// A span that asks somebody.
const CLIENT: u8 = 3;
/// The status of a span that failed.
const ERROR: u8 = 2;

/// A message with the spans of some requests. `kind` knows the type of the provider that answered.
pub(super) fn message(batch: &[Arc<Facts>], kind: &dyn Fn(&Facts) -> &'static str) -> Value {
    let spans: Vec<Value> = batch.iter().flat_map(|finished| spans(finished, kind(finished))).collect();
    let resource = json!({"attributes": [
        text("service.name", "llm-router"),
        text("service.version", env!("CARGO_PKG_VERSION")),
    ]});
    let scope = json!({"name": "llm-router", "version": env!("CARGO_PKG_VERSION")});
    json!({"resourceSpans": [{"resource": resource, "scopeSpans": [{"scope": scope, "spans": spans}]}]})
}

fn spans(facts: &Facts, kind: &str) -> Vec<Value> {
    let Some(trace) = &facts.trace else { return Vec::new() };
    let began = facts.at.checked_sub(facts.took).unwrap_or(UNIX_EPOCH);
    let mut spans = vec![own(facts, trace, began)];
    for failed in &facts.tries {
        let mut attributes = gen_ai(facts, &failed.provider, None);
        attributes.push(text("error.type", failed.trouble.name()));
        let name = format!("{} {}", operation(&facts.route), facts.model.as_deref().unwrap_or_default());
        let mut span = child(trace, &name, (began + failed.began, failed.took), &attributes);
        span["status"] = json!({"code": ERROR, "message": failed.trouble.name()});
        spans.push(span);
    }
    spans.extend(answered(facts, trace, began, kind));
    spans
}

/// The span of the request itself.
fn own(facts: &Facts, trace: &Trace, began: SystemTime) -> Value {
    let mut attributes = vec![
        text("http.request.method", facts.method.as_str()),
        text("http.route", &facts.route),
        whole("http.response.status_code", u64::from(facts.status)),
        text("llm_router.request_id", &facts.id),
        text("llm_router.outcome", facts.outcome.name()),
        whole("llm_router.attempts", u64::from(facts.attempts)),
    ];
    attributes.extend(facts.overhead().map(|overhead| micros("llm_router.overhead_us", overhead)));
    attributes.extend(facts.first_byte.map(|first| micros("llm_router.first_byte_us", first)));
    attributes.extend(facts.model.as_deref().map(|model| text("gen_ai.request.model", model)));
    let bad = facts.status >= 500 || facts.outcome == Outcome::Truncated;
    if bad {
        let status = facts.status.to_string();
        attributes.push(text("error.type", if facts.status >= 500 { &status } else { facts.outcome.name() }));
    }
    let mut span = json!({
        "traceId": format!("{:032x}", trace.id),
        "spanId": format!("{:016x}", trace.span),
        "name": format!("{} {}", facts.method, facts.route),
        "kind": SERVER,
        "startTimeUnixNano": nanos(began),
        "endTimeUnixNano": nanos(began + facts.took),
        "attributes": attributes,
    });
    if let Some(parent) = trace.parent {
        span["parentSpanId"] = format!("{parent:016x}").into();
    }
    if bad {
        span["status"] = json!({"code": ERROR, "message": facts.error.as_deref().unwrap_or_default()});
    }
    span
}

/// The span of the provider that answered, if one did.
fn answered(facts: &Facts, trace: &Trace, began: SystemTime, kind: &str) -> Option<Value> {
    let (provider, sent) = (facts.provider.as_ref()?, facts.forwarded?);
    if facts.tries.len() >= facts.attempts as usize {
        return None;
    }
    let mut attributes = gen_ai(facts, provider, Some(kind));
    if let Some(usage) = &facts.usage {
        attributes.push(whole("gen_ai.usage.input_tokens", usage.input));
        attributes.push(whole("gen_ai.usage.output_tokens", usage.output));
    }
    let name = format!("{} {}", operation(&facts.route), facts.model.as_deref().unwrap_or_default());
    Some(child(trace, &name, (began + sent, facts.took.saturating_sub(sent)), &attributes))
}

fn gen_ai(facts: &Facts, provider: &str, kind: Option<&str>) -> Vec<Value> {
    let mut attributes =
        vec![text("gen_ai.operation.name", operation(&facts.route)), text("llm_router.provider", provider)];
    attributes.extend(facts.model.as_deref().map(|model| text("gen_ai.request.model", model)));
    attributes.extend(kind.filter(|kind| !kind.is_empty()).map(|kind| text("gen_ai.provider.name", kind)));
    attributes
}

fn child(trace: &Trace, name: &str, (began, took): (SystemTime, Duration), attributes: &[Value]) -> Value {
    json!({
        "traceId": format!("{:032x}", trace.id),
        "spanId": format!("{:016x}", fastrand::u64(1..)),
        "parentSpanId": format!("{:016x}", trace.span),
        "name": name,
        "kind": CLIENT,
        "startTimeUnixNano": nanos(began),
        "endTimeUnixNano": nanos(began + took),
        "attributes": attributes,
    })
}

/// What a route asks a model for, in the words of the conventions.
fn operation(route: &str) -> &'static str {
    if route.contains("embed") {
        "embeddings"
    } else if route.ends_with("/generate") || route.ends_with("/completions") && !route.contains("chat") {
        "text_completion"
    } else {
        "chat"
    }
}

fn text(key: &str, value: &str) -> Value {
    json!({"key": key, "value": {"stringValue": value}})
}

/// Whole numbers travel as text in OTLP's JSON, as in protobuf's.
fn whole(key: &str, value: u64) -> Value {
    json!({"key": key, "value": {"intValue": value.to_string()}})
}

fn micros(key: &str, value: Duration) -> Value {
    whole(key, u64::try_from(value.as_micros()).unwrap_or(u64::MAX))
}

fn nanos(moment: SystemTime) -> String {
    moment.duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos().to_string()
}
