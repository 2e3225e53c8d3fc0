//! What a lease costs: commands per request, and how long after a release the next in line has it.
//!
//! `cargo test --release -p llm-router-balancer --features redis --test redis cost:: -- --nocapture` prints the times;
//! only the commands are asserted, since times depend on the machine.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use llm_router_balancer::store::LeaseStore;
use llm_router_balancer::store::redis::{Address, RedisConfig};

use crate::resp::Connection;
use crate::router::{Router, until, want};
use crate::server::Server;

const WAITERS: usize = 1_000;
const REQUESTS: usize = 500;

fn config(server: &Server) -> RedisConfig {
    let mut config = RedisConfig::new(Address::Socket(server.socket()));
    config.trust_empty = true;
    config
}

/// Calls of functions that the server has seen.
fn calls(redis: &mut Connection) -> usize {
    let info = redis.ok(&["INFO", "commandstats"]).text();
    let line = info.lines().find_map(|line| line.strip_prefix("cmdstat_fcall:calls="));
    line.and_then(|line| line.split(',').next()).map_or(0, |calls| calls.parse().unwrap())
}

#[tokio::test]
async fn a_request_takes_two_commands() {
    let server = Server::start();
    let router = Router::start(config(&server));
    router.until_up().await;
    let mut redis = server.connect();
    let before = calls(&mut redis);
    for _ in 0..REQUESTS {
        let lease = router.must("m", &["x"]).await;
        router.give(&lease);
    }
    until("everything is released", || redis.ok(&["HLEN", "llmr:{main}:lease"]).int() == 0).await;
    let commands = calls(&mut redis) - before;
    // One each, and a few heartbeats and polls for all of them.
    assert!(commands <= 2 * REQUESTS + 20, "{commands} commands for {REQUESTS} requests");
    println!("{:.2} commands per request", commands as f64 / REQUESTS as f64);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_next_of_a_thousand_waiters_has_it_soon() {
    let server = Server::start();
    let (first, second) = (Router::start(config(&server)), Router::start(config(&server)));
    first.until_up().await;
    second.until_up().await;
    let lease = first.must("m", &["x"]).await;
    let mut redis = server.connect();
    let released = Arc::new(Mutex::new(Instant::now()));
    let times = Arc::new(Mutex::new(Vec::with_capacity(WAITERS)));
    let mut waiters = Vec::with_capacity(WAITERS);
    for number in 0..WAITERS {
        let store = if number % 2 == 0 { first.store.clone() } else { second.store.clone() };
        let (released, times) = (Arc::clone(&released), Arc::clone(&times));
        waiters.push(tokio::spawn(async move {
            let want = want("m", &["x"], Duration::from_secs(60));
            let id = want.id;
            let grant = store.acquire(want).await.unwrap();
            times.lock().unwrap().push(released.lock().unwrap().elapsed());
            *released.lock().unwrap() = Instant::now();
            store.release(id, grant.fence);
        }));
    }
    until("all stand in line", || redis.ok(&["HLEN", "llmr:{main}:wait"]).int() == 1_000).await;
    let before = calls(&mut redis);
    *released.lock().unwrap() = Instant::now();
    first.give(&lease);
    for waiter in waiters {
        waiter.await.unwrap();
    }
    let commands = calls(&mut redis) - before;
    assert!(commands <= WAITERS + 60, "{commands} commands for {WAITERS} hand-offs");
    let mut times = std::mem::take(&mut *times.lock().unwrap());
    times.sort_unstable();
    let at = |part: usize| times[times.len() * part / 100];
    println!(
        "release to grant with {WAITERS} waiters: p50 {:?}, p99 {:?}, max {:?}",
        at(50),
        at(99),
        times[WAITERS - 1]
    );
}
