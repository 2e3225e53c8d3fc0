//! The access log: one line a request, when it is over.

use llm_router_endpoints::{Facts, Observer, Outcome};

/// Writes each finished request to the log, under the target `access`.
pub struct AccessLog;

impl Observer for AccessLog {
    fn finished(&self, facts: &Facts) {
        let millis = |time: std::time::Duration| time.as_secs_f64() * 1e3;
        macro_rules! line {
            ($level:ident) => {
                tracing::$level!(
                    target: "access",
                    id = facts.id.as_str(),
                    method = facts.method.as_str(),
                    route = &*facts.route,
                    status = facts.status,
                    outcome = facts.outcome.name(),
                    model = facts.model.as_deref(),
                    provider = facts.provider.as_deref(),
                    attempts = facts.attempts,
                    stream = facts.stream,
                    bytes_in = facts.received,
                    bytes_out = facts.sent,
                    first_byte_ms = facts.first_byte.map(millis),
                    took_ms = millis(facts.took),
                    error = facts.error.as_deref(),
                )
            };
        }
        if facts.outcome == Outcome::Truncated || facts.status >= 500 { line!(warn) } else { line!(info) }
    }
}
