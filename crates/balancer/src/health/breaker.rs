//! The breaker of one endpoint: closed, open until a moment, then one request as a probe.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU8, AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use super::HealthSettings;
use crate::clock::Tick;
use crate::failure::Failure;
use crate::sync::lock;
use crate::window::Window;

const CLOSED: u8 = 0;
const OPEN: u8 = 1;
const PROBING: u8 = 2;

/// A day: nothing that an endpoint says about itself is believed for longer.
const LONGEST: Duration = Duration::from_secs(86_400);

/// Why an endpoint is left alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason {
    /// It failed too often.
    Failing,
    /// It asked for a pause.
    Overloaded,
    /// Its allowance is used up.
    Quota,
    /// It refuses our credentials.
    Auth,
    /// An active probe failed.
    Probe,
    /// Another process said so.
    Hint,
    /// It fails much more often than the others.
    Outlier,
}

impl Reason {
    const ALL: [Self; 7] =
        [Self::Failing, Self::Overloaded, Self::Quota, Self::Auth, Self::Probe, Self::Hint, Self::Outlier];

    /// Whether an endpoint may be tried for this reason when there is no other: it did not ask to be left alone.
    pub(crate) const fn gives_way(self) -> bool {
        !matches!(self, Self::Overloaded | Self::Quota)
    }
}

/// Whether a request may go to an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Admission {
    Free,
    /// The pause is over: one request may find out.
    Probe,
    Paused {
        until: Tick,
        reason: Reason,
    },
    /// Somebody else is finding out.
    Probing,
}

/// What a success or failure changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lesson {
    Nothing,
    Opened,
    Recovered,
}

#[derive(Debug)]
pub(crate) struct Breaker {
    /// Nothing is admitted before this moment (nanoseconds).
    gate: AtomicU64,
    phase: AtomicU8,
    reason: AtomicU8,
    row: AtomicU32,
    last_success: AtomicU64,
    history: Mutex<History>,
    window: Window,
}

#[derive(Debug, Default)]
struct History {
    opened: Tick,
    closed: Tick,
    trips: u32,
}

impl Breaker {
    pub(crate) fn new(settings: &HealthSettings) -> Self {
        Self {
            gate: AtomicU64::new(0),
            phase: AtomicU8::new(CLOSED),
            reason: AtomicU8::new(0),
            row: AtomicU32::new(0),
            last_success: AtomicU64::new(0),
            history: Mutex::default(),
            window: Window::new(settings.window),
        }
    }

    /// The check of the hot path: two loads.
    pub(crate) fn admission(&self, now: Tick) -> Admission {
        let until = Tick::from_nanos(self.gate.load(Ordering::Relaxed));
        if until > now {
            return Admission::Paused { until, reason: self.reason() };
        }
        match self.phase.load(Ordering::Relaxed) {
            CLOSED => Admission::Free,
            OPEN => Admission::Probe,
            _ => Admission::Probing,
        }
    }

    pub(crate) fn reason(&self) -> Reason {
        Reason::ALL[usize::from(self.reason.load(Ordering::Relaxed)) % Reason::ALL.len()]
    }

    /// Claims the one probe. The claim ends with a success, a failure or [`Breaker::forgo_probe`].
    pub(crate) fn claim_probe(&self) -> bool {
        self.phase.compare_exchange(OPEN, PROBING, Ordering::SeqCst, Ordering::Relaxed).is_ok()
    }

    /// The probe ended without a result: the next request may be one.
    pub(crate) fn forgo_probe(&self) {
        // Nothing to do if the phase has moved on.
        let _ = self.phase.compare_exchange(PROBING, OPEN, Ordering::SeqCst, Ordering::Relaxed);
    }

    /// A request that began at `begun` showed that the endpoint works; `counts` once per request.
    #[inline]
    pub(crate) fn success(&self, now: Tick, begun: Tick, counts: bool) -> Lesson {
        if counts {
            self.window.record(now, true);
            self.last_success.store(now.as_nanos(), Ordering::Relaxed);
        }
        if self.row.load(Ordering::Relaxed) != 0 {
            self.row.store(0, Ordering::Relaxed);
        }
        if self.phase.load(Ordering::Relaxed) == CLOSED { Lesson::Nothing } else { self.close(now, begun) }
    }

    #[cold]
    fn close(&self, now: Tick, begun: Tick) -> Lesson {
        let mut history = lock(&self.history);
        // What began before the breaker opened says nothing about the time since.
        if self.phase.load(Ordering::SeqCst) == CLOSED || begun < history.opened {
            return Lesson::Nothing;
        }
        history.closed = now;
        self.gate.store(0, Ordering::SeqCst);
        self.phase.store(CLOSED, Ordering::SeqCst);
        Lesson::Recovered
    }

    /// A request that began at `begun` failed by the fault of the endpoint.
    pub(crate) fn failure(&self, now: Tick, begun: Tick, failure: Failure, settings: &HealthSettings) -> Lesson {
        self.window.record(now, false);
        let mut history = lock(&self.history);
        let phase = self.phase.load(Ordering::SeqCst);
        if phase != CLOSED && begun < history.opened {
            return Lesson::Nothing;
        }
        match failure {
            Failure::Overloaded { retry_after } => {
                let pause = retry_after.unwrap_or(settings.overload_pause).min(settings.max_overload_pause);
                return self.pause(&mut history, phase, now, now + pause, Reason::Overloaded, settings);
            }
            Failure::Quota { until } => {
                let until = until.unwrap_or(now + settings.quota_pause).min(now + LONGEST);
                return self.pause(&mut history, phase, now, until, Reason::Quota, settings);
            }
            Failure::Auth => {
                self.open(&mut history, now, settings.auth_pause, Reason::Auth, settings);
                return Lesson::Opened;
            }
            _ => {}
        }
        let row = self.row.fetch_add(1, Ordering::Relaxed) + 1;
        if phase != CLOSED || row >= settings.consecutive.get() || self.rate_is_bad(now, settings) {
            self.open(&mut history, now, Duration::ZERO, Reason::Failing, settings);
            return Lesson::Opened;
        }
        Lesson::Nothing
    }

    /// Leaves the endpoint alone until `until`, never for more than a day.
    pub(crate) fn hint_down(&self, now: Tick, until: Tick) {
        let _history = lock(&self.history);
        self.raise_gate(until.min(now + LONGEST), Reason::Hint);
    }

    /// Takes back [`Breaker::hint_down`]; what was learned here stands. Says whether that changed anything.
    pub(crate) fn hint_up(&self, now: Tick) -> bool {
        let _history = lock(&self.history);
        let hinted = self.reason() == Reason::Hint && self.gate.load(Ordering::SeqCst) > now.as_nanos();
        if hinted {
            self.gate.store(0, Ordering::SeqCst);
        }
        hinted
    }

    /// An active probe ended. A request that succeeded lately outweighs a failed probe; a good probe only lets a
    /// request find out.
    pub(crate) fn probed(&self, now: Tick, good: bool, settings: &HealthSettings) -> Lesson {
        let mut history = lock(&self.history);
        if good {
            let waits = self.reason().gives_way() && self.gate.load(Ordering::SeqCst) > now.as_nanos();
            if waits {
                self.gate.store(0, Ordering::SeqCst);
                return Lesson::Recovered;
            }
            return Lesson::Nothing;
        }
        let last = self.last_success.load(Ordering::Relaxed);
        if last != 0 && now.since(Tick::from_nanos(last)) < settings.probe_trust {
            return Lesson::Nothing;
        }
        self.open(&mut history, now, Duration::ZERO, Reason::Probe, settings);
        Lesson::Opened
    }

    /// Opens the breaker because the endpoint fails much more often than its peers.
    pub(crate) fn eject(&self, now: Tick, settings: &HealthSettings) {
        let mut history = lock(&self.history);
        if self.phase.load(Ordering::SeqCst) == CLOSED {
            self.open(&mut history, now, settings.outlier_interval, Reason::Outlier, settings);
        }
    }

    /// Good and bad answers in the window.
    pub(crate) fn counts(&self, now: Tick) -> (u32, u32) {
        self.window.totals(now)
    }

    fn rate_is_bad(&self, now: Tick, settings: &HealthSettings) -> bool {
        let (good, bad) = self.window.totals(now);
        let all = good + bad;
        all >= settings.min_requests.get() && bad as f32 >= settings.failure_rate * all as f32
    }

    /// A pause the endpoint asked for. It fails a probe, and it counts in the rate.
    fn pause(
        &self,
        history: &mut History,
        phase: u8,
        now: Tick,
        until: Tick,
        reason: Reason,
        settings: &HealthSettings,
    ) -> Lesson {
        if phase != CLOSED || self.rate_is_bad(now, settings) {
            self.open(history, now, until.since(now), reason, settings);
        } else {
            self.raise_gate(until, reason);
        }
        Lesson::Opened
    }

    fn open(&self, history: &mut History, now: Tick, least: Duration, reason: Reason, settings: &HealthSettings) {
        if self.phase.load(Ordering::SeqCst) == CLOSED && now.since(history.closed) > settings.max_pause {
            history.trips = 0;
        }
        let doubled = settings.base_pause.saturating_mul(1 << history.trips.min(20));
        history.trips += 1;
        history.opened = now;
        self.row.store(0, Ordering::Relaxed);
        self.window.clear();
        self.phase.store(OPEN, Ordering::SeqCst);
        self.raise_gate(now + doubled.min(settings.max_pause).max(least), reason);
    }

    fn raise_gate(&self, until: Tick, reason: Reason) {
        if self.gate.fetch_max(until.as_nanos(), Ordering::SeqCst) < until.as_nanos() {
            self.reason.store(reason as u8, Ordering::Relaxed);
        }
    }
}
