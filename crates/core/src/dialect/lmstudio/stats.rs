//! The statistics that LM Studio adds to an answer.

use std::time::Duration;

use serde_json::{Value, json};

use crate::canonical::{Stop, Timings, Usage};

/// Adds `stats` to an answer in OpenAI's shape. What nobody measured is left out.
pub(crate) fn add_stats(out: &mut Value, stop: Option<&Stop>, usage: Option<&Usage>, timings: Timings) {
    let mut stats = json!({"stop_reason": stop_reason(stop.unwrap_or(&Stop::End))});
    let generation = timings.output.or(timings.total).filter(|time| !time.is_zero());
    if let Some(time) = generation {
        let tokens = usage.map_or(0, |usage| usage.output);
        #[expect(clippy::cast_precision_loss, reason = "a rate for people to read")]
        let rate = tokens as f64 / time.as_secs_f64();
        stats["tokens_per_second"] = json!(rate);
        stats["generation_time"] = json!(time.as_secs_f64());
    }
    let waited = timings.prompt.or(timings.total.zip(timings.output).map(|(all, own)| all.saturating_sub(own)));
    if let Some(time) = waited.map(|time| time + timings.load.unwrap_or(Duration::ZERO)) {
        stats["time_to_first_token"] = json!(time.as_secs_f64());
    }
    out["stats"] = stats;
}

/// LM Studio's word for why an answer ended.
fn stop_reason(stop: &Stop) -> &'static str {
    match stop {
        Stop::End | Stop::Pause | Stop::Other(_) | Stop::Filtered => "eosFound",
        Stop::Sequence(_) => "stopStringFound",
        Stop::Length => "maxPredictedTokensReached",
        Stop::ContextFull => "contextLengthReached",
        Stop::ToolUse => "toolCalls",
    }
}
