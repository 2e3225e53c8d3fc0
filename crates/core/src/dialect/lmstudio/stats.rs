//! The statistics that LM Studio adds to an answer.

use std::time::Duration;

use crate::{
    canonical::{Stop, Timings, Usage},
    json::Object,
};

/// Writes the `stats` of an answer in OpenAI's shape. What nobody measured is left out.
pub(crate) fn write_stats(stop: Option<&Stop>, usage: Option<&Usage>, timings: Timings, out: &mut Object<'_>) {
    let pace = pace(usage, timings);
    out.object("stats", |out| {
        out.put("stop_reason", stop_reason(stop.unwrap_or(&Stop::End)));
        if let (Some(rate), Some(time)) = (pace.rate, pace.generation) {
            out.put("tokens_per_second", rate);
            out.put("generation_time", time.as_secs_f64());
        }
        out.some("time_to_first_token", pace.wait.map(|time| time.as_secs_f64()));
    });
}

/// How quickly an answer came, as far as it was measured.
pub(super) struct Pace {
    /// Tokens a second.
    pub(super) rate: Option<f64>,
    /// How long they were written.
    pub(super) generation: Option<Duration>,
    /// How long the first took.
    pub(super) wait: Option<Duration>,
}

pub(super) fn pace(usage: Option<&Usage>, timings: Timings) -> Pace {
    let generation = timings.output.or(timings.total).filter(|time| !time.is_zero());
    let tokens = usage.map_or(0, |usage| usage.output);
    #[expect(clippy::cast_precision_loss, reason = "a rate for people to read")]
    let rate = generation.map(|time| tokens as f64 / time.as_secs_f64());
    let waited = timings.prompt.or(timings.total.zip(timings.output).map(|(all, own)| all.saturating_sub(own)));
    let wait = waited.map(|time| time + timings.load.unwrap_or(Duration::ZERO));
    Pace { rate, generation, wait }
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
