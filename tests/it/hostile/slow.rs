//! Slowness as an attack, on both legs: a byte now and then keeps nothing open for longer than the limits say.

use std::time::{Duration, Instant};

use llm_router_mock::{Mock, Script};
use llm_router_tests::{Provider, Router, models, until};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    time::{sleep, timeout},
};

/// Between two bytes: well below every limit of the tests.
const DRIP: Duration = Duration::from_millis(25);
/// How long the drip would go on: no limit of the tests is near it.
const LONG: Duration = Duration::from_secs(60);
/// When it must be over, on any machine.
const SOON: Duration = Duration::from_secs(20);

const LIMITS: [(&str, &str); 6] = [
    ("header_read_timeout", "500ms"),
    ("body_read_timeout", "500ms"),
    ("response_header_timeout", "500ms"),
    ("first_token_timeout", "500ms"),
    ("idle_timeout", "500ms"),
    ("probe_interval", "0"),
];

fn start(url: &str) -> Router {
    Router::start(&models([("m", vec![Provider::new("a", "openai", url)])]), &LIMITS)
}

/// Writes bytes one at a time, the last one again and again, until the other side has had enough.
async fn drip(stream: &mut TcpStream, bytes: &[u8]) {
    let begun = Instant::now();
    let all = bytes.iter().chain(std::iter::repeat(bytes.last().unwrap_or(&b'a')));
    for byte in all {
        if begun.elapsed() > LONG || stream.write_all(&[*byte]).await.is_err() {
            return;
        }
        sleep(DRIP).await;
    }
}

#[tokio::test]
async fn a_client_that_sends_a_byte_now_and_then_is_refused_in_time() {
    let mock = Mock::spawn(Script::default()).await.expect("a port is free");
    let router = start(&mock.url());
    let post = "POST /v1/chat/completions HTTP/1.1\r\nhost: r\r\n";
    for (name, at_once, slowly) in [
        ("a head", "", format!("{post}x: aaaa")),
        ("a body", &*format!("{post}content-length: 9000\r\n\r\n"), "{aaaa".to_owned()),
        ("chunks", &*format!("{post}transfer-encoding: chunked\r\n\r\n"), "1\r\na\r\n1\r\n".repeat(9000)),
        ("a chunk's extension", &*format!("{post}transfer-encoding: chunked\r\n\r\n"), "1;aaaaa".to_owned()),
        ("empty lines", "", "\r\n".repeat(9000)),
    ] {
        let mut stream = TcpStream::connect(router.address()).await.expect("it listens");
        stream.write_all(at_once.as_bytes()).await.expect("it takes the beginning");
        let (mut reading, mut writing) = stream.into_split();
        let writer = async {
            for byte in slowly.bytes().chain(std::iter::repeat(b'a')) {
                if writing.write_all(&[byte]).await.is_err() {
                    return;
                }
                sleep(DRIP).await;
            }
        };
        let mut answer = Vec::new();
        let read = async {
            tokio::select! {
                read = reading.read_to_end(&mut answer) => drop(read),
                () = writer => {}
            }
        };
        assert!(timeout(SOON, read).await.is_ok(), "{name}: it goes on");
        let answer = String::from_utf8_lossy(&answer);
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 4"), "{name}: {answer}");
    }
    assert_eq!(mock.stats().requests, 0);
    until("the connections are closed", async || router.running().shared().connections() == 0).await;
}

#[tokio::test]
async fn a_provider_that_sends_a_byte_now_and_then_is_given_up_in_time() {
    for (name, at_once, slowly) in [
        ("a head", "", "HTTP/1.1 200 OK\r\nx: aaaa"),
        ("interim answers", "HTTP/1.1 100 Continue\r\n\r\n", "HTTP/1.1 100 Continue\r\nx: aaaa"),
        ("events without content", "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n", ": aaaa"),
        ("a chunk size", "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n", "00000"),
        ("an answer to be translated", "HTTP/1.1 200 OK\r\ncontent-length: 90000\r\n\r\n", "{aaaa"),
    ] {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
        let url = format!("http://{}", listener.local_addr().expect("it is bound"));
        let provider = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.expect("the router connects");
            drop(stream.read(&mut [0; 4096]).await);
            drop(stream.write_all(at_once.as_bytes()).await);
            drip(&mut stream, slowly.as_bytes()).await;
        });
        let router = start(&url);
        let body = r#"{"model":"m","stream":true,"max_tokens":9,"messages":[{"role":"user","content":"hi"}]}"#;
        // Translated, so that nothing of it is content before it can be read.
        let client = router.client();
        let reply = timeout(SOON, client.post("/v1/messages", body)).await;
        let reply = reply.unwrap_or_else(|_| panic!("{name}: it goes on"));
        assert!(matches!(reply.status.as_u16(), 502 | 504), "{name}: {} {}", reply.status, reply.text());
        until("the lease is settled", async || router.in_flight() == 0).await;
        assert!(timeout(SOON, provider).await.is_ok(), "{name}: the provider is let go");
    }
}
