//! One request's way to a lease.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::{Instant, timeout, timeout_at};

use super::ledger::{Given, Word};
use super::library::{Acquired, Found, Request};
use super::names::{self, Name};
use super::shared::{Reach, Shared};
use crate::store::{Grant, Mode, StoreError, Want};

/// Candidates of one want that are looked at; a list as long as this is a mistake somewhere.
const CANDIDATES: usize = 1_000;
/// When to try again while Redis is away.
const RETRY: Duration = Duration::from_secs(1);

/// Takes a lease for `want`, from Redis or from what takes its place.
pub(super) async fn acquire(shared: &Arc<Shared>, want: Want) -> Result<Grant, StoreError> {
    if want.candidates.is_empty() {
        return Err(StoreError::NoCandidate);
    }
    match first_contact(shared).await {
        Reach::Closed => Err(StoreError::Closed),
        Reach::Up => from_redis(shared, want).await,
        Reach::Starting | Reach::Down(_) => without_redis(shared, want).await,
    }
}

/// How Redis can be reached; at the start, once that is known.
async fn first_contact(shared: &Shared) -> Reach {
    let mut reach = shared.reach.subscribe();
    let patience = shared.config.command_timeout * 2;
    let known = timeout(patience, reach.wait_for(|reach| *reach != Reach::Starting)).await;
    known.map_or(Reach::Starting, |reach| reach.map_or(Reach::Closed, |reach| *reach))
}

async fn from_redis(shared: &Arc<Shared>, mut want: Want) -> Result<Grant, StoreError> {
    let deadline = Instant::now() + want.wait;
    let (request, index) = ask(shared, &want);
    if index.is_empty() {
        return shared.fallback.acquire(want).await;
    }
    let mut place = Place { shared: Arc::clone(shared), id: want.id, held: true };
    loop {
        let sent = Instant::now();
        let left = deadline.saturating_duration_since(sent);
        if left.is_zero() && !want.wait.is_zero() {
            return Err(StoreError::Timeout);
        }
        let mut word = shared.ledger().expect(&request, sent);
        if let Some(given) = ask_once(shared, &request, left, sent, &mut place).await? {
            return place.fill(&request, &index, given);
        }
        match hear(&mut word, deadline).await? {
            Word::Granted(given) => return place.fill(&request, &index, given),
            Word::Again => {}
            Word::Down => {
                drop(place);
                want.wait = deadline.saturating_duration_since(Instant::now());
                return without_redis(shared, want).await;
            }
        }
    }
}

/// Sends the request. None: the answer will come as a word.
async fn ask_once(
    shared: &Shared,
    request: &Request,
    wait: Duration,
    sent: Instant,
    place: &mut Place,
) -> Result<Option<Given>, StoreError> {
    let (head, outcome) = match shared.library.acquire(request, wait).await {
        Ok(answer) => answer,
        Err(_) => {
            // Whether it was executed is not known: the poll will find out, or the release sets it right.
            shared.doubt();
            return if wait.is_zero() { Err(StoreError::Down { retry_after: Some(RETRY) }) } else { Ok(None) };
        }
    };
    shared.contact(head, sent);
    match outcome {
        Acquired::Granted { resource, fence } => {
            let found = Found { id: request.id, resource, fence };
            // None if the message was quicker: then the word holds the grant.
            Ok(shared.ledger().take(found, sent, Instant::now()).map(|(_, given)| given))
        }
        Acquired::Queued => {
            shared.ledger().queued(request.id);
            Ok(None)
        }
        Acquired::Busy => {
            place.leave();
            let quarantine = Some(head.quarantine).filter(|left| !left.is_zero());
            Err(match quarantine {
                Some(left) => StoreError::Down { retry_after: Some(left) },
                None => StoreError::Busy { retry_after: None },
            })
        }
        Acquired::Gone => {
            place.leave();
            Err(StoreError::Timeout)
        }
    }
}

async fn hear(word: &mut oneshot::Receiver<Word>, deadline: Instant) -> Result<Word, StoreError> {
    match timeout_at(deadline, word).await {
        Ok(word) => Ok(word.unwrap_or(Word::Again)),
        Err(_) => Err(StoreError::Timeout),
    }
}

async fn without_redis(shared: &Arc<Shared>, want: Want) -> Result<Grant, StoreError> {
    let reach = *shared.reach.borrow();
    let since = match reach {
        Reach::Closed => return Err(StoreError::Closed),
        Reach::Down(since) => Some(since),
        Reach::Starting | Reach::Up => None,
    };
    let Some(mine) = shared.fallback.share(want, since, shared) else {
        return Err(StoreError::Down { retry_after: Some(RETRY) });
    };
    let mut grant = shared.fallback.acquire(mine.want).await?;
    grant.candidate = mine.index[grant.candidate];
    Ok(grant)
}

/// The want in the terms of the library, and for each of its candidates which of the want's it is. What this process
/// itself holds from a time without Redis is left out.
fn ask(shared: &Shared, want: &Want) -> (Request, Vec<usize>) {
    let mut candidates = Vec::with_capacity(want.candidates.len());
    let mut index = Vec::with_capacity(want.candidates.len());
    for (at, candidate) in want.candidates.iter().enumerate().take(CANDIDATES) {
        let name = Name::of(&candidate.resource);
        let capacity = candidate.capacity.get().saturating_sub(shared.fallback.in_use(name));
        if capacity > 0 {
            candidates.push((name, capacity));
            index.push(at);
        }
    }
    let (residency, load) = match want.mode {
        Mode::Order => (false, Duration::ZERO),
        Mode::Residency { load } => (true, load),
    };
    let model = Name::of(&want.class);
    let line = names::line(model, residency, &candidates);
    (Request { id: want.id, line, model, residency, load, hold: want.max_hold, candidates }, index)
}

/// A place in the books. Given up when the request is dropped.
struct Place {
    shared: Arc<Shared>,
    id: u128,
    held: bool,
}

impl Place {
    /// Redis has nothing under this id.
    fn leave(&mut self) {
        self.held = false;
        self.shared.ledger().strike(self.id);
    }

    /// Hands the lease to the caller.
    fn fill(mut self, request: &Request, index: &[usize], given: Given) -> Result<Grant, StoreError> {
        let at = request.candidates.iter().position(|&(name, _)| name == given.resource);
        match at.map(|at| index[at]) {
            Some(candidate) if given.valid_until > Instant::now() => {
                self.held = false;
                Ok(Grant { candidate, fence: given.fence, lost: given.lost })
            }
            // This process slept over its lease, or another version of it asked for something else under this id.
            _ => Err(StoreError::Timeout),
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if self.held {
            self.shared.ledger().strike(self.id);
            self.shared.end(self.id, 0);
        }
    }
}
