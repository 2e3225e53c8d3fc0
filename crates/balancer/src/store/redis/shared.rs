//! What the requests of this process and its driver have in common.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use fred::error::Error;
use tokio::sync::{Notify, mpsc, watch};
use tokio::time::Instant;

use super::config::RedisConfig;
use super::event::StoreEvent;
use super::fallback::Fallback;
use super::hints::Hints;
use super::ledger::Ledger;
use super::library::{Head, Library};
use super::names::Name;
use super::tickets::{Fetcher, Sequence};
use crate::store::{Hint, StoreListener};

/// Releases that may wait to be sent. One that finds no room is found again by a heartbeat.
pub(super) const RELEASES: usize = 16_384;

/// Whether Redis can be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reach {
    Starting,
    Up,
    Down(Instant),
    Closed,
}

/// Something that ended here and has to end in Redis.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ended {
    pub(super) id: u128,
    /// 0: whatever the id has.
    pub(super) fence: u64,
    /// After this the session, or the hard limit, has ended it.
    pub(super) give_up: Instant,
}

pub(super) struct Shared {
    pub(super) config: RedisConfig,
    pub(super) library: Library,
    pub(super) reach: watch::Sender<Reach>,
    pub(super) beat_now: Notify,
    pub(super) poll_now: Notify,
    pub(super) closing: Notify,
    pub(super) fallback: Fallback,
    pub(super) hints: Hints,
    pub(super) fetcher: Fetcher,
    ledger: Mutex<Ledger>,
    ended: mpsc::Sender<Ended>,
    /// Processes seen last, sorted.
    roster: Mutex<Vec<String>>,
    listeners: Arc<Listeners>,
}

/// Whoever is told about the world, for as long as somebody holds it.
#[derive(Default)]
pub(super) struct Listeners(Mutex<Vec<Weak<dyn StoreListener>>>);

impl Listeners {
    fn add(&self, listener: Weak<dyn StoreListener>) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|listener| listener.strong_count() > 0);
        all.push(listener);
    }

    /// Copied, so that a listener may call the store.
    pub(super) fn all(&self) -> Vec<Arc<dyn StoreListener>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().filter_map(Weak::upgrade).collect()
    }
}

/// What waits to be sent, for the driver.
pub(super) struct Queues {
    pub(super) releases: mpsc::Receiver<Ended>,
    pub(super) hints: mpsc::Receiver<(Name, Hint)>,
    pub(super) blocks: mpsc::Receiver<Arc<Sequence>>,
}

impl Shared {
    pub(super) fn new(config: RedisConfig, library: Library) -> (Self, Queues) {
        let (ended, releases) = mpsc::channel(RELEASES);
        let listeners = Arc::new(Listeners::default());
        let (hints, hints_waiting) = Hints::new(&config.prefix, &library.replica, Arc::clone(&listeners));
        let (fetcher, blocks) = Fetcher::new(&config.prefix);
        let shared = Self {
            ledger: Mutex::new(Ledger::new(config.validity())),
            fallback: Fallback::new(&config),
            config,
            library,
            reach: watch::Sender::new(Reach::Starting),
            beat_now: Notify::new(),
            poll_now: Notify::new(),
            closing: Notify::new(),
            hints,
            fetcher,
            ended,
            roster: Mutex::default(),
            listeners,
        };
        (shared, Queues { releases, hints: hints_waiting, blocks })
    }

    pub(super) fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn members(&self) -> MutexGuard<'_, Vec<String>> {
        self.roster.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has the driver send a release.
    pub(super) fn end(&self, id: u128, fence: u64) {
        let give_up = Instant::now() + self.config.ttl;
        // No room: the lease is in no book any more, and the second heartbeat to find it there gives it back.
        let _ = self.ended.try_send(Ended { id, fence, give_up });
    }

    /// Takes in the answer to a command that renewed the session.
    pub(super) fn contact(&self, head: Head, sent: Instant) -> bool {
        let changed = self.ledger().contact(head, sent);
        if changed && !head.quarantine.is_zero() {
            self.tell(&StoreEvent::Quarantine { left_ms: millis(head.quarantine) });
        }
        changed
    }

    /// A command failed: the next heartbeat, which decides, is sent at once.
    pub(super) fn doubt(&self) {
        self.beat_now.notify_one();
    }

    pub(super) fn up(&self) {
        let news = self.reach.send_if_modified(|reach| {
            let news = !matches!(reach, Reach::Up | Reach::Closed);
            if news {
                *reach = Reach::Up;
            }
            news
        });
        if news {
            self.tell(&StoreEvent::Up);
            self.listeners.all().iter().for_each(|listener| listener.reachable(true));
            self.poll_now.notify_one();
        }
    }

    pub(super) fn down(&self, error: &Error) {
        let news = self.reach.send_if_modified(|reach| {
            let news = !matches!(reach, Reach::Down(_) | Reach::Closed);
            if news {
                *reach = Reach::Down(Instant::now());
            }
            news
        });
        if news {
            self.tell(&StoreEvent::Down { reason: reason(error) });
            self.listeners.all().iter().for_each(|listener| listener.reachable(false));
        }
        self.ledger().down(self.fallback.takes_over());
    }

    pub(super) fn close(&self) {
        self.reach.send_replace(Reach::Closed);
        self.closing.notify_one();
        self.ledger().down(true);
    }

    pub(super) fn lost(&self, leases: usize) {
        if leases > 0 {
            self.tell(&StoreEvent::Lost { leases });
        }
    }

    pub(super) fn roster(&self) -> Vec<String> {
        self.members().clone()
    }

    pub(super) fn set_roster(&self, roster: Vec<String>) {
        let count = {
            let mut members = self.members();
            let news = members.len() != roster.len();
            *members = roster;
            if !news {
                return;
            }
            count(&members)
        };
        self.tell(&StoreEvent::Peers { count });
        self.listeners.all().iter().for_each(|listener| listener.peers(count));
    }

    pub(super) fn listen(&self, listener: Weak<dyn StoreListener>) {
        let Some(held) = listener.upgrade() else { return };
        held.peers(count(&self.members()));
        held.reachable(*self.reach.borrow() == Reach::Up);
        self.listeners.add(listener);
        self.hints.start_over();
    }

    pub(super) fn tell(&self, event: &StoreEvent) {
        if let Some(observer) = &self.config.observer {
            observer(event);
        }
    }
}

fn count(roster: &[String]) -> u32 {
    u32::try_from(roster.len()).unwrap_or(u32::MAX).max(1)
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// The error in short: kind and first words, so that nothing a server repeats gets into a log.
fn reason(error: &Error) -> String {
    let words: Vec<_> = error.details().split_whitespace().take(8).collect();
    format!("{}: {}", error.kind().to_str(), words.join(" "))
}
