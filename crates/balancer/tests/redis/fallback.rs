//! What takes the place of Redis while it is away: nothing, a share for each process, or everything for all.

use std::time::Duration;

use llm_router_balancer::store::StoreError;
use llm_router_balancer::store::redis::{Address, OnStoreDown};

use crate::router::{Router, quick, until};
use crate::server::Server;

const SECOND: Duration = Duration::from_secs(1);

async fn two(server: &Server, on_store_down: OnStoreDown) -> (Router, Router) {
    let mut config = quick(Address::Socket(server.socket()));
    config.on_store_down = on_store_down;
    let (a, b) = (Router::start(config.clone()), Router::start(config));
    for router in [&a, &b] {
        until("they know each other", || *router.heard.peers.lock().unwrap() == 2).await;
    }
    (a, b)
}

#[tokio::test]
async fn open_grants_at_once_in_each_process_and_goes_back_without_holding_twice() {
    let mut server = Server::start();
    let (a, b) = two(&server, OnStoreDown::Open).await;
    server.kill();
    a.until_down().await;
    b.until_down().await;
    let (first, other) = (a.must("m", &["x"]).await, b.must("m", &["x"]).await);
    assert!(matches!(a.take("m", &["x"], SECOND / 10).await, Err(StoreError::Busy { .. } | StoreError::Timeout)));
    b.give(&other);
    server.run();
    a.until_up().await;
    b.until_up().await;
    assert!(matches!(a.take("m", &["x"], SECOND / 10).await, Err(StoreError::Busy { .. } | StoreError::Timeout)));
    let elsewhere = a.must("m", &["x", "y"]).await;
    assert_eq!(elsewhere.grant.candidate, 1, "x is still held by this process");
    a.give(&first);
    let again = a.must("m", &["x"]).await;
    assert!(b.take("m", &["x"], Duration::ZERO).await.is_err(), "redis knows of it now");
    a.give(&again);
}

#[tokio::test]
async fn open_takes_those_along_who_stand_in_line() {
    let mut server = Server::start();
    let (a, b) = two(&server, OnStoreDown::Open).await;
    let _held = a.must("m", &["x"]).await;
    let waiting = tokio::spawn(async move { b.must("m", &["x"]).await });
    let mut redis = server.connect();
    until("it waits", || redis.ok(&["HLEN", "llmr:{main}:wait"]).int() == 1).await;
    server.kill();
    waiting.await.unwrap();
}

#[tokio::test]
async fn a_partition_gives_each_resource_to_one_process_once_every_lease_is_over() {
    let mut server = Server::start();
    let (a, b) = two(&server, OnStoreDown::Partition).await;
    server.kill();
    a.until_down().await;
    b.until_down().await;
    let names: Vec<_> = (0..12).map(|number| format!("host{number}")).collect();
    let early = a.take("m", &[&names[0]], Duration::ZERO).await;
    assert!(matches!(early, Err(StoreError::Down { .. })), "{early:?}");
    tokio::time::sleep(2 * SECOND).await;
    let mut granted = [0, 0];
    for name in &names {
        let here = a.take("m", &[name], Duration::ZERO).await.is_ok();
        let there = b.take("m", &[name], Duration::ZERO).await.is_ok();
        assert!(here != there, "{name} is granted by one of them: {here}, {there}");
        granted[usize::from(there)] += 1;
    }
    assert!(granted.iter().all(|&count| count > 0), "each has its share: {granted:?}");
    let all: Vec<_> = names.iter().map(String::as_str).collect();
    let busy = a.take("m", &all, Duration::ZERO).await;
    assert!(matches!(busy, Err(StoreError::Busy { .. })), "the index is the want's, the share is taken: {busy:?}");
}
