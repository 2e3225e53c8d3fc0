//! Two router processes on one Redis: however much is asked of them, no provider ever has two requests at once.

use std::time::{Duration, Instant};

use llm_router_mock::{Mock, MockServer, Script};
use llm_router_tests::{Client, Provider, Redis, models, until};
use serde_json::{Value, json};

use crate::process::{Process, signal};

/// Clients of each router.
const CLIENTS: usize = 8;
/// Longer than a Redis that is new grants nothing.
const PATIENCE: &str = "120";

fn long() -> bool {
    std::env::var("LLM_ROUTER_TESTS_LONG").is_ok_and(|long| !long.is_empty())
}

fn config(mocks: &[MockServer]) -> Value {
    let provider = |(index, mock): (usize, &MockServer)| Provider::new(&format!("p{index}"), "openai", &mock.url());
    models([("m", mocks.iter().enumerate().map(provider).collect())])
}

/// One client: so many requests, every other one a stream. The number of those that were answered whole.
async fn client(process: std::net::SocketAddr, requests: usize) -> usize {
    let mut good = 0;
    for number in 0..requests {
        let body = json!({"model": "m", "stream": number % 2 == 0, "messages": [{"role": "user", "content": "hi"}]});
        let reply = Client::new(process).post("/v1/chat/completions", body.to_string()).await;
        good += usize::from(reply.status == 200 && reply.whole);
    }
    good
}

/// Asks both routers at once; how many were answered.
async fn load(routers: &[&Process], requests: usize) -> usize {
    let mut clients = tokio::task::JoinSet::new();
    for router in routers {
        (0..CLIENTS).for_each(|_| drop(clients.spawn(client(router.address, requests))));
    }
    clients.join_all().await.into_iter().sum()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_routers_never_ask_a_provider_twice_at_once() {
    let redis = Redis::start();
    let mut mocks = Vec::new();
    for delay in ["head-delay=1ms", "token-delay=1ms", "head-delay=4ms"] {
        mocks.push(Mock::spawn(Script::parse(delay).unwrap()).await.unwrap());
    }
    let host = redis.host();
    let settings = [
        ("balance_strategy", "first_available"),
        ("redis_host", host.as_str()),
        ("queue_timeout", PATIENCE),
        ("probe_interval", "0"),
    ];
    let start = || Process::start(&config(&mocks), &settings);
    let (one, other) = (start(), start());
    let requests = if long() { 500 } else { 12 };
    assert_eq!(load(&[&one, &other], requests).await, 2 * CLIENTS * requests, "{}{}", one.log(), other.log());
    for mock in &mocks {
        let stats = mock.stats();
        assert_eq!(stats.max_in_flight, 1, "{stats:?}");
        assert!(stats.requests > 0, "{stats:?}");
    }
    until("nothing is held", async || redis.ask(&["HLEN", "llmr:{main}:lease"]) == "0").await;
    if long() {
        a_killed_router_leaves_nothing_held(&redis, &mocks, one, &other).await;
    }
}

/// A router that is killed holds its provider until its session is over, and no longer.
async fn a_killed_router_leaves_nothing_held(redis: &Redis, mocks: &[MockServer], victim: Process, other: &Process) {
    let script = |text: &str| Script::parse(text).expect("tests write well-formed scripts");
    mocks[0].set_script(script("head-delay=60s"));
    let mut lost = tokio::task::JoinSet::new();
    (0..mocks.len()).for_each(|_| drop(lost.spawn(client(victim.address, 1))));
    until("one of them is at the slow provider", async || mocks[0].stats().in_flight == 1).await;
    signal(victim.pid, "KILL");
    lost.shutdown().await;
    mocks[0].set_script(script(""));
    let end = Instant::now() + Duration::from_secs(60);
    while redis.ask(&["HLEN", "llmr:{main}:lease"]) != "0" {
        assert!(Instant::now() < end, "a lease outlives its session");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(load(&[other], 50).await, 50 * CLIENTS, "{}", other.log());
    assert!(mocks.iter().all(|mock| mock.stats().max_in_flight == 1));
}
