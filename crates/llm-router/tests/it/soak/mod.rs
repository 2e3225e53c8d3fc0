//! The soak: many open streams, faults, clients that leave, a reload every second and a provider that comes and goes.
//! Memory is flat after the warm-up, and every failure has its reason.
//!
//! `LLM_ROUTER_SOAK_SECONDS`, `LLM_ROUTER_SOAK_STREAMS` and `LLM_ROUTER_SOAK_PLOT` (a file for the picture) change it.

mod crowd;
mod watch;

use std::{
    env, fs,
    net::SocketAddr,
    sync::{Arc, atomic::Ordering::Relaxed},
    time::{Duration, Instant},
};

use llm_router_mock::{Mock, MockServer, Script};
use llm_router_tests::{Client, Provider, models};
use serde_json::Value;
use tokio::time::{sleep, timeout};

use crate::process::Process;
use crowd::{Chance, Crowd, FLAPPING};
use watch::{Sample, Watch};

/// Growth of memory after the warm-up that is no leak: a share of it, and some KiB.
const GROWTH: (u64, u64) = (10, 6 * 1024);

/// How large a soak is.
#[derive(Debug, Clone, Copy)]
struct Size {
    time: Duration,
    streams: u32,
    /// Between two tokens of a stream.
    pause: Duration,
    /// Between two goings of the flapping provider.
    flap: Duration,
}

impl Size {
    fn wanted() -> Self {
        let long = env::var("LLM_ROUTER_TESTS_LONG").is_ok_and(|long| !long.is_empty());
        let number = |name: &str| env::var(name).ok().and_then(|text| text.parse().ok());
        let seconds = number("LLM_ROUTER_SOAK_SECONDS");
        let long = long || seconds.is_some();
        Self {
            time: Duration::from_secs(seconds.unwrap_or(if long { 1800 } else { 15 })),
            streams: number("LLM_ROUTER_SOAK_STREAMS")
                .and_then(|streams| u32::try_from(streams).ok())
                .unwrap_or(if long { 5000 } else { 200 }),
            pause: if long { Duration::from_secs(10) } else { Duration::from_millis(150) },
            flap: Duration::from_secs(if long { 20 } else { 4 }),
        }
    }
}

/// The models file: a reload with another `turn` changes it.
fn config(good: &MockServer, flapping: SocketAddr, faulty: &MockServer, turn: u32) -> Value {
    let flapping = Provider::new(FLAPPING, "openai", &format!("http://{flapping}"));
    let mut served = models([
        (
            "m",
            vec![
                Provider::new("good", "openai", &good.url()).with("weight", 0.9),
                flapping.with("weight", if turn.is_multiple_of(2) { 0.1 } else { 0.2 }),
            ],
        ),
        ("f", vec![Provider::new("faulty", "openai", &faulty.url())]),
        ("other", vec![Provider::new("other", "ollama", &good.url()).with("input_size", 1000 + turn % 7)]),
    ]);
    served["tests"]["m"]["strategy"] = "weighted".into();
    served
}

/// Reloads every second, with a change each time.
async fn reload(operators: SocketAddr, file: std::path::PathBuf, make: impl Fn(u32) -> Value) {
    for turn in 0.. {
        sleep(Duration::from_secs(1)).await;
        let new = file.with_extension("new");
        fs::write(&new, make(turn).to_string()).expect("the folder is writable");
        fs::rename(&new, &file).expect("the folder is writable");
        let reply = Client::new(operators).post("/admin/reload", "").await;
        assert_eq!(reply.status, 200, "{}", reply.text());
    }
}

/// Serves at an address, and does not, in turns.
async fn flap(address: SocketAddr, mock: Mock, every: Duration) {
    let mut mock = Some(mock);
    loop {
        let serving = match mock.take() {
            Some(mock) => mock,
            None => Mock::bind(address, Script::default()).await.expect("the port is still free"),
        };
        drop(timeout(every, serving.serve()).await);
        sleep(every / 4).await;
    }
}

async fn look(process: &Process, begun: Instant) -> Sample {
    let ready = Client::new(process.operators).get("/readyz").await.json();
    let pools = ready["pools"].as_array().cloned().unwrap_or_default();
    let providers = pools.iter().flat_map(|pool| pool["providers"].as_array().cloned().unwrap_or_default());
    Sample {
        at: begun.elapsed().as_secs_f64(),
        memory: process.resident(),
        in_flight: providers.map(|provider| provider["in_flight"].as_u64().unwrap_or(0)).sum(),
        descriptors: process.descriptors() as u64,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn memory_is_flat_and_every_failure_has_its_reason() {
    let size = Size::wanted();
    let spawn = async || Mock::spawn(Script::default()).await.expect("a port is free");
    let (good, faulty) = (spawn().await, spawn().await);
    let flapping = Mock::bind("127.0.0.1:0", Script::default()).await.expect("a port is free");
    let door = flapping.server().addr();
    let settings = [
        ("response_details", "true"),
        ("stream_keepalive", "120"),
        ("idle_timeout", if size.pause > Duration::from_secs(1) { "60" } else { "10" }),
        // A provider that says it is overloaded is left alone for longer each time, and who asks for it waits in line.
        ("queue_timeout", "20"),
        ("max_connections", "12000"),
        ("log_level", "error"),
    ];
    let mut process = Process::start(&config(&good, door, &faulty, 0), &settings);
    let file = process.folder().join("models.json");
    let reloads = tokio::spawn(reload(process.operators, file, {
        let (good, faulty) = (good.clone(), faulty.clone());
        move |turn| config(&good, door, &faulty, turn)
    }));
    let flaps = tokio::spawn(flap(door, flapping, size.flap));
    let crowd = Crowd::new(process.address, size.pause);
    let ramp = (size.time / 6).min(Duration::from_secs(60));
    let clients: Vec<_> = (0..size.streams)
        .map(|seed| {
            let delay = ramp * seed / size.streams;
            tokio::spawn(Arc::clone(&crowd).live(Chance::new(seed.into()), delay))
        })
        .collect();
    let (begun, mut watch) = (Instant::now(), Watch::default());
    while begun.elapsed() < size.time {
        sleep(Duration::from_secs(1).min(size.time / 100)).await;
        watch.0.push(look(&process, begun).await);
        assert!(!reloads.is_finished() && !flaps.is_finished(), "reloads and flaps go on");
    }
    crowd.over.store(true, Relaxed);
    // Their streams end by themselves; who waits on is given up.
    let calm = async {
        for client in clients {
            client.await.expect("a client is well");
        }
    };
    assert!(timeout(size.pause * 20 + Duration::from_secs(60), calm).await.is_ok(), "every stream comes to an end");
    reloads.abort();
    flaps.abort();
    let found = Found::of(&crowd, &watch);
    let told = found.told(size);
    println!("{told}");
    if let Ok(path) = env::var("LLM_ROUTER_SOAK_PLOT") {
        fs::write(&path, watch.svg(&told)).unwrap_or_else(|error| panic!("{path}: {error}"));
    }
    found.judge(&crowd, &told);
    process.kill();
}

/// What came of a soak.
struct Found {
    whole: u64,
    on_purpose: u64,
    flapped: u64,
    unexplained: u64,
    in_flight: u64,
    /// KiB after the warm-up, and in the end.
    memory: (u64, u64),
    descriptors: (u64, u64),
}

impl Found {
    fn of(crowd: &Crowd, watch: &Watch) -> Self {
        let early_and_late = |of| (watch.median(0.3, 0.5, of), watch.median(0.8, 1.0, of));
        Self {
            whole: crowd.whole.load(Relaxed),
            on_purpose: crowd.on_purpose.load(Relaxed),
            flapped: crowd.flapped.load(Relaxed),
            unexplained: crowd.unexplained.load(Relaxed),
            in_flight: watch.median(0.3, 1.0, |sample| sample.in_flight),
            memory: early_and_late(|sample| sample.memory),
            descriptors: early_and_late(|sample| sample.descriptors),
        }
    }

    fn told(&self, size: Size) -> String {
        let Self { whole, on_purpose, flapped, unexplained, in_flight, .. } = self;
        format!(
            "{} clients, {} s: {whole} whole, {on_purpose} broken on purpose, {flapped} with the flapping provider, \
             {unexplained} unexplained; {in_flight} in flight; {}, later {} MiB; {}, later {} descriptors",
            size.streams,
            size.time.as_secs(),
            self.memory.0 / 1024,
            self.memory.1 / 1024,
            self.descriptors.0,
            self.descriptors.1
        )
    }

    fn judge(&self, crowd: &Crowd, told: &str) {
        assert_eq!(self.unexplained, 0, "{}", crowd.shown().join("\n"));
        assert!(self.whole > 0 && self.on_purpose > 0, "{told}");
        let (warm, last) = self.memory;
        assert!(last <= warm + warm / GROWTH.0 + GROWTH.1, "memory grows: {told}");
    }
}
