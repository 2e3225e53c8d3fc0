//! What the mock has seen: counts of connections and requests, and a bounded log of the requests themselves.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Mutex,
    time::{Duration, Instant},
};

use bytes::Bytes;
use http::{HeaderMap, Method};
use tokio::sync::Notify;

/// Bodies longer than this are remembered only up to it.
const BODY_KEPT: usize = 64 * 1024;

/// Counts of a [`MockServer`](crate::MockServer) since its start or the last clear.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Connections open now.
    pub connections: usize,
    /// Connections accepted in all.
    pub connections_total: u64,
    /// Generating requests (chat, completions, embeddings, …) between their head and the end of their answer.
    pub in_flight: usize,
    /// The most [`in_flight`](Self::in_flight) has been: 1 proves that a lease was exclusive.
    pub max_in_flight: usize,
    /// Requests of every kind.
    pub requests: u64,
    /// Answers sent to their last byte.
    pub finished: u64,
    /// Exchanges the client broke off, before or after the head; also stalled and endless ones it left.
    pub aborted: u64,
    /// Answers the script broke on the wire (an error status or event is an answer like any other).
    pub faulted: u64,
    /// Requests turned away because every slot was taken.
    pub turned_away: u64,
    /// Requests by path; paths the mock does not know count as `other`.
    pub by_path: BTreeMap<&'static str, u64>,
}

/// How an exchange ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is still going on.
    Open,
    /// The answer went out whole.
    Finished,
    /// The client went away first.
    Aborted,
    /// The script broke it.
    Faulted,
}

/// One request as the mock saw it.
#[derive(Clone, Debug)]
pub struct Seen {
    /// 0 for the first request of the server.
    pub number: u64,
    /// 0 for the first connection of the server.
    pub connection: u64,
    /// The method.
    pub method: Method,
    /// Path and query as sent.
    pub target: String,
    /// The headers as sent, credentials included: this is a test tool.
    pub headers: HeaderMap,
    /// The body, up to 64 KiB of it.
    pub body: Bytes,
    /// The body's true length in bytes.
    pub body_len: usize,
    /// The system prompt the request carried, wherever its dialect keeps it.
    pub system: Option<String>,
    /// The status answered, once there is one.
    pub status: Option<u16>,
    /// Body bytes handed to the connection.
    pub sent: u64,
    /// How it ended.
    pub outcome: Outcome,
    /// When its head was read.
    pub began: Instant,
    /// How long after that it ended.
    pub lasted: Option<Duration>,
}

/// The one place the counts and the log live.
#[derive(Debug)]
pub(crate) struct Meter {
    state: Mutex<State>,
    /// Rung at every change, for waiting on a condition.
    pub(crate) changed: Notify,
}

#[derive(Debug, Default)]
struct State {
    stats: Stats,
    log: VecDeque<Seen>,
    next: u64,
}

impl Meter {
    pub(crate) fn new() -> Self {
        Self { state: Mutex::default(), changed: Notify::new() }
    }

    pub(crate) fn stats(&self) -> Stats {
        self.with(|state| state.stats.clone())
    }

    pub(crate) fn log(&self) -> Vec<Seen> {
        self.with(|state| state.log.iter().cloned().collect())
    }

    /// Forgets everything but what is open now.
    pub(crate) fn clear(&self) {
        self.with(|state| {
            state.log.clear();
            let Stats { connections, in_flight, .. } = state.stats;
            state.stats = Stats { connections, in_flight, max_in_flight: in_flight, ..Stats::default() };
        });
    }

    pub(crate) fn connected(&self) -> u64 {
        self.tell(|state| {
            state.stats.connections += 1;
            state.stats.connections_total += 1;
            state.stats.connections_total - 1
        })
    }

    pub(crate) fn disconnected(&self) {
        self.tell(|state| state.stats.connections -= 1);
    }

    /// Takes a slot if fewer than `slots` are taken. `false`: all are.
    pub(crate) fn enter(&self, slots: Option<usize>) -> bool {
        let entered = self.with(|state| {
            if slots.is_some_and(|slots| state.stats.in_flight >= slots) {
                return false;
            }
            state.stats.in_flight += 1;
            state.stats.max_in_flight = state.stats.max_in_flight.max(state.stats.in_flight);
            true
        });
        // A failed try changes nothing: telling of it would have those who wait wake one another for ever.
        if entered {
            self.changed.notify_waiters();
        }
        entered
    }

    pub(crate) fn leave(&self) {
        self.tell(|state| state.stats.in_flight -= 1);
    }

    pub(crate) fn turned_away(&self) {
        self.tell(|state| state.stats.turned_away += 1);
    }

    /// Counts a request and remembers it, forgetting the oldest beyond `keep`.
    pub(crate) fn began(&self, path: &'static str, keep: usize, seen: impl FnOnce(u64) -> Seen) -> u64 {
        self.tell(|state| {
            let number = state.next;
            state.next += 1;
            state.stats.requests += 1;
            *state.stats.by_path.entry(path).or_insert(0) += 1;
            if keep > 0 {
                while state.log.len() >= keep {
                    state.log.pop_front();
                }
                state.log.push_back(seen(number));
            }
            number
        })
    }

    /// Changes what is remembered of a request, if it still is.
    pub(crate) fn note(&self, number: u64, change: impl FnOnce(&mut Seen)) {
        self.with(|state| {
            let Some(front) = state.log.front().map(|seen| seen.number) else {
                return;
            };
            let index = number.checked_sub(front).and_then(|index| usize::try_from(index).ok());
            let seen = index.and_then(|index| state.log.get_mut(index));
            if let Some(seen) = seen.filter(|seen| seen.number == number) {
                change(seen);
            }
        });
    }

    pub(crate) fn body(&self, number: u64, body: &Bytes, system: Option<&str>) {
        self.note(number, |seen| {
            seen.body_len = body.len();
            seen.body = if body.len() <= BODY_KEPT { body.clone() } else { Bytes::copy_from_slice(&body[..BODY_KEPT]) };
            seen.system = system.map(str::to_owned);
        });
    }

    pub(crate) fn ended(&self, number: u64, outcome: Outcome, sent: u64) {
        self.with(|state| match outcome {
            Outcome::Finished => state.stats.finished += 1,
            Outcome::Faulted => state.stats.faulted += 1,
            Outcome::Aborted | Outcome::Open => state.stats.aborted += 1,
        });
        self.note(number, |seen| {
            seen.outcome = outcome;
            seen.sent = sent;
            seen.lasted = Some(seen.began.elapsed());
        });
        self.changed.notify_waiters();
    }

    fn tell<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let value = self.with(change);
        self.changed.notify_waiters();
        value
    }

    fn with<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        change(&mut self.state.lock().expect("no panic under this lock"))
    }
}
