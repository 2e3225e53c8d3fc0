//! The store, by what a request sees of it: two processes share a real server that comes and goes.

use std::time::Duration;

use llm_router_balancer::store::redis::{Address, RedisConfig, StoreEvent};
use llm_router_balancer::store::{LeaseStore, StoreError};
use tokio::time::{Instant, timeout};

use crate::router::{Router, quick, until, want};
use crate::server::{Server, signal};

const SECOND: Duration = Duration::from_secs(1);

fn at(server: &Server) -> Address {
    Address::Socket(server.socket())
}

async fn two(server: &Server) -> (Router, Router) {
    two_of(quick(at(server))).await
}

async fn two_of(config: RedisConfig) -> (Router, Router) {
    let routers = (Router::start(config.clone()), Router::start(config));
    routers.0.until_up().await;
    routers.1.until_up().await;
    routers
}

#[tokio::test]
async fn a_resource_is_held_once_and_handed_on() {
    let server = Server::start();
    let mut config = quick(at(&server));
    config.poll = 60 * SECOND;
    let (a, b) = two_of(config).await;
    let first = a.must("m", &["x"]).await;
    assert!(matches!(b.take("m", &["x"], Duration::ZERO).await, Err(StoreError::Busy { .. })));
    assert!(matches!(b.take("m", &["x"], SECOND / 10).await, Err(StoreError::Timeout)));
    let second = b.take("m", &["x"], 5 * SECOND);
    tokio::pin!(second);
    assert!(timeout(SECOND / 20, &mut second).await.is_err(), "nobody has it twice");
    a.give(&first);
    // The message came: the poll would have been too late.
    let second = second.await.unwrap();
    assert!(second.grant.fence > first.grant.fence);
    assert_eq!(second.grant.candidate, 0);
}

#[tokio::test]
async fn a_dropped_request_leaves_the_line_and_gives_back_what_it_got() {
    let server = Server::start();
    let (a, b) = two(&server).await;
    let first = a.must("m", &["x"]).await;
    let gone = b.take("m", &["x"], 5 * SECOND);
    assert!(timeout(SECOND / 10, gone).await.is_err());
    a.give(&first);
    let again = a.must("m", &["x"]).await;
    a.give(&again);
    for _ in 0..50 {
        // Dropped at every moment of its way there and back.
        let moment = Duration::from_micros(fastrand::u64(0..600));
        if let Ok(lease) = timeout(moment, a.take("m", &["x"], 5 * SECOND)).await {
            a.give(&lease.unwrap());
        }
    }
    until("it is free again", || a.store.sizes() == (0, 0)).await;
    b.must("m", &["x"]).await;
}

#[tokio::test]
async fn a_closed_store_gives_everything_back_and_refuses() {
    let server = Server::start();
    let mut config = quick(at(&server));
    config.ttl = 60 * SECOND;
    let (mut a, b) = two_of(config).await;
    a.must("m", &["x"]).await;
    a.store.close();
    (&mut a.driver).await.unwrap().unwrap();
    assert!(matches!(a.take("m", &["x"], SECOND).await, Err(StoreError::Closed)));
    b.take("m", &["x"], 5 * SECOND).await.unwrap();
    let mut redis = server.connect();
    until("it left the roster", || redis.ok(&["ZCARD", "llmr:{main}:sess"]).int() == 1).await;
}

#[tokio::test]
async fn a_holder_outlives_its_session_only_while_it_is_heard_of() {
    let server = Server::start();
    let (a, b) = two(&server).await;
    let first = a.must("m", &["x"]).await;
    tokio::time::sleep(2 * SECOND).await;
    assert!(!first.grant.lost.is_set(), "it was renewed");
    a.driver.abort();
    let next = b.take("m", &["x"], 10 * SECOND).await.unwrap();
    assert!(next.grant.fence > first.grant.fence);
}

#[tokio::test]
async fn a_frozen_server_ends_every_lease_in_time_and_refuses_nothing_it_does_not_have_to() {
    let server = Server::start();
    let (a, _b) = two(&server).await;
    let lease = a.must("m", &["x"]).await;
    let held = Instant::now();
    signal(server.pid(), "STOP");
    a.until_down().await;
    let asked = Instant::now();
    assert!(matches!(a.take("m", &["y"], 5 * SECOND).await, Err(StoreError::Down { .. })));
    assert!(asked.elapsed() < 2 * SECOND, "at once, not when its wait is over");
    timeout(5 * SECOND, lease.grant.lost.wait()).await.unwrap();
    assert!(held.elapsed() > SECOND, "not before its time");
    signal(server.pid(), "CONT");
    a.until_up().await;
    a.give(&lease);
    a.must("m", &["x"]).await;
    let events = a.heard.events.lock().unwrap().clone();
    let downs = events.iter().filter(|event| matches!(event, StoreEvent::Down { .. })).count();
    assert_eq!(downs, 1, "told once: {events:?}");
}

#[tokio::test]
async fn an_empty_restart_costs_a_quarantine_and_no_lease() {
    let mut server = Server::start();
    let mut config = quick(at(&server));
    config.trust_empty = false;
    let (a, b) = (Router::start(config.clone()), Router::start(config));
    a.until_up().await;
    let first = a.must("m", &["x"]).await;
    server.kill();
    server.run();
    let back = Instant::now();
    let second = b.take("m", &["x", "y"], 10 * SECOND).await.unwrap();
    assert_eq!(second.grant.candidate, 1, "the holder of x took it back");
    assert!(back.elapsed() > SECOND, "not before the quarantine was over");
    assert!(!first.grant.lost.is_set());
    a.give(&first);
    assert!(b.must("m", &["x"]).await.grant.fence > first.grant.fence);
}

#[tokio::test]
async fn a_server_that_is_down_at_the_start_is_waited_for() {
    let mut server = Server::start();
    server.kill();
    let router = Router::start(quick(at(&server)));
    assert!(matches!(router.take("m", &["x"], 5 * SECOND).await, Err(StoreError::Down { .. })));
    server.run();
    router.until_up().await;
    router.must("m", &["x"]).await;
}

#[tokio::test]
async fn waiters_outlive_an_outage() {
    let mut server = Server::start();
    let (a, b) = two(&server).await;
    let first = a.must("m", &["x"]).await;
    let second = tokio::spawn(async move { b.must("m", &["x"]).await });
    tokio::time::sleep(SECOND / 5).await;
    server.kill();
    a.until_down().await;
    server.run();
    a.until_up().await;
    a.give(&first);
    timeout(5 * SECOND, second).await.unwrap().unwrap();
}

#[tokio::test]
async fn lost_messages_cost_a_poll() {
    let server = Server::start();
    let (a, b) = two(&server).await;
    let deaf = tokio::spawn({
        let socket = server.socket();
        async move {
            let mut redis = crate::resp::Connection::open(&socket).unwrap();
            loop {
                redis.ok(&["CLIENT", "KILL", "TYPE", "pubsub"]);
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        }
    });
    for _ in 0..4 {
        let first = a.must("m", &["x"]).await;
        let second = b.take("m", &["x"], 5 * SECOND);
        tokio::pin!(second);
        assert!(timeout(SECOND / 20, &mut second).await.is_err());
        a.give(&first);
        b.give(&second.await.unwrap());
    }
    deaf.abort();
}

#[tokio::test]
async fn no_name_and_no_secret_is_readable_in_redis() {
    let server = Server::start();
    let (a, _b) = two(&server).await;
    let _held = a.must("secret-model", &["secret-host"]).await;
    let waiting = a.store.acquire(want("secret-model", &["secret-host"], 5 * SECOND));
    assert!(timeout(SECOND / 10, waiting).await.is_err());
    let mut redis = server.connect();
    for key in redis.ok(&["KEYS", "*"]).texts() {
        assert!(key.starts_with("llmr:{main}:"), "{key}");
        assert!(!key.contains("secret"), "{key}");
        let dump = String::from_utf8_lossy(&redis.dump(&key)).into_owned();
        assert!(!dump.contains("secret"), "{key}: {dump}");
    }
}
