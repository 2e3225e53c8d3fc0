//! How a server behaves: what it has to do for a call, and how long that takes in its troubles.

use std::collections::VecDeque;

use super::scenario::{Call, Server, Trouble};

/// Seconds after which a refused or broken connection is noticed.
pub(crate) const NOTICE: f64 = 0.002;

/// What a server would do with a connection.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Reception {
    Accepted,
    /// Nobody is there.
    Dead,
    /// "Too many requests", come back after so many seconds.
    TooMany(Option<f64>),
}

/// The inside of a server that answers depend on.
#[derive(Debug)]
pub(crate) struct Memory<'a> {
    pub(crate) server: &'a Server,
    model: Option<u32>,
    /// Conversations, the least recent first, with the tokens that are remembered.
    conversations: VecDeque<(u64, u32)>,
    remembered: u64,
    /// When calls of the last minute were accepted.
    accepted: VecDeque<f64>,
    pub(crate) loads: u64,
}

impl<'a> Memory<'a> {
    pub(crate) fn new(server: &'a Server) -> Self {
        let (conversations, accepted) = (VecDeque::new(), VecDeque::new());
        Self { server, model: None, conversations, remembered: 0, accepted, loads: 0 }
    }

    /// What happens to a call that comes at `now`.
    pub(crate) fn receive(&mut self, now: f64) -> Reception {
        match self.trouble(now) {
            Some(Trouble::Down) => return Reception::Dead,
            Some(Trouble::Refuses) => return Reception::TooMany(None),
            Some(Trouble::Slow(_)) | None => {}
        }
        let wait = self.allowance_wait(now);
        if wait > 0.0 {
            return Reception::TooMany(Some(wait));
        }
        self.accept(now);
        Reception::Accepted
    }

    /// Counts a call against the limit per minute.
    pub(crate) fn accept(&mut self, now: f64) {
        if self.server.per_minute.is_some() {
            self.accepted.push_back(now);
        }
    }

    /// Whether it answers "too many requests" for no reason of ours.
    pub(crate) fn refuses(&self, now: f64) -> bool {
        self.trouble(now) == Some(Trouble::Refuses)
    }

    /// Seconds until the limit per minute allows another call.
    pub(crate) fn allowance_wait(&mut self, now: f64) -> f64 {
        let Some(limit) = self.server.per_minute else { return 0.0 };
        while self.accepted.front().is_some_and(|at| *at + 60.0 <= now) {
            self.accepted.pop_front();
        }
        // The reference accepts calls ahead of their time, so there may be more than the limit.
        let Some(at) = self.accepted.len().checked_sub(limit as usize) else { return 0.0 };
        self.accepted.get(at).map_or(0.0, |first| (first + 60.0 - now).max(0.0))
    }

    /// When the first token and the end of a call come that gets a place at `start`.
    pub(crate) fn plan(&self, call: &Call, start: f64) -> (f64, f64) {
        let known = call.conversation.and_then(|id| self.conversations.iter().find(|c| c.0 == id)).map_or(0, |c| c.1);
        let fresh = call.prompt.saturating_sub(known).max(1);
        let load = if self.model == Some(call.model) { 0.0 } else { self.server.load_time };
        let first = self.finish(start + load, f64::from(fresh) / self.server.prefill);
        (first, self.finish(first, f64::from(call.output) / self.server.decode))
    }

    /// Takes the call in: its model and conversation are there from now on.
    pub(crate) fn serve(&mut self, call: &Call) {
        if self.model != Some(call.model) {
            self.loads += u64::from(self.server.load_time > 0.0);
            self.model = Some(call.model);
        }
        let (Some(id), true) = (call.conversation, self.server.cache > 0) else { return };
        if let Some(at) = self.conversations.iter().position(|c| c.0 == id) {
            self.remembered -= self.conversations.remove(at).map_or(0, |c| u64::from(c.1));
        }
        let tokens = call.prompt + call.output;
        self.conversations.push_back((id, tokens));
        self.remembered += u64::from(tokens);
        while self.remembered > self.server.cache {
            self.remembered -= self.conversations.pop_front().map_or(self.remembered, |c| u64::from(c.1));
        }
    }

    /// Everything is forgotten in a crash.
    pub(crate) fn crash(&mut self) {
        self.model = None;
        self.conversations.clear();
        self.remembered = 0;
    }

    /// Whether the server crashes between two moments.
    pub(crate) fn dies_within(&self, from: f64, to: f64) -> bool {
        self.server.episodes.iter().filter(|episode| episode.trouble == Trouble::Down).any(|episode| {
            let next = next_begin(episode.from, episode.period, from);
            next < to || inside(episode.from, episode.to, episode.period, from)
        })
    }

    /// When the server next crashes after a moment.
    pub(crate) fn next_crash(&self, after: f64) -> Option<f64> {
        let crashes = self.server.episodes.iter().filter(|episode| episode.trouble == Trouble::Down);
        crashes.map(|episode| next_begin(episode.from, episode.period, after)).min_by(f64::total_cmp)
    }

    fn trouble(&self, now: f64) -> Option<Trouble> {
        let at = |e: &&super::scenario::Episode| inside(e.from, e.to, e.period, now);
        self.server.episodes.iter().find(at).map(|episode| episode.trouble)
    }

    /// When so many seconds of work at full speed are done that begin at `start`.
    fn finish(&self, start: f64, work: f64) -> f64 {
        let (mut now, mut left) = (start, work);
        loop {
            let speed = match self.trouble(now) {
                Some(Trouble::Slow(share)) => share,
                _ => 1.0,
            };
            let until = self.next_change(now);
            if (until - now) * speed >= left {
                return now + left / speed;
            }
            left -= (until - now) * speed;
            now = until;
        }
    }

    /// When a slow spell next begins or ends.
    fn next_change(&self, now: f64) -> f64 {
        let slow = self.server.episodes.iter().filter(|episode| matches!(episode.trouble, Trouble::Slow(_)));
        slow.flat_map(|e| [next_begin(e.from, e.period, now), next_begin(e.to, e.period, now)])
            .fold(f64::INFINITY, f64::min)
    }
}

fn inside(from: f64, to: f64, period: f64, now: f64) -> bool {
    (from..to).contains(&(now % period))
}

/// The next moment after `now` that is `offset` after the beginning of a period.
fn next_begin(offset: f64, period: f64, now: f64) -> f64 {
    let base = (now / period).floor() * period + offset;
    if base > now { base } else { base + period }
}
