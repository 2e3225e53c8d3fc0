//! Clients that leave: at any moment, politely or not; nothing may stay behind, and the provider must feel it at once.

use std::time::{Duration, Instant};

use llm_router_mock::{Mock, MockServer, Script};
use llm_router_tests::{Provider, Router, models, until};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use super::matrix::SURFACES;

/// Clients at once.
const AT_ONCE: usize = 50;

async fn start(script: &str) -> (Router, MockServer) {
    let mock = Mock::spawn(Script::parse(script).expect("a well-formed script")).await.expect("a port is free");
    let providers =
        SURFACES.iter().map(|surface| (surface.name, vec![Provider::new(surface.name, surface.api_type, &mock.url())]));
    (Router::start(&models(providers), &[("server_workers_count", "1"), ("probe_interval", "600")]), mock)
}

fn request(which: usize, stream: bool) -> String {
    let surface = &SURFACES[which % SURFACES.len()];
    let body = surface.body(surface.name, stream);
    let length = body.len();
    format!("POST {} HTTP/1.1\r\nhost: r\r\ncontent-length: {length}\r\n\r\n{body}", surface.path)
}

/// Sends a request, or a part of it, reads a little or nothing, and leaves.
async fn visit(router: std::net::SocketAddr, which: usize, mut random: fastrand::Rng) {
    let Ok(mut client) = TcpStream::connect(router).await else { return };
    let text = request(which, random.bool());
    let part = if random.u8(..8) == 0 { random.usize(..text.len()) } else { text.len() };
    if client.write_all(&text.as_bytes()[..part]).await.is_err() {
        return;
    }
    let mut buffer = [0; 256];
    for _ in 0..random.usize(..6) {
        let wait = Duration::from_micros(random.u64(..60_000));
        if matches!(tokio::time::timeout(wait, client.read(&mut buffer)).await, Ok(Ok(0) | Err(_))) {
            return;
        }
    }
    if random.bool() {
        let _ = client.set_zero_linger();
    }
}

async fn visits(router: &Router, count: usize, seed: u64) {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut running = tokio::task::JoinSet::new();
    for which in 0..count {
        if running.len() >= AT_ONCE {
            running.join_next().await;
        }
        running.spawn(visit(router.address(), which, random.fork()));
    }
    while running.join_next().await.is_some() {}
}

#[tokio::test]
async fn clients_that_leave_at_any_moment_leave_nothing_behind() {
    let long = std::env::var("LLM_ROUTER_TESTS_LONG").is_ok_and(|long| !long.is_empty());
    let count = if long { 10_000 } else { 600 };
    let (router, mock) = start("head-delay=4ms token-delay=2ms tokens=30").await;
    visits(&router, 100, 1).await;
    until("the first leave nothing", async || router.in_flight() == 0 && mock.stats().in_flight == 0).await;
    visits(&router, count, 1000).await;
    until("nobody is served any more", async || router.in_flight() == 0 && mock.stats().in_flight == 0).await;
    // What was broken off is closed, what was finished is kept for the next: never more than there were at once.
    until("upstream connections are closed", async || mock.stats().connections <= AT_ONCE).await;
    let stats = mock.stats();
    println!("{count} clients left: {} answers broken off at the provider, {} finished", stats.aborted, stats.finished);
    assert!(stats.aborted > 0 && stats.finished > 0, "they leave before and after the end: {stats:?}");
}

#[tokio::test]
async fn the_provider_feels_a_client_leave() {
    let mut times = Vec::new();
    for script in ["stall=wire:0", "stall=body:0", "stall=event:6"] {
        let (router, mock) = start(&format!("tokens=30 {script}")).await;
        for which in 0..2 * SURFACES.len() {
            let stream = which < SURFACES.len() || script != "stall=wire:0";
            let mut client = TcpStream::connect(router.address()).await.expect("the router accepts");
            client.write_all(request(which, stream).as_bytes()).await.expect("the router reads");
            until(&format!("{script}: {which}: the provider is asked"), async || mock.stats().in_flight == 1).await;
            if script == "stall=event:6" {
                assert!(client.read(&mut [0; 64]).await.expect("the answer begins") > 0);
            }
            let left = Instant::now();
            drop(client);
            until(&format!("{script}: {which}: the provider feels it"), async || mock.stats().in_flight == 0).await;
            let seen = mock.requests().pop().expect("it was asked");
            times.push((seen.began + seen.lasted.expect("it is over")).saturating_duration_since(left));
        }
        assert_eq!(mock.stats().aborted, 2 * SURFACES.len() as u64);
        until("the leases are settled", async || router.in_flight() == 0).await;
    }
    times.sort_unstable();
    println!(
        "{} clients left; felt after {:?} (median), {:?} (worst)",
        times.len(),
        times[times.len() / 2],
        times[times.len() - 1]
    );
}
