//! A client that goes takes its provider's work along: how long that takes, at every moment of a request.

use std::time::{Duration, Instant};

use llm_router_mock::{Mock, Script};
use llm_router_tests::{Provider, Router, models, until};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};

/// How often each moment is measured.
const TIMES: usize = 60;
/// What the slowest may take on a busy machine; the printed figures say what they took.
const BOUND: Duration = Duration::from_secs(2);

/// A moment of a request: where it is asked, whether for a stream, and what the provider is doing then.
const MOMENTS: [(&str, &str, bool, &str); 8] = [
    ("before the head", "/v1/chat/completions", true, "head-delay=60s"),
    ("before the head", "/v1/chat/completions", false, "head-delay=60s"),
    ("before the first token", "/v1/chat/completions", true, "first-delay=60s"),
    ("before the first token", "/v1/chat/completions", false, "first-delay=60s"),
    ("inside the stream", "/v1/chat/completions", true, "endless token-delay=5ms"),
    ("silent stream", "/v1/chat/completions", true, "token-delay=60s"),
    ("translated, before the head", "/v1/messages", true, "head-delay=60s"),
    ("translated, inside the stream", "/v1/messages", true, "endless token-delay=5ms"),
];

#[tokio::test]
async fn the_provider_is_let_go_as_soon_as_its_client_has_gone() {
    println!("{:32} {:8} {:>9} {:>9} {:>9}", "moment", "mode", "p50 ms", "p99 ms", "max ms");
    for (name, path, stream, script) in MOMENTS {
        let script = Script::parse(script).expect("the script is well-formed");
        let mock = Mock::spawn(script).await.expect("a port is free");
        let router = Router::start(&models([("m", vec![Provider::new("a", "openai", &mock.url())])]), &[]);
        let body = format!(
            r#"{{"model":"m","stream":{stream},"max_tokens":9,"messages":[{{"role":"user","content":"hi"}}]}}"#
        );
        let request = format!("POST {path} HTTP/1.1\r\nhost: r\r\ncontent-length: {}\r\n\r\n{body}", body.len());
        let mut took = Vec::new();
        for number in 1..=TIMES {
            let mut client = TcpStream::connect(router.address()).await.expect("it listens");
            client.write_all(request.as_bytes()).await.expect("it takes the request");
            let begun = mock.wait_for(BOUND, |stats| stats.in_flight == 1).await;
            begun.expect("the provider is asked");
            if name.contains("stream") {
                let got = timeout(BOUND, client.read(&mut [0; 4096])).await;
                assert!(got.is_ok_and(|got| got.is_ok_and(|size| size > 0)), "{name}: the stream has begun");
            }
            let gone = Instant::now();
            drop(client);
            let let_go = mock.wait_for(BOUND, |stats| stats.in_flight == 0 && stats.aborted == number as u64).await;
            let_go.unwrap_or_else(|stats| panic!("{name}, stream {stream}: not within {BOUND:?}: {stats:?}"));
            took.push(gone.elapsed());
        }
        until("the leases are settled", async || router.in_flight() == 0).await;
        until("every request is reported", async || router.finished().len() == TIMES).await;
        assert!(router.finished().iter().all(|facts| facts.outcome.name() == "cancelled"));
        took.sort();
        let at = |share: usize| took[(TIMES * share / 100).min(TIMES - 1)].as_secs_f64() * 1e3;
        let mode = if stream { "stream" } else { "whole" };
        println!("{name:32} {mode:8} {:>9.2} {:>9.2} {:>9.2}", at(50), at(99), at(100));
    }
}
