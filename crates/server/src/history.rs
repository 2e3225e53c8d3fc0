//! The last two minutes, second by second: whoever opens the status page sees at once what went before.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use foldhash::HashMap;
use llm_router_endpoints::State;
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::{metrics::Metrics, worker::Shared};

/// Between two moments.
const BEAT: Duration = Duration::from_secs(1);
/// How many moments are kept.
const KEPT: usize = 120;
/// Tokens and calls are counted when a request ends, so their rates are taken over so many moments.
const SMOOTH: usize = 10;

/// What was seen at a moment.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Moment {
    /// When.
    pub at: Instant,
    /// Tokens written so far.
    pub tokens: u64,
    /// Requests sent to providers so far.
    pub calls: u64,
    /// Requests at providers.
    pub flying: u32,
    /// Requests in line.
    pub queued: u32,
}

/// The moments of everything, and of every provider by its model and id. A provider that nobody has asked anything for
/// so long keeps one moment: thousands may be configured.
#[derive(Debug, Default)]
pub(crate) struct History(Mutex<Past>);

#[derive(Debug, Default)]
struct Past {
    all: VecDeque<Moment>,
    /// By model, then by id.
    providers: HashMap<Arc<str>, HashMap<Arc<str>, VecDeque<Moment>>>,
}

/// Adds a moment every second, for ever.
pub(crate) async fn beat(shared: &Shared) {
    loop {
        shared.witness.history.add(&shared.state(), &shared.witness.metrics);
        sleep(BEAT).await;
    }
}

impl History {
    fn add(&self, state: &State, metrics: &Metrics) {
        let mut all = Moment { at: Instant::now(), tokens: 0, calls: 0, flying: 0, queued: 0 };
        let mut past = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Past { all: moments_of_all, providers } = &mut *past;
        for pool in state.pools() {
            all.queued += pool.queued();
            let of_model = providers.entry(Arc::clone(&pool.model.name)).or_default();
            let statuses = pool.balancer.status();
            for status in &statuses {
                let (tokens, calls) = metrics.progress(&pool.model.name, &status.id);
                let flying = status.in_flight;
                all = Moment {
                    tokens: all.tokens + tokens,
                    calls: all.calls + calls,
                    flying: all.flying + flying,
                    ..all
                };
                let moments = of_model.entry(Arc::clone(&status.id)).or_default();
                push(moments, Moment { tokens, calls, flying, ..all });
                forget_rest(moments);
            }
            if of_model.len() > statuses.len() {
                of_model.retain(|id, _| statuses.iter().any(|status| status.id == *id));
            }
        }
        if providers.len() > state.catalogue.models().len() {
            providers.retain(|model, _| state.catalogue.get(model).is_some());
        }
        push(moments_of_all, all);
    }

    /// The curves of everything.
    pub(crate) fn curves(&self) -> Value {
        let past = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let all = &past.all;
        json!({
            "tokens_per_s": rates(all, |moment| moment.tokens),
            "requests_per_s": rates(all, |moment| moment.calls),
            "in_flight": all.iter().map(|moment| moment.flying).collect::<Vec<_>>(),
            "queued": all.iter().map(|moment| moment.queued).collect::<Vec<_>>(),
        })
    }

    /// Requests at a provider, moment by moment, and its tokens a second now.
    pub(crate) fn provider(&self, model: &str, id: &str) -> (Vec<u32>, f64) {
        let past = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(moments) = past.providers.get(model).and_then(|of_model| of_model.get(id)) else {
            return (Vec::new(), 0.0);
        };
        let now = rates(moments, |moment| moment.tokens).last().copied().unwrap_or_default();
        let at_rest = past.all.len().saturating_sub(moments.len());
        (std::iter::repeat_n(0, at_rest).chain(moments.iter().map(|moment| moment.flying)).collect(), now)
    }

    /// Tokens and requests a second, now.
    pub(crate) fn rates(&self) -> [f64; 2] {
        let past = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        [|moment: &Moment| moment.tokens, |moment: &Moment| moment.calls]
            .map(|count| rates(&past.all, count).last().copied().unwrap_or_default())
    }
}

fn push(moments: &mut VecDeque<Moment>, new: Moment) {
    if moments.len() >= KEPT {
        moments.pop_front();
    }
    moments.push_back(new);
}

/// Keeps the last moment alone of a provider that has been at rest all the while, or since the only one before.
fn forget_rest(moments: &mut VecDeque<Moment>) {
    let (Some(first), Some(last)) = (moments.front(), moments.back()) else { return };
    let same = first.tokens == last.tokens && first.calls == last.calls;
    if same && [2, KEPT].contains(&moments.len()) && moments.iter().all(|moment| moment.flying == 0) {
        moments.drain(..moments.len() - 1);
        moments.shrink_to_fit();
    }
}

/// How much of something came a second, up to each moment.
fn rates(moments: &VecDeque<Moment>, count: fn(&Moment) -> u64) -> Vec<f64> {
    let rate = |at: usize| {
        let (old, new) = (&moments[at.saturating_sub(SMOOTH)], &moments[at]);
        let seconds = new.at.duration_since(old.at).as_secs_f64();
        // A counter begins anew when its model has left and come back.
        let more = count(new).saturating_sub(count(old)) as f64;
        if seconds > 0.0 { (more / seconds * 10.0).round() / 10.0 } else { 0.0 }
    };
    (0..moments.len()).map(rate).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_provider_at_rest_keeps_one_moment_and_one_at_work_keeps_all() {
        let began = Instant::now();
        let mut moments = VecDeque::new();
        let mut second = 0;
        let mut pass = |moments: &mut VecDeque<Moment>, seconds: usize, tokens, calls, flying| {
            for _ in 0..seconds {
                second += 1;
                let at = began + Duration::from_secs(second);
                push(moments, Moment { at, tokens, calls, flying, queued: 0 });
                forget_rest(moments);
            }
            moments.len()
        };
        assert_eq!(pass(&mut moments, 2 * KEPT, 0, 0, 0), 1);
        assert!(moments.capacity() < 8, "what it took is given back");
        assert_eq!(pass(&mut moments, 3, 0, 0, 1), 4, "a request under way is work");
        assert_eq!(pass(&mut moments, 1, 50, 1, 0), 5);
        assert_eq!(rates(&moments, |moment| moment.tokens).last(), Some(&12.5), "counted from the moment before");
        assert_eq!(pass(&mut moments, KEPT - 2, 50, 1, 0), KEPT, "what it did is remembered as long as before");
        assert_eq!(pass(&mut moments, 2, 50, 1, 0), 1);
    }

    #[test]
    fn rates_are_taken_over_some_seconds_and_never_negative() {
        let began = Instant::now();
        let mut moments = VecDeque::new();
        for (second, tokens) in [0, 100, 200, 10, 1010].into_iter().enumerate() {
            let at = began + Duration::from_secs(second as u64);
            push(&mut moments, Moment { at, tokens, calls: 0, flying: 0, queued: 0 });
        }
        assert_eq!(rates(&moments, |moment| moment.tokens), [0.0, 100.0, 100.0, 3.3, 252.5]);
        for _ in 0..2 * KEPT {
            let again = moments[0];
            push(&mut moments, again);
        }
        assert_eq!(moments.len(), KEPT);
    }
}
