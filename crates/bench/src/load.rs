//! Whole answers, in a closed loop or at a fixed rate.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout_at};

use crate::connection::Slot;
use crate::dialect::Dialect;
use crate::fault::Fault;
use crate::tally::Tally;
use crate::work::Limit;

/// How long a round may go on after its last request started.
pub(crate) const GRACE: Duration = Duration::from_secs(15);
/// Requests each connection makes before anything is measured.
const WARM_UP: usize = 8;

/// The load of one round.
#[derive(Debug)]
pub(crate) struct Load {
    pub(crate) address: SocketAddr,
    pub(crate) request: Vec<u8>,
    pub(crate) dialect: Dialect,
    pub(crate) answer: usize,
    pub(crate) connections: usize,
    /// Requests a second; none for a closed loop.
    pub(crate) rate: Option<f64>,
    pub(crate) limit: Limit,
}

/// Connections that are open and warm.
pub(crate) struct Ready {
    load: Arc<Load>,
    workers: Vec<Worker>,
    faults: Tally,
}

struct Worker {
    slot: Slot,
    answer: Vec<u8>,
}

/// What the workers of a round share.
struct Round {
    load: Arc<Load>,
    tickets: AtomicU64,
    count: u64,
    begin: Instant,
    end: Instant,
}

impl Load {
    /// Opens the connections and sends the first requests on them.
    pub(crate) async fn prepare(self) -> Ready {
        let load = Arc::new(self);
        let mut warming = JoinSet::new();
        for _ in 0..load.connections {
            let load = Arc::clone(&load);
            warming.spawn(async move {
                let mut worker = Worker { slot: Slot::new(load.address), answer: Vec::new() };
                let mut tally = Tally::default();
                let warm_up = async {
                    for _ in 0..WARM_UP {
                        if let Err(fault) = worker.exchange(&load).await {
                            tally.faults.add(fault);
                        }
                    }
                };
                if timeout_at(Instant::now() + GRACE, warm_up).await.is_err() {
                    tally.faults.add(Fault::Stuck);
                }
                (worker, tally)
            });
        }
        let (mut workers, mut faults) = (Vec::new(), Tally::default());
        while let Some(done) = warming.join_next().await {
            let (worker, tally) = done.expect("a warm-up does not panic");
            workers.push(worker);
            faults.merge(tally);
        }
        Ready { load, workers, faults }
    }
}

impl Ready {
    /// Runs the round.
    pub(crate) async fn run(self) -> Tally {
        let (load, mut tally) = (self.load, self.faults);
        let begin = Instant::now();
        let in_time = load.rate.map_or(u64::MAX, |rate| (rate * load.limit.time.as_secs_f64()) as u64);
        let round = Arc::new(Round {
            tickets: AtomicU64::new(0),
            count: load.limit.requests.min(in_time),
            begin,
            end: begin + load.limit.time,
            load,
        });
        let mut workers = JoinSet::new();
        for worker in self.workers {
            workers.spawn(worker.run(Arc::clone(&round)));
        }
        while let Some(done) = workers.join_next().await {
            tally.merge(done.expect("a worker does not panic"));
        }
        if round.load.rate.is_some() {
            let never_sent = round.count.saturating_sub(round.tickets.load(Ordering::Relaxed));
            tally.faults.add_many(Fault::Stuck, never_sent);
        }
        tally
    }
}

impl Worker {
    async fn run(mut self, round: Arc<Round>) -> Tally {
        let mut tally = Tally::default();
        if timeout_at(round.end + GRACE, self.work(&round, &mut tally)).await.is_err() {
            tally.faults.add(Fault::Stuck);
        }
        tally
    }

    async fn work(&mut self, round: &Round, tally: &mut Tally) {
        loop {
            let ticket = round.tickets.fetch_add(1, Ordering::Relaxed);
            if ticket >= round.count {
                return;
            }
            let start = match round.load.rate {
                None => Instant::now(),
                Some(rate) => intended_start(round.begin + Duration::from_secs_f64(ticket as f64 / rate), tally).await,
            };
            if round.load.rate.is_none() && start >= round.end {
                return;
            }
            match self.exchange(&round.load).await {
                Ok(()) => {
                    tally.right += 1;
                    tally.latencies.push(start.elapsed());
                }
                Err(fault) => tally.faults.add(fault),
            }
        }
    }

    async fn exchange(&mut self, load: &Load) -> Result<(), Fault> {
        let connection = self.slot.connection().await?;
        connection.send(&load.request).await?;
        self.answer.clear();
        let answer = &mut self.answer;
        while !connection.receive(&mut |piece: &[u8]| answer.extend_from_slice(piece)).await? {}
        connection.check_status()?;
        if load.dialect.is_whole(answer, load.answer) { Ok(()) } else { Err(Fault::Body) }
    }
}

/// Waits for the time a request is due. Who finds it past was held up by the target, and counts from when it
/// was due; who waited counts from when it woke, since the timer's milliseconds are not the target's fault.
async fn intended_start(due: Instant, tally: &mut Tally) -> Instant {
    if Instant::now() >= due {
        return due;
    }
    sleep_until(due).await;
    let woke = Instant::now();
    tally.lateness.push(woke - due);
    woke
}
