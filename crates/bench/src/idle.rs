//! Streams that stay open and silent: what each costs in memory, and whether it ends when its client has left.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

use crate::connection::Connection;
use crate::dialect::Dialect;
use crate::fault::{Fault, Faults};
use crate::measure::{Measure, Sample};
use crate::process::Tree;
use crate::provider::OPEN_PATH;
use crate::streams::first_frame;

/// Streams opened at a time, so that no backlog of connections overflows.
const AT_ONCE: usize = 32;
/// Silence before the memory is read.
const SETTLE: Duration = Duration::from_millis(500);
/// Time a gateway has to close what nobody reads.
const LEAVE: Duration = Duration::from_secs(3);
/// Time for one stream to say its first word.
const FIRST: Duration = Duration::from_secs(15);

/// Opens the streams, looks, leaves, looks again.
pub(crate) async fn idle(
    address: SocketAddr,
    (request, dialect): (Vec<u8>, Dialect),
    streams: usize,
    tree: Option<&Tree>,
    provider: Option<SocketAddr>,
) -> Sample {
    let resident = || tree.map(Tree::resident);
    let before = resident();
    let open_before = match provider {
        Some(provider) => ask_open(provider).await.unwrap_or(0),
        None => 0,
    };
    let (open, faults) = open_all(address, (request, dialect), streams).await;
    sleep(SETTLE).await;
    let (during, count) = (resident(), open.len());
    drop(open);
    let left = match provider {
        Some(provider) => left_open(provider, open_before).await,
        None => {
            sleep(LEAVE).await;
            None
        }
    };

    let mut figures = Vec::new();
    if let (Some(before), Some(during), Some(after)) = (before, during, resident()) {
        let mebibytes = |bytes: u64| bytes as f64 / (1024.0 * 1024.0);
        figures.push((Measure::ResidentBefore, mebibytes(before)));
        figures.push((Measure::ResidentDuring, mebibytes(during)));
        figures.push((Measure::ResidentAfter, mebibytes(after)));
        let grown = during.saturating_sub(before) as f64 / 1024.0;
        figures.push((Measure::PerStream, grown / count.max(1) as f64));
    }
    figures.extend(left.map(|left| (Measure::LeftOpen, left as f64)));
    Sample { right: count as u64, faults, figures }
}

async fn open_all(
    address: SocketAddr,
    (request, dialect): (Vec<u8>, Dialect),
    streams: usize,
) -> (Vec<Connection>, Faults) {
    let request = Arc::new(request);
    let (mut open, mut faults, mut opening) = (Vec::new(), Faults::default(), JoinSet::new());
    let mut started = 0;
    loop {
        while started < streams && opening.len() < AT_ONCE {
            let request = Arc::clone(&request);
            opening.spawn(async move { timeout(FIRST, first_frame(address, &request, dialect)).await });
            started += 1;
        }
        let Some(done) = opening.join_next().await else {
            return (open, faults);
        };
        match done.expect("opening a stream does not panic") {
            Ok(Ok(connection)) => open.push(connection),
            Ok(Err(fault)) => faults.add(fault),
            Err(_) => faults.add(Fault::Stuck),
        }
    }
}

/// Asks the provider until no more streams are open than before, or the time is up; how many more are then.
async fn left_open(provider: SocketAddr, before: u64) -> Option<u64> {
    let end = Instant::now() + LEAVE;
    loop {
        let count = ask_open(provider).await.ok()?.saturating_sub(before);
        if count == 0 || Instant::now() >= end {
            return Some(count);
        }
        sleep(Duration::from_millis(50)).await;
    }
}

async fn ask_open(provider: SocketAddr) -> Result<u64, Fault> {
    let mut connection = Connection::open(provider).await?;
    connection.send(format!("GET {OPEN_PATH} HTTP/1.1\r\nhost: bench\r\n\r\n").as_bytes()).await?;
    let mut body = Vec::new();
    while !connection.receive(&mut |piece: &[u8]| body.extend_from_slice(piece)).await? {}
    connection.check_status()?;
    std::str::from_utf8(&body).ok().and_then(|text| text.trim().parse().ok()).ok_or(Fault::Body)
}
