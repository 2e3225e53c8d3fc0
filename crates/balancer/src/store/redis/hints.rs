//! What one process learned about an endpoint, told to the others: a hint, which nobody waits for.
//!
//! A message brings it at once; a key that lives as long as the hint is looked up every second, for those who missed
//! the message or started later.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use fred::clients::Client;
use fred::error::Error;
use fred::interfaces::{KeysInterface, PubsubInterface};
use fred::types::{Expiration, Value};
use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval};

use super::names::Name;
use super::shared::Listeners;
use crate::store::Hint;

/// Hints that may wait to be sent; more are dropped, they are only hints.
const WAITING: usize = 1_024;
/// Keys looked up in one command.
const BATCH: usize = 256;
const LOOK_UP: Duration = Duration::from_secs(1);
/// How long good news is remembered.
const BACK: Duration = Duration::from_secs(60);
const LONGEST: Duration = Duration::from_secs(3_600);

/// The hints of one process.
pub(super) struct Hints {
    base: String,
    replica: String,
    outgoing: mpsc::Sender<(Name, Hint)>,
    board: Mutex<Board>,
    listeners: Arc<Listeners>,
}

#[derive(Default)]
struct Board {
    /// What somebody wants to hear of, as of the last look-up.
    names: HashMap<Name, Arc<str>>,
    /// The last hint heard of each of them.
    heard: HashMap<Name, String>,
}

impl Hints {
    pub(super) fn new(prefix: &str, replica: &str, listeners: Arc<Listeners>) -> (Self, mpsc::Receiver<(Name, Hint)>) {
        let (outgoing, waiting) = mpsc::channel(WAITING);
        let (base, replica) = (format!("{prefix}{{hints}}:"), replica.to_owned());
        (Self { base, replica, outgoing, board: Mutex::default(), listeners }, waiting)
    }

    pub(super) fn channel(&self) -> String {
        format!("{}ch", self.base)
    }

    pub(super) fn tell(&self, name: &str, hint: Hint) {
        let _ = self.outgoing.try_send((Name::of(name), hint));
    }

    /// A new listener has heard nothing yet.
    pub(super) fn start_over(&self) {
        self.refresh();
        self.board().heard.clear();
    }

    /// Asks the listeners what they want to hear of now, and forgets the rest.
    pub(super) fn refresh(&self) {
        let names = self.listeners.all().iter().flat_map(|listener| listener.names()).collect::<Vec<_>>();
        let mut board = self.board();
        board.names = names.into_iter().map(|name| (Name::of(&name), name)).collect();
        let Board { names, heard } = &mut *board;
        heard.retain(|name, _| names.contains_key(name));
    }

    /// Takes in a message: name, mark, replica, kind, milliseconds.
    pub(super) fn hear(&self, message: &str) {
        let words: Vec<_> = message.split(' ').collect();
        let [name, mark, replica, kind, ms] = words[..] else { return };
        if let (Some(name), Some(hint)) = (Name::parse(name), read(kind, ms.parse().ok())) {
            self.deliver(name, mark, replica, hint);
        }
    }

    fn deliver(&self, name: Name, mark: &str, replica: &str, hint: Hint) {
        let text = {
            let mut board = self.board();
            let Some(text) = board.names.get(&name).cloned() else { return };
            let news = board.heard.insert(name, mark.to_owned()).is_none_or(|last| last != mark);
            if !news || replica == self.replica {
                return;
            }
            text
        };
        self.listeners.all().iter().for_each(|listener| listener.hint(&text, hint));
    }

    fn known(&self, name: Name, mark: &str) -> bool {
        self.board().heard.get(&name).is_some_and(|last| last == mark)
    }

    fn board(&self) -> MutexGuard<'_, Board> {
        self.board.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Sends hints, and looks for those that were missed.
pub(super) async fn run(hints: &Hints, client: &Client, waiting: &mut mpsc::Receiver<(Name, Hint)>) {
    let mut look_up = interval(LOOK_UP);
    look_up.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        // What fails is not repeated: by the time Redis is back it is old.
        let _ = tokio::select! {
            said = waiting.recv() => match said {
                Some((name, hint)) => send(hints, client, name, hint).await,
                None => return,
            },
            _ = look_up.tick() => find(hints, client).await,
        };
    }
}

async fn send(hints: &Hints, client: &Client, name: Name, hint: Hint) -> Result<(), Error> {
    let (kind, life) = match hint {
        Hint::Away(life) => ("away", life.clamp(Duration::from_millis(1), LONGEST)),
        Hint::Back => ("back", BACK),
    };
    let ms = i64::try_from(life.as_millis()).unwrap_or(1);
    let said = format!("{:08x} {} {kind}", fastrand::u32(..), hints.replica);
    let message = format!("{name} {said} {ms}");
    let key = format!("{}{name}", hints.base);
    client.set::<Value, _, _>(key, said, Some(Expiration::PX(ms)), None, false).await?;
    client.spublish::<Value, _, _>(hints.channel(), message).await.map(drop)
}

/// Looks the names up that somebody listens for.
async fn find(hints: &Hints, client: &Client) -> Result<(), Error> {
    hints.refresh();
    let names: Vec<_> = hints.board().names.keys().copied().collect();
    for batch in names.chunks(BATCH) {
        let key = |name: &Name| format!("{}{name}", hints.base);
        let values: Vec<Option<String>> = client.mget(batch.iter().map(key).collect::<Vec<_>>()).await?;
        for (&name, value) in batch.iter().zip(values) {
            let value = value.unwrap_or_default();
            let words: Vec<_> = value.split(' ').collect();
            let [mark, replica, kind] = words[..] else { continue };
            if hints.known(name, mark) {
                continue;
            }
            let left: i64 = client.pttl(key(&name)).await?;
            if let Some(hint) = read(kind, u64::try_from(left).ok()) {
                hints.deliver(name, mark, replica, hint);
            }
        }
    }
    Ok(())
}

fn read(kind: &str, ms: Option<u64>) -> Option<Hint> {
    match kind {
        "away" => ms.map(|ms| Hint::Away(Duration::from_millis(ms).min(LONGEST))),
        "back" => Some(Hint::Back),
        _ => None,
    }
}
