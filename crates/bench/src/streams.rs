//! Streams, one after the other on each of many connections.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout_at};

use crate::connection::{Connection, Slot};
use crate::dialect::Dialect;
use crate::fault::Fault;
use crate::frames::Frames;
use crate::load::GRACE;
use crate::tally::Tally;
use crate::work::Limit;

/// The streams of one round.
#[derive(Debug)]
pub(crate) struct Streams {
    pub(crate) address: SocketAddr,
    pub(crate) request: Vec<u8>,
    pub(crate) dialect: Dialect,
    pub(crate) streams: usize,
    pub(crate) chunks: u32,
    pub(crate) pause: Duration,
    pub(crate) limit: Limit,
}

struct Round {
    streams: Streams,
    tickets: AtomicU64,
    end: Instant,
}

impl Streams {
    /// Opens the connections; no stream is started yet.
    pub(crate) async fn prepare(self) -> (Self, Vec<Slot>) {
        let mut slots = Vec::new();
        for _ in 0..self.streams {
            let mut slot = Slot::new(self.address);
            // A connection that cannot be opened shows again, and is counted, when the stream wants it.
            let _ = slot.connection().await;
            slots.push(slot);
        }
        (self, slots)
    }

    /// Runs the round on the connections of [`Streams::prepare`].
    pub(crate) async fn run(self, slots: Vec<Slot>) -> Tally {
        let pause = self.pause;
        let step = pause / u32::try_from(slots.len().max(1)).unwrap_or(u32::MAX);
        let round =
            Arc::new(Round { end: Instant::now() + self.limit.time, streams: self, tickets: AtomicU64::new(0) });
        let mut workers = JoinSet::new();
        for (place, slot) in (0_u32..).zip(slots) {
            // Spread over the pause, or all frames of all streams would come at once.
            workers.spawn(worker(Arc::clone(&round), slot, step * place));
        }
        let mut tally = Tally::default();
        while let Some(done) = workers.join_next().await {
            tally.merge(done.expect("a worker does not panic"));
        }
        tally
    }
}

async fn worker(round: Arc<Round>, mut slot: Slot, delay: Duration) -> Tally {
    let mut tally = Tally::default();
    let stream_takes = round.streams.pause * round.streams.chunks;
    let work = async {
        sleep(delay).await;
        while Instant::now() < round.end && round.tickets.fetch_add(1, Ordering::Relaxed) < round.streams.limit.requests
        {
            match one_stream(&round.streams, &mut slot, &mut tally).await {
                Ok(()) => tally.right += 1,
                Err(fault) => tally.faults.add(fault),
            }
        }
    };
    if timeout_at(round.end + stream_takes + GRACE, work).await.is_err() {
        tally.faults.add(Fault::Stuck);
    }
    tally
}

async fn one_stream(streams: &Streams, slot: &mut Slot, tally: &mut Tally) -> Result<(), Fault> {
    let connection = slot.connection().await?;
    let start = Instant::now();
    connection.send(&streams.request).await?;
    let mut frames = Frames::new(streams.dialect);
    let (mut seen, mut last, mut done) = (0, start, false);
    while !done {
        done = connection.receive(&mut |piece: &[u8]| frames.feed(piece)).await?;
        let fresh = frames.count().saturating_sub(seen);
        if fresh == 0 {
            continue;
        }
        let now = Instant::now();
        if seen == 0 {
            tally.firsts.push(now - start);
        } else if !streams.pause.is_zero() {
            tally.jitters.push((now - last).abs_diff(streams.pause));
        }
        tally.merged += u64::from(fresh - 1);
        tally.frames += u64::from(fresh);
        (seen, last) = (frames.count(), now);
    }
    connection.check_status()?;
    frames.finish(streams.chunks)
}

/// Starts a stream and reads to its first frame.
pub(crate) async fn first_frame(address: SocketAddr, request: &[u8], dialect: Dialect) -> Result<Connection, Fault> {
    let mut connection = Connection::open(address).await?;
    connection.send(request).await?;
    let mut frames = Frames::new(dialect);
    while frames.count() == 0 {
        if connection.receive(&mut |piece: &[u8]| frames.feed(piece)).await? {
            connection.check_status()?;
            return Err(Fault::Lost);
        }
    }
    Ok(connection)
}
