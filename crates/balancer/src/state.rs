//! What is learned about one endpoint. It outlives the settings it began with and the leases of its pool.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};

use crate::clock::Tick;
use crate::endpoint::EndpointKey;
use crate::ewma::{Mean, Peak};
use crate::fleet::Resource;
use crate::health::{Breaker, HealthSettings};

/// How far a request that waited against expectation takes the number of places down.
const PLACES_GAIN: f32 = 0.2;

/// A pause that grows by less is no news for others, in nanoseconds.
const LEAST_NEWS: u64 = 250_000_000;

/// Aligned so that the writers of one endpoint do not slow down the readers of another.
#[derive(Debug)]
#[repr(align(128))]
pub(crate) struct State {
    pub(crate) breaker: Breaker,
    /// Paused by hand: no new leases.
    pub(crate) drained: AtomicBool,
    /// When the slow start began (nanoseconds); zero: none.
    pub(crate) ramp: AtomicU64,
    /// Seconds to the first token, peak-sensitive; failures count as slow answers.
    pub(crate) latency: Peak,
    /// Seconds per unit of size to the first token, when nothing waited before.
    pub(crate) pace: Mean,
    /// How many requests the endpoint serves at once, as far as that was learned (bits of an `f32`); zero: it never
    /// made anyone wait.
    pub(crate) places: AtomicU32,
    /// Seconds that a request keeps its place busy, waiting not included.
    pub(crate) busy: Mean,
    /// Seconds of expected delay on account of failures.
    pub(crate) drag: Peak,
    /// Requests on the resource, averaged over time.
    pub(crate) presence: Peak,
    /// When an answer last taught us something (nanoseconds).
    pub(crate) taught: AtomicU64,
    /// Until when others were told to leave it alone (nanoseconds).
    told: AtomicU64,
    pub(crate) key: EndpointKey,
    pub(crate) id: Arc<str>,
    pub(crate) resource: Arc<Resource>,
    pub(crate) tally: Tally,
}

/// Leases by how they went: counters that only grow, and whose difference is what is in flight.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) picked: AtomicU64,
    pub(crate) succeeded: AtomicU64,
    pub(crate) failed: AtomicU64,
    pub(crate) cancelled: AtomicU64,
}

impl Tally {
    /// A lease ended, and counts among these.
    pub(crate) fn end(&self, ended: &AtomicU64) {
        ended.fetch_add(1, Ordering::Release);
    }

    /// How many leases live, and how many succeeded, failed and were cancelled.
    pub(crate) fn read(&self) -> (u32, [u64; 3]) {
        // Who sees an end sees its beginning: ends are read first.
        let ended = [&self.succeeded, &self.failed, &self.cancelled].map(|count| count.load(Ordering::Acquire));
        let picked = self.picked.load(Ordering::Relaxed);
        (picked.saturating_sub(ended.iter().sum()) as u32, ended)
    }
}

impl State {
    pub(crate) fn new(id: Arc<str>, resource: Arc<Resource>, settings: &HealthSettings) -> Self {
        Self {
            breaker: Breaker::new(settings),
            drained: AtomicBool::new(false),
            ramp: AtomicU64::new(0),
            latency: Peak::default(),
            pace: Mean::default(),
            places: AtomicU32::new(0),
            busy: Mean::default(),
            drag: Peak::default(),
            presence: Peak::default(),
            taught: AtomicU64::new(0),
            told: AtomicU64::new(0),
            key: EndpointKey::of(&id),
            id,
            resource,
            tally: Tally::default(),
        }
    }

    /// The share of its weight that an endpoint gets while it warms up.
    pub(crate) fn warmth(&self, now: Tick, settings: &HealthSettings) -> f32 {
        let began = self.ramp.load(Ordering::Relaxed);
        if began == 0 {
            return 1.0;
        }
        let passed = now.seconds_since(Tick::from_nanos(began));
        let share = passed / settings.slow_start.as_secs_f32();
        if share >= 1.0 {
            // Over: the next reader need not look at the time. Losing this store to a new start is harmless.
            let _ = self.ramp.compare_exchange(began, 0, Ordering::Relaxed, Ordering::Relaxed);
            return 1.0;
        }
        share.max(settings.slow_start_floor)
    }

    /// How many requests the endpoint serves at once, as far as that was learned.
    pub(crate) fn learned_places(&self) -> Option<f32> {
        Some(f32::from_bits(self.places.load(Ordering::Relaxed))).filter(|places| *places > 0.0)
    }

    /// Takes in that a request, one of `crowd`, had to wait at the endpoint, or had not.
    pub(crate) fn learn_places(&self, crowd: f32, waited: bool) {
        let next = match (self.learned_places(), waited) {
            (None, true) => crowd - 1.0,
            (Some(places), true) if crowd <= places => places - (places - crowd + 1.0) * PLACES_GAIN,
            (Some(places), false) if crowd > places => crowd,
            _ => return,
        };
        // Two at once may undo each other's step; the next request makes it again.
        self.places.store(next.max(1.0).to_bits(), Ordering::Relaxed);
    }

    /// Whether it is news to others that the endpoint is to be left alone until then; if so it counts as told. A
    /// refusal by the hundred is told once.
    pub(crate) fn tells_anew(&self, until: Tick) -> bool {
        let until = until.as_nanos();
        self.told.fetch_max(until, Ordering::Relaxed).saturating_add(LEAST_NEWS) < until
    }

    pub(crate) fn start_slowly(&self, now: Tick, settings: &HealthSettings) {
        if !settings.slow_start.is_zero() {
            self.ramp.store(now.as_nanos().max(1), Ordering::Relaxed);
        }
    }
}
