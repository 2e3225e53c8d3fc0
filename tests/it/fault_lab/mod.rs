//! The fault matrix: every way a provider can break, at every moment, on every surface, streamed or not.
//!
//! For each cell: what the client may see, that the lease settled, that the provider holds nothing of it any more.
//! The promise under test: nothing that broke ever looks whole, and what broke before the first byte is taken over by
//! the next provider.

mod cell;
mod leaving;
mod matrix;

use cell::{Cell, Outcome};
use llm_router_tests::{Router, models};
use matrix::{FAULTS, SURFACES};

/// Longest silence the router bears in these tests, in seconds; long enough for a machine that does much else.
const PATIENCE: &str = "0.7";

#[tokio::test]
async fn a_fault_never_looks_like_an_answer() {
    let (mut ran, mut broken) = (0, Vec::new());
    for fault in FAULTS {
        let mut cells = Vec::new();
        for surface in SURFACES {
            for stream in [false, true] {
                for backup in fault.backups() {
                    cells.push(Cell::new(fault, surface, stream, *backup).await);
                }
            }
        }
        // One router for all cells of a fault, each with a model of its own: starting and ending one takes a while.
        let providers = cells.iter().map(|cell| (cell.model.as_str(), cell.providers()));
        let settings =
            [("response_header_timeout", PATIENCE), ("idle_timeout", PATIENCE), ("server_workers_count", "1")];
        let router = Router::start(&models(providers), &settings);
        let runs: Vec<_> = cells.iter().map(|cell| tokio::spawn(cell.request(router.client()))).collect();
        let mut seen = Vec::new();
        for (cell, run) in cells.iter().zip(runs) {
            // The client panics when the connection ends before a head.
            let result = run.await.map_or(Ok(Outcome::Nothing), |reply| cell.outcome(&reply?));
            match result.and_then(|outcome| cell.judge(outcome)) {
                Ok(outcome) => seen.push(outcome),
                Err(why) => broken.push(format!("{cell} {why}")),
            }
        }
        ran += cells.len();
        println!("{:26} {}", fault.script, tally(&seen, cells.len()));
        if let Err(left) = cell::settled(&router, &cells).await {
            broken.push(format!("{}: {left}", fault.script));
        }
    }
    println!("fault matrix: {ran} cells, {} broken", broken.len());
    assert!(broken.is_empty(), "{} of {ran} cells:\n{}", broken.len(), broken.join("\n"));
}

/// A row of the table: how many cells came out how.
fn tally(seen: &[Outcome], cells: usize) -> String {
    let count = |wanted| seen.iter().filter(|outcome| **outcome == wanted).count();
    format!(
        "{cells:3} cells: {:3} answered, {:3} refused, {:3} told broken, {:3} cut before the head, {:3} WRONG",
        count(Outcome::Answer),
        count(Outcome::Refused),
        count(Outcome::Broken),
        count(Outcome::Nothing),
        cells - seen.len(),
    )
}
