//! The work behind a store: heartbeats, polls, releases, messages and deadlines, all in one future.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use fred::clients::{Client, SubscriberClient};
use fred::error::Error;
use fred::interfaces::{ClientLike, EventInterface, PubsubInterface};
use fred::types::config::Server;
use fred::types::{ConnectHandle, InfoKind, Message, Value};
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{broadcast, mpsc};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, timeout};

use super::config::RedisError;
use super::event::StoreEvent;
use super::library::Found;
use super::names::Name;
use super::shared::{Ended, Queues, Reach, Shared};
use super::{hints, tickets};

/// Failed heartbeats in a row after which Redis counts as lost.
const FAILURES: u32 = 2;
/// Between a failed command and the next try.
const RETRY: Duration = Duration::from_millis(100);
const RETRY_MAX: Duration = Duration::from_millis(500);
/// Ids in one poll, releases in one call.
const POLL_BATCH: usize = 256;
const RELEASE_BATCH: usize = 64;
/// How long the farewell may take.
const FAREWELL: Duration = Duration::from_secs(2);

/// The connections of a store, and what only its driver touches.
pub(super) struct Driver {
    pub(super) shared: Arc<Shared>,
    pub(super) client: Client,
    pub(super) ear: SubscriberClient,
    pub(super) queues: Queues,
}

impl Driver {
    /// Runs until the store is closed, or cannot be.
    pub(super) async fn run(mut self) -> Result<(), RedisError> {
        let _closed = CloseOnDrop(Arc::clone(&self.shared));
        let heard = (self.ear.message_rx(), self.ear.reconnect_rx());
        let mut connections = [Connection(self.client.connect()), Connection(self.ear.connect())];
        let [commands, messages] = &mut connections;
        let shared = Arc::clone(&self.shared);
        let ended = tokio::select! {
            () = shared.closing.notified() => Ok(()),
            Err(error) = heartbeats(&shared, &self.client) => Err(error),
            () = polls(&shared) => Ok(()),
            () = releases(&shared, &mut self.queues.releases) => Ok(()),
            () = hints::run(&shared.hints, &self.client, &mut self.queues.hints) => Ok(()),
            () = tickets::run(&self.client, &mut self.queues.blocks) => Ok(()),
            () = listen(&shared, &self.ear, heard) => Ok(()),
            () = deadlines(&shared) => Ok(()),
            given_up = &mut commands.0 => Err(gave_up(given_up)),
            given_up = &mut messages.0 => Err(gave_up(given_up)),
        };
        shared.close();
        if ended.is_ok() {
            // Without it the leases end with the session.
            let _ = timeout(FAREWELL, self.farewell()).await;
        }
        ended
    }

    async fn farewell(&mut self) {
        let mut last = Vec::new();
        while let Ok(ended) = self.queues.releases.try_recv() {
            last.push((ended.id, ended.fence));
        }
        for batch in last.chunks(RELEASE_BATCH) {
            let _ = self.shared.library.release(batch).await;
        }
        let _ = self.shared.library.drain().await;
        let _ = tokio::join!(self.client.quit(), self.ear.quit());
    }
}

/// A driver that is dropped takes its store with it: nobody would be told of anything any more.
struct CloseOnDrop(Arc<Shared>);

impl Drop for CloseOnDrop {
    fn drop(&mut self) {
        self.0.close();
    }
}

/// The client library's own task for a connection, ended with the driver.
struct Connection(ConnectHandle);

impl Drop for Connection {
    fn drop(&mut self) {
        self.0.abort();
    }
}

fn gave_up(result: Result<Result<(), Error>, tokio::task::JoinError>) -> RedisError {
    RedisError::Connection(match result {
        Ok(Err(error)) => error.kind().to_str().to_owned(),
        Ok(Ok(())) => "it was ended".to_owned(),
        Err(_) => "its task failed".to_owned(),
    })
}

/// Renews everything this process holds, and decides whether Redis can be reached.
async fn heartbeats(shared: &Shared, client: &Client) -> Result<Infallible, RedisError> {
    let third = shared.config.ttl / 3;
    let (mut failures, mut known) = (0, false);
    loop {
        let sent = Instant::now();
        let pause = match beat(shared, sent).await {
            Ok(replaced) => {
                failures = 0;
                shared.up();
                if replaced {
                    verify(shared, client, known).await?;
                    known = true;
                }
                third.mul_f64(0.9 + fastrand::f64() * 0.2).saturating_sub(sent.elapsed())
            }
            Err(error) if error.details().contains("unknown command") => return Err(RedisError::TooOld),
            Err(error) => {
                failures += 1;
                if failures >= FAILURES {
                    shared.down(&error);
                }
                (RETRY * failures).min(RETRY_MAX).min(third)
            }
        };
        tokio::select! {
            () = sleep(pause) => {}
            // Not more often than this, however many commands fail.
            () = async { shared.beat_now.notified().await; sleep(RETRY / 4).await } => {}
        }
    }
}

/// One heartbeat. True if another server process answered than before.
async fn beat(shared: &Shared, sent: Instant) -> Result<bool, Error> {
    let listed = shared.ledger().listing(sent);
    let (head, beat) = shared.library.heartbeat(&listed).await?;
    let replaced = shared.contact(head, sent);
    let (lost, orphans) = shared.ledger().beaten(&listed, &beat, sent, Instant::now());
    shared.lost(lost);
    for orphan in orphans {
        shared.end(orphan.id, orphan.fence);
    }
    shared.set_roster(beat.roster);
    Ok(replaced)
}

/// A server that may throw leases away is refused at the start, and told of later.
async fn verify(shared: &Shared, client: &Client, known: bool) -> Result<(), RedisError> {
    let Ok(info) = client.info::<String>(Some(InfoKind::Memory)).await else { return Ok(()) };
    let value = |key: &str| info.lines().find_map(|line| line.strip_prefix(key)).map(str::trim);
    let limited = value("maxmemory:").is_some_and(|bytes| bytes != "0");
    match value("maxmemory_policy:") {
        Some(policy) if limited && policy != "noeviction" => {
            let policy = policy.to_owned();
            shared.tell(&StoreEvent::Evicts { policy: policy.clone() });
            if known { Ok(()) } else { Err(RedisError::Evicts { policy }) }
        }
        _ => Ok(()),
    }
}

/// Asks for those who have heard nothing for a while: a message may have been lost.
async fn polls(shared: &Shared) {
    let poll = shared.config.poll;
    loop {
        let at_once = tokio::select! {
            () = sleep(poll / 2) => false,
            () = shared.poll_now.notified() => true,
        };
        if *shared.reach.borrow() != Reach::Up {
            continue;
        }
        let now = Instant::now();
        let before = if at_once { Some(now) } else { now.checked_sub(poll) };
        let ids = before.map(|before| shared.ledger().quiet(before, now)).unwrap_or_default();
        for batch in ids.chunks(POLL_BATCH) {
            if poll_once(shared, batch).await.is_err() {
                shared.doubt();
                break;
            }
        }
    }
}

async fn poll_once(shared: &Shared, ids: &[u128]) -> Result<(), Error> {
    let sent = Instant::now();
    let (head, granted, unknown) = shared.library.poll(ids).await?;
    shared.contact(head, sent);
    let mut ledger = shared.ledger();
    for found in granted {
        ledger.hand(found, sent, Instant::now());
    }
    unknown.into_iter().for_each(|id| ledger.unknown(id));
    Ok(())
}

/// Sends what ended, many at a time, until the server said yes or the session must have ended it.
async fn releases(shared: &Shared, queue: &mut mpsc::Receiver<Ended>) {
    let mut batch = Vec::with_capacity(RELEASE_BATCH);
    let mut pause = RETRY / 2;
    loop {
        if batch.is_empty() && queue.recv_many(&mut batch, RELEASE_BATCH).await == 0 {
            return;
        }
        let pairs: Vec<_> = batch.iter().map(|ended: &Ended| (ended.id, ended.fence)).collect();
        if shared.library.release(&pairs).await.is_ok() {
            batch.clear();
            pause = RETRY / 2;
            continue;
        }
        shared.doubt();
        sleep(pause).await;
        pause = (pause * 2).min(RETRY_MAX);
        let now = Instant::now();
        batch.retain(|ended| ended.give_up > now);
    }
}

/// Hears of grants.
async fn listen(
    shared: &Shared,
    ear: &SubscriberClient,
    (mut messages, mut connected): (broadcast::Receiver<Message>, broadcast::Receiver<Server>),
) {
    let mut subscribed = false;
    // A connection that only listens would not notice that the other end is gone.
    let mut knock = interval(shared.config.ttl / 3);
    knock.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            message = messages.recv() => match message {
                Ok(message) => hear(shared, &message),
                Err(RecvError::Lagged(_)) => shared.poll_now.notify_one(),
                Err(RecvError::Closed) => return,
            },
            _ = connected.recv() => {
                subscribed = subscribe(shared, ear).await.is_ok();
                // What was said in between was said to nobody.
                shared.poll_now.notify_one();
            }
            _ = knock.tick(), if subscribed => drop(ear.ping::<Value>(None).await),
            () = sleep(RETRY_MAX), if !subscribed => {
                subscribed = ear.is_connected() && subscribe(shared, ear).await.is_ok();
            }
        }
    }
}

/// The two channels are in two slots of a cluster.
async fn subscribe(shared: &Shared, ear: &SubscriberClient) -> Result<(), Error> {
    ear.ssubscribe(shared.library.channel()).await?;
    ear.ssubscribe(shared.hints.channel()).await
}

fn hear(shared: &Shared, message: &Message) {
    if *message.channel == *shared.hints.channel() {
        message.value.as_str().iter().for_each(|text| shared.hints.hear(text));
        return;
    }
    let understood = message.value.as_str().and_then(|text| {
        let mut words = text.split(' ');
        let mut hex = || words.next().and_then(|word| u128::from_str_radix(word, 16).ok());
        let (id, resource) = (hex()?, Name(u64::try_from(hex()?).ok()?));
        let fence = words.next()?.parse().ok()?;
        let epoch = u32::from_str_radix(words.next()?, 16).ok()?;
        Some((Found { id, resource, fence }, epoch, words.next()?.parse().ok()?))
    });
    let now = Instant::now();
    if !understood.is_some_and(|(found, epoch, time)| shared.ledger().pushed(found, epoch, time, now)) {
        shared.poll_now.notify_one();
    }
}

/// Tells the holders whose time is over.
async fn deadlines(shared: &Shared) {
    let tick = (shared.config.margin / 8).clamp(Duration::from_millis(5), Duration::from_millis(100));
    loop {
        sleep(tick).await;
        let lost = shared.ledger().expire(Instant::now());
        shared.lost(lost);
    }
}
