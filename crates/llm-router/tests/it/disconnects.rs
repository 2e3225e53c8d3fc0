//! Clients that vanish at random moments leave nothing behind: no request, no descriptor, no memory.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use llm_router_mock::{Mock, Script};
use llm_router_tests::{Provider, models, until};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};

use crate::process::Process;

/// How many clients vanish, and how long the test may take for it.
const CLIENTS: u32 = 10_000;
const LONGEST: Duration = Duration::from_secs(25);
/// How many do so at once.
const AT_ONCE: u32 = 64;
/// Growth that is not taken for a leak, in KiB: 2 KiB a client would be twice as much.
const GROWTH: u64 = 10 * 1024;

/// A small generator, so that a run can be repeated (Marsaglia's xorshift).
struct Chance(u64);

impl Chance {
    fn below(&mut self, most: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % most
    }
}

/// Sends a part of a request, reads a part of the answer, and is gone.
async fn vanish(address: SocketAddr, chance: &mut Chance) {
    let Ok(mut stream) = TcpStream::connect(address).await else { return };
    let path = ["/v1/chat/completions", "/v1/messages", "/api/chat", "/v1/models"][chance.below(4) as usize];
    let body = format!(
        r#"{{"model":"m","stream":{},"max_tokens":9,"messages":[{{"role":"user","content":"hi"}}]}}"#,
        chance.below(2) == 0
    );
    let request =
        format!("POST {path} HTTP/1.1\r\nhost: r\r\ncontent-length: {}\r\n\r\n{body}", body.len()).into_bytes();
    let sent = if chance.below(4) == 0 { chance.below(request.len() as u64) as usize } else { request.len() };
    if stream.write_all(&request[..sent]).await.is_err() {
        return;
    }
    let mut buffer = vec![0; 1 + chance.below(2000) as usize];
    let wait = Duration::from_millis(chance.below(40));
    drop(timeout(wait, stream.read_exact(&mut buffer)).await);
    if chance.below(3) == 0 {
        // Gone without a goodbye: a reset.
        drop(stream.set_zero_linger());
    }
}

async fn storm(address: SocketAddr, count: u32, until: Instant) -> u32 {
    let left = Arc::new(AtomicU32::new(count));
    let crowd: Vec<_> = (0..AT_ONCE)
        .map(|seed| {
            let left = Arc::clone(&left);
            tokio::spawn(async move {
                let mut chance = Chance(0x9E37_79B9_7F4A_7C15 ^ u64::from(seed + 1));
                let mut done = 0;
                while Instant::now() < until && left.fetch_update(Relaxed, Relaxed, |n| n.checked_sub(1)).is_ok() {
                    vanish(address, &mut chance).await;
                    done += 1;
                }
                done
            })
        })
        .collect();
    let mut done = 0;
    for one in crowd {
        done += one.await.expect("a client is well");
    }
    done
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_that_vanish_leave_nothing_behind() {
    let script = Script::parse("endless token-delay=3ms head-delay=5ms").expect("the script is well-formed");
    let mock = Mock::spawn(script).await.expect("a port is free");
    let providers = vec![Provider::new("a", "openai", &mock.url()), Provider::new("b", "ollama", &mock.url())];
    let process = Process::start(&models([("m", providers)]), &[("idle_timeout", "2"), ("pool_idle_timeout", "1")]);
    let quiet = async || {
        let ready = llm_router_tests::Client::new(process.operators).get("/readyz").await.json();
        let pools = ready["pools"][0]["providers"].as_array().cloned().unwrap_or_default();
        pools.iter().all(|provider| provider["in_flight"] == 0) && mock.stats().in_flight == 0
    };
    let few = process.descriptors() + 16;
    let closed = async || process.descriptors() <= few;
    // Buffers, pools and the allocator's own stock.
    storm(process.address, CLIENTS, Instant::now() + LONGEST).await;
    until("the first storm is over", quiet).await;
    until("its descriptors are closed", closed).await;
    let (memory, descriptors) = (process.resident(), process.descriptors());
    let begun = Instant::now();
    let done = storm(process.address, CLIENTS, begun + LONGEST).await;
    let took = begun.elapsed();
    until("every request is settled", quiet).await;
    until("every descriptor is closed", closed).await;
    let after = process.resident();
    println!(
        "{done} clients vanished in {took:.1?}: memory {memory} -> {after} KiB, descriptors {descriptors} -> {}",
        process.descriptors()
    );
    assert!(after < memory + GROWTH, "memory grew from {memory} to {after} KiB over {done} clients");
    assert!(!process.log().contains("panic"), "{}", process.log());
}
