//! A Redis server that stops in the middle of everything: whoever does not need it notices nothing, and exclusive
//! requests go by the setting, never without an answer.

use std::{
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use llm_router_balancer::store::redis::{Address, RedisConfig, RedisStore, StoreEvent};
use llm_router_mock::{Mock, MockServer, Script};
use llm_router_tests::{Client, Provider, Reply, Router, models, until};
use serde_json::json;
use tempfile::TempDir;

const CHAT: &str = "/v1/chat/completions";
/// Rounds of plain traffic, and requests of each client in each. The middle one counts: a hiccup of the machine is in
/// one of them, whatever waits for Redis is in all.
const ROUNDS: usize = 5;
const REQUESTS: usize = 20;
/// Clients of plain traffic.
const CLIENTS: usize = 8;
/// What an answer may take that needs no provider's time, on a machine that is busy otherwise.
const BOUND: Duration = Duration::from_secs(30);
/// How much slower plain traffic may be without Redis, and what is noise on any machine. A command that is waited for
/// takes half a second.
const SLOWER: (u32, Duration) = (4, Duration::from_millis(200));

/// A redis-server of this test, killed when dropped.
struct Redis {
    folder: TempDir,
    child: Child,
}

impl Redis {
    fn start() -> Self {
        let folder = tempfile::tempdir().expect("there is room for a folder");
        let mut command = Command::new("redis-server");
        command.args(["--save", "", "--appendonly", "no", "--port", "0", "--loglevel", "warning"]);
        command.arg("--dir").arg(folder.path()).arg("--unixsocket").arg(folder.path().join("redis"));
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let child = command.spawn().expect("redis-server 7 or newer must be installed");
        Self { folder, child }
    }

    fn socket(&self) -> PathBuf {
        self.folder.path().join("redis")
    }

    fn signal(&self, name: &str) {
        let sent = Command::new("kill").arg(format!("-{name}")).arg(self.child.id().to_string()).status();
        assert!(sent.is_ok_and(|status| status.success()), "the server can be sent signals");
    }

    /// Makes the lease pool of a prefix known to the server, so that the router need not wait for leases of before.
    async fn introduce(&self, prefix: &str) {
        let up = Arc::new(AtomicBool::new(false));
        let mut config = RedisConfig::new(Address::Socket(self.socket()));
        config.prefix = prefix.to_owned();
        config.trust_empty = true;
        config.observer = Some(Arc::new({
            let up = Arc::clone(&up);
            move |event: &StoreEvent| up.store(matches!(event, StoreEvent::Up), Relaxed)
        }));
        let (store, work) = RedisStore::new(config).expect("the configuration is right");
        let work = tokio::spawn(work);
        until("the server knows the pool", async || up.load(Relaxed)).await;
        work.abort();
        drop(store);
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// A router before a model `m` for everybody, and a model `x` whose one host takes a request at a time.
async fn start(redis: &Redis, on_down: &str) -> (MockServer, Router) {
    let mock = Mock::spawn(Script::default()).await.expect("a port is free");
    let (prefix, socket) = (format!("{on_down}:"), redis.socket());
    redis.introduce(&prefix).await;
    let mut served = models([
        ("m", vec![Provider::new("a", "openai", &mock.url())]),
        ("x", vec![Provider::new("b", "openai", &mock.url().replace("127.0.0.1", "localhost"))]),
    ]);
    served["tests"]["x"]["strategy"] = json!("first_available");
    let settings = [
        ("redis_host", socket.to_str().expect("a temporary path is UTF-8")),
        ("redis_prefix", &prefix),
        ("redis_on_down", on_down),
        ("queue_timeout", "5"),
        ("probe_interval", "0"),
    ];
    (mock, Router::start(&served, &settings))
}

async fn ask(client: Client, model: &str) -> Reply {
    let body = json!({"model": model, "max_tokens": 3, "messages": [{"role": "user", "content": "hi"}]});
    client.post(CHAT, body.to_string()).await
}

/// The time at which 99 of 100 requests of plain traffic have their answers, in the middle one of some rounds.
async fn p99(router: &Router) -> Duration {
    let mut rounds = Vec::new();
    for _ in 0..ROUNDS {
        rounds.push(round(router).await);
    }
    rounds.sort_unstable();
    rounds[ROUNDS / 2]
}

async fn round(router: &Router) -> Duration {
    let crowd: Vec<_> = (0..CLIENTS)
        .map(|_| {
            let client = router.client();
            tokio::spawn(async move {
                let mut took = Vec::new();
                for _ in 0..REQUESTS {
                    let begun = Instant::now();
                    let reply = ask(client, "m").await;
                    assert_eq!(reply.status, 200, "{}", reply.text());
                    took.push(begun.elapsed());
                }
                took
            })
        })
        .collect();
    let mut took = Vec::new();
    for one in crowd {
        took.extend(one.await.expect("a client is well"));
    }
    took.sort_unstable();
    assert!(took.last().is_some_and(|slowest| *slowest < BOUND), "{took:?}");
    took[took.len() * 99 / 100]
}

/// Exclusive traffic that never stops: every request has an answer in time.
fn exclusive(client: Client, over: &Arc<AtomicBool>) -> tokio::task::JoinHandle<(u32, u32)> {
    let over = Arc::clone(over);
    tokio::spawn(async move {
        let (mut good, mut refused) = (0, 0);
        while !over.load(Relaxed) {
            let reply = tokio::time::timeout(BOUND, ask(client, "x")).await.expect("an exclusive request is answered");
            match reply.status.as_u16() {
                200 => good += 1,
                503 => {
                    assert!(reply.headers.contains_key("retry-after"), "{:?}", reply.headers);
                    refused += 1;
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
                other => panic!("{other}: {}", reply.text()),
            }
        }
        (good, refused)
    })
}

/// Plain and exclusive traffic with Redis, without, and with it again.
async fn through_a_frozen_server(redis: &Redis, router: &Router, on_down: &str) -> String {
    let client = router.client();
    until("exclusive requests are answered", async || ask(client, "x").await.status == 200).await;
    let over = Arc::new(AtomicBool::new(false));
    let others = exclusive(client, &over);
    let with = p99(router).await;
    redis.signal("STOP");
    let without = p99(router).await;
    let allowed = with * SLOWER.0 + SLOWER.1;
    assert!(without <= allowed, "{on_down}: {with:?} with Redis, {without:?} without");
    let want = if on_down == "refuse" { 503 } else { 200 };
    until("exclusive requests go by the setting", async || ask(client, "x").await.status == want).await;
    redis.signal("CONT");
    until("exclusive requests are answered again", async || ask(client, "x").await.status == 200).await;
    over.store(true, Relaxed);
    let (good, refused) = others.await.expect("exclusive requests are answered");
    until("nothing is held", async || router.in_flight() == 0).await;
    format!(
        "redis_on_down = {on_down}: p99 of plain requests {with:?}, {without:?} without Redis; exclusive meanwhile: \
         {good} answered, {refused} refused"
    )
}

#[tokio::test]
async fn a_frozen_redis_slows_nobody_who_does_not_need_it() {
    for on_down in ["refuse", "local"] {
        let redis = Redis::start();
        let (_mock, router) = start(&redis, on_down).await;
        println!("{}", through_a_frozen_server(&redis, &router, on_down).await);
    }
}

#[tokio::test]
async fn an_exclusive_answer_under_way_outlives_a_frozen_redis() {
    let redis = Redis::start();
    let (mock, router) = start(&redis, "refuse").await;
    let client = router.client();
    until("exclusive requests are answered", async || ask(client, "x").await.status == 200).await;
    let served = mock.stats().finished;
    let text = "[[mock tokens=30 token-delay=50ms]] hi";
    let body = json!({"model": "x", "stream": true, "max_tokens": 90, "messages": [{"role": "user", "content": text}]});
    let stream = tokio::spawn(async move { client.post(CHAT, body.to_string()).await });
    until("the stream is under way", async || mock.stats().in_flight == 1).await;
    redis.signal("STOP");
    let reply = stream.await.expect("it is answered");
    assert!(reply.status == 200 && reply.whole && reply.text().contains("[DONE]"), "{}", reply.text());
    assert_eq!(mock.stats().finished, served + 1);
    until("its lease is settled here", async || router.in_flight() == 0).await;
    redis.signal("CONT");
    until("the host is free again", async || ask(client, "x").await.status == 200).await;
}
