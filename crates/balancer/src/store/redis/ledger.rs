//! What this process waits for and holds, and until when it may believe so. No I/O, and time is passed in.

use std::collections::{HashMap, HashSet, VecDeque};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::Instant;

use super::library::{Beat, Found, Head, Listed, Request};
use super::names::Name;
use crate::signal::{Signal, Trigger, signal};

/// Contacts remembered, and the least distance between two of them.
const CONTACTS: usize = 32;
const CONTACT_GAP: Duration = Duration::from_millis(25);

/// What a waiter is told.
#[derive(Debug)]
pub(super) enum Word {
    Granted(Given),
    /// The server does not know the waiter: it has to ask again.
    Again,
    /// The server cannot be reached.
    Down,
}

/// A grant, as the waiter gets it.
#[derive(Debug)]
pub(super) struct Given {
    pub(super) resource: Name,
    pub(super) fence: u64,
    pub(super) lost: Signal,
    pub(super) valid_until: Instant,
}

/// The books of one process and one pool.
#[derive(Debug)]
pub(super) struct Ledger {
    /// How long a lease is good for after the command that renewed it was sent.
    validity: Duration,
    epoch: Option<u32>,
    /// Times of the server at which it renewed our session, and when the command was sent. A grant that is pushed is
    /// good for as long as the last of them that came before it: whether the session went on after it is not known.
    contacts: VecDeque<(u64, Instant)>,
    waiting: HashMap<u128, Waiting>,
    held: HashMap<u128, Held>,
    /// Leases that the last heartbeat found and nobody wanted.
    strangers: HashSet<u128>,
}

#[derive(Debug)]
struct Waiting {
    model: Name,
    hold: Duration,
    candidates: Vec<(Name, u32)>,
    word: Option<oneshot::Sender<Word>>,
    /// When it was last heard of.
    asked: Instant,
    /// Whether the server said that it stands in line.
    queued: bool,
}

#[derive(Debug)]
struct Held {
    resource: Name,
    fence: u64,
    model: Name,
    capacity: u32,
    hold_until: Instant,
    valid_until: Instant,
    /// Set and taken when the holder is told that the lease is lost.
    lost: Option<Trigger>,
}

impl Ledger {
    pub(super) fn new(validity: Duration) -> Self {
        Self {
            validity,
            epoch: None,
            contacts: VecDeque::with_capacity(CONTACTS),
            waiting: HashMap::new(),
            held: HashMap::new(),
            strangers: HashSet::new(),
        }
    }

    /// Puts a waiter in the books, or has one hear the next word.
    pub(super) fn expect(&mut self, request: &Request, now: Instant) -> oneshot::Receiver<Word> {
        let (sender, receiver) = oneshot::channel();
        let waiting = self.waiting.entry(request.id).or_insert_with(|| Waiting {
            model: request.model,
            hold: request.hold,
            candidates: request.candidates.clone(),
            word: None,
            asked: now,
            queued: false,
        });
        waiting.asked = now;
        waiting.word = Some(sender);
        receiver
    }

    pub(super) fn queued(&mut self, id: u128) {
        if let Some(waiting) = self.waiting.get_mut(&id) {
            waiting.queued = true;
        }
    }

    /// Notes an answer to a command that renewed the session. True if another server process gave it than before.
    pub(super) fn contact(&mut self, head: Head, sent: Instant) -> bool {
        let changed = self.epoch != Some(head.epoch);
        if changed {
            self.contacts.clear();
            self.epoch = Some(head.epoch);
        }
        let news = self.contacts.back().is_none_or(|&(_, last)| sent >= last + CONTACT_GAP);
        if news {
            if self.contacts.len() == CONTACTS {
                self.contacts.pop_front();
            }
            self.contacts.push_back((head.time, sent));
        }
        changed
    }

    /// A message says that a lease was granted at this time of the server. False if that is not enough to go by.
    pub(super) fn pushed(&mut self, found: Found, epoch: u32, time: u64, now: Instant) -> bool {
        if !self.waiting.contains_key(&found.id) {
            return true;
        }
        let sent = self.contacts.iter().rev().find(|&&(server, _)| server <= time).map(|&(_, sent)| sent);
        match sent {
            Some(sent) if self.epoch == Some(epoch) && sent + self.validity > now => {
                self.hand(found, sent, now);
                true
            }
            _ => false,
        }
    }

    /// An answer to a command sent at `sent` says that the lease exists. Tells the waiter, if there is one.
    pub(super) fn hand(&mut self, found: Found, sent: Instant, now: Instant) {
        let Some((sender, given)) = self.take(found, sent, now) else { return };
        // A waiter that is gone sends the release itself.
        let _ = sender.map(|sender| sender.send(Word::Granted(given)));
    }

    /// Moves a waiter to the leases. None if it is not there.
    pub(super) fn take(
        &mut self,
        found: Found,
        sent: Instant,
        now: Instant,
    ) -> Option<(Option<oneshot::Sender<Word>>, Given)> {
        let waiting = self.waiting.remove(&found.id)?;
        let capacity = waiting.candidates.iter().find(|&&(name, _)| name == found.resource).map_or(1, |&(_, cap)| cap);
        let (trigger, lost) = signal();
        let valid_until = sent + self.validity;
        let held = Held {
            resource: found.resource,
            fence: found.fence,
            model: waiting.model,
            capacity,
            hold_until: now + waiting.hold,
            valid_until,
            lost: Some(trigger),
        };
        self.held.insert(found.id, held);
        Some((waiting.word, Given { resource: found.resource, fence: found.fence, lost, valid_until }))
    }

    /// Strikes an id out, whatever it has. False if it had nothing.
    pub(super) fn strike(&mut self, id: u128) -> bool {
        let held = self.held.remove(&id).is_some();
        self.waiting.remove(&id).is_some() || held
    }

    /// Strikes out a lease with this fence. False if there is none.
    pub(super) fn strike_lease(&mut self, id: u128, fence: u64) -> bool {
        let ours = self.held.get(&id).is_some_and(|held| held.fence == fence);
        if ours {
            self.held.remove(&id);
        }
        ours
    }

    /// All leases, for a heartbeat. One whose time was over is listed too: the server may not have given it away yet,
    /// and then its holder's request and the resource are still in step.
    pub(super) fn listing(&self, now: Instant) -> Vec<Listed> {
        let list = |(&id, held): (&u128, &Held)| Listed {
            id,
            resource: held.resource,
            fence: held.fence,
            model: held.model,
            left: held.hold_until.saturating_duration_since(now),
            capacity: held.capacity,
        };
        self.held.iter().map(list).collect()
    }

    /// Takes in the answer to a heartbeat that listed these. Returns how many leases were lost, and what to give back.
    pub(super) fn beaten(
        &mut self,
        listed: &[Listed],
        beat: &Beat,
        sent: Instant,
        now: Instant,
    ) -> (usize, Vec<Found>) {
        let lost: HashSet<u128> = beat.lost.iter().copied().collect();
        for lease in listed.iter().filter(|lease| !lost.contains(&lease.id)) {
            if let Some(held) = self.held.get_mut(&lease.id) {
                held.valid_until = held.valid_until.max(sent + self.validity);
            }
        }
        let mut told = 0;
        for id in lost {
            if let Some(held) = self.held.remove(&id) {
                told += usize::from(held.lost.is_some());
                held.lost.iter().for_each(Trigger::set);
            }
        }
        let strangers = std::mem::take(&mut self.strangers);
        let mut orphans = Vec::new();
        for &found in &beat.unlisted {
            if self.held.contains_key(&found.id) {
                continue;
            }
            if self.waiting.contains_key(&found.id) {
                self.hand(found, sent, now);
            } else if strangers.contains(&found.id) {
                orphans.push(found);
            } else {
                self.strangers.insert(found.id);
            }
        }
        (told, orphans)
    }

    /// Tells the holders whose time is over. Returns how many there were.
    pub(super) fn expire(&mut self, now: Instant) -> usize {
        let over = self.held.values_mut().filter(|held| held.valid_until <= now);
        over.filter_map(|held| held.lost.take()).map(|trigger| trigger.set()).count()
    }

    /// Waiters that were not heard of since `before`.
    pub(super) fn quiet(&mut self, before: Instant, now: Instant) -> Vec<u128> {
        let quiet = self.waiting.iter_mut().filter(|(_, waiting)| waiting.asked <= before);
        quiet
            .map(|(&id, waiting)| {
                waiting.asked = now;
                id
            })
            .collect()
    }

    /// The server does not know this waiter.
    pub(super) fn unknown(&mut self, id: u128) {
        if let Some(waiting) = self.waiting.get_mut(&id) {
            waiting.queued = false;
            let _ = waiting.word.take().map(|sender| sender.send(Word::Again));
        }
    }

    /// The server cannot be reached: tells the waiters, all or those that do not stand in line yet.
    pub(super) fn down(&mut self, all: bool) {
        for waiting in self.waiting.values_mut().filter(|waiting| all || !waiting.queued) {
            let _ = waiting.word.take().map(|sender| sender.send(Word::Down));
        }
    }

    pub(super) fn sizes(&self) -> (usize, usize) {
        (self.waiting.len(), self.held.len())
    }
}
