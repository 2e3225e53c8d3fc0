//! Numbers that several processes draw in turn, in blocks, so that drawing one costs nothing.

use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use fred::clients::Client;
use fred::interfaces::KeysInterface;
use tokio::sync::mpsc;
use tokio::time::sleep;

use super::names::Name;
use crate::store::TicketSource;

/// Numbers in a block.
const BLOCK: u64 = 64;
/// Sequences that may wait for a block.
const WAITING: usize = 256;
const RETRY: Duration = Duration::from_millis(100);

/// One sequence of numbers, shared by all processes.
///
/// Each number is drawn once, as long as the server keeps its memory; each process draws runs of 64.
pub(super) struct Tickets {
    sequence: Arc<Sequence>,
    outgoing: mpsc::Sender<Arc<Sequence>>,
}

pub(super) struct Sequence {
    key: String,
    drawn: Mutex<Drawn>,
}

#[derive(Default)]
struct Drawn {
    now: Range<u64>,
    next: Range<u64>,
    /// Whether a block is on its way.
    asked: bool,
}

impl TicketSource for Tickets {
    fn next(&self) -> Option<u64> {
        let mut drawn = self.sequence.drawn();
        let number = drawn.now.next().or_else(|| {
            drawn.now = std::mem::take(&mut drawn.next);
            drawn.now.next()
        });
        let low = drawn.next.is_empty() && drawn.now.end - drawn.now.start < BLOCK / 2;
        if low && !drawn.asked {
            drawn.asked = self.outgoing.try_send(Arc::clone(&self.sequence)).is_ok();
        }
        number
    }
}

impl Sequence {
    fn drawn(&self) -> MutexGuard<'_, Drawn> {
        self.drawn.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The hand that fetches blocks.
pub(super) struct Fetcher {
    prefix: String,
    outgoing: mpsc::Sender<Arc<Sequence>>,
}

impl Fetcher {
    pub(super) fn new(prefix: &str) -> (Self, mpsc::Receiver<Arc<Sequence>>) {
        let (outgoing, waiting) = mpsc::channel(WAITING);
        (Self { prefix: prefix.to_owned(), outgoing }, waiting)
    }

    pub(super) fn tickets(&self, name: &str) -> Tickets {
        let key = format!("{}ticket:{}", self.prefix, Name::of(name));
        Tickets { sequence: Arc::new(Sequence { key, drawn: Mutex::default() }), outgoing: self.outgoing.clone() }
    }
}

/// Fetches blocks for those who run low.
pub(super) async fn run(client: &Client, waiting: &mut mpsc::Receiver<Arc<Sequence>>) {
    while let Some(sequence) = waiting.recv().await {
        let last: Result<u64, _> = client.incr_by(sequence.key.as_str(), i64::try_from(BLOCK).unwrap_or(1)).await;
        let failed = last.is_err();
        {
            let mut drawn = sequence.drawn();
            drawn.asked = false;
            if let Ok(last) = last {
                drawn.next = last.saturating_sub(BLOCK)..last;
            }
        }
        if failed {
            sleep(RETRY).await;
        }
    }
}
