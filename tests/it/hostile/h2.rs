//! Hostile use of h2: streams that are reset as soon as they are opened, heads that do not end, and readers that read
//! nothing of a stream while the connection lives on.

use std::{net::SocketAddr, time::Duration};

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http2::{self, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo};
use llm_router_mock::{Mock, MockServer, Script};
use llm_router_tests::{Provider, Router, models, until};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};

const SOON: Duration = Duration::from_secs(20);
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

async fn start(script: &str, settings: &[(&str, &str)]) -> (MockServer, Router) {
    let mock = Mock::spawn(Script::parse(script).expect("the script is well-formed")).await.expect("a port is free");
    let settings: Vec<_> = [("probe_interval", "0")].iter().chain(settings).copied().collect();
    let router = Router::start(&models([("m", vec![Provider::new("a", "openai", &mock.url())])]), &settings);
    (mock, router)
}

async fn connect(address: SocketAddr) -> SendRequest<Full<Bytes>> {
    let stream = TcpStream::connect(address).await.expect("it listens");
    let (sender, connection) =
        http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.expect("the router speaks h2");
    tokio::spawn(async move { drop(connection.await) });
    sender
}

fn ask() -> Request<Full<Bytes>> {
    let body = r#"{"model":"m","stream":true,"max_tokens":900000,"messages":[{"role":"user","content":"hi"}]}"#;
    let request = Request::post("http://router.test/v1/chat/completions");
    request.body(Full::new(Bytes::from_static(body.as_bytes()))).expect("the request is well-formed")
}

#[tokio::test]
async fn streams_that_are_reset_at_once_leave_nothing_behind() {
    const COUNT: u32 = 1_000;
    let (mock, router) = start("endless token-delay=5ms head-delay=3ms", &[]).await;
    let (mut sender, mut connections) = (connect(router.address()).await, 1);
    for number in 0..COUNT {
        // A connection that has reset too much may be told goodbye.
        if sender.is_closed() || sender.ready().await.is_err() {
            sender = connect(router.address()).await;
            connections += 1;
        }
        let answer = sender.send_request(ask());
        // Reset before it is read, in the middle, or behind its head.
        let stay = Duration::from_micros(u64::from(number % 8) * 700);
        drop(timeout(stay, answer).await);
    }
    println!("{COUNT} streams reset over {connections} connections; the provider was asked {}", mock.stats().requests);
    assert_eq!(router.client().get("/readyz").await.status, 200, "others are served");
    until("no stream is left", async || router.in_flight() == 0 && mock.stats().in_flight == 0).await;
    drop(sender);
    until("no connection is left", async || router.running().shared().connections() == 0).await;
}

#[tokio::test]
async fn a_reader_that_reads_nothing_of_its_stream_is_cut_and_its_neighbours_are_not() {
    let (mock, router) = start("endless burst=100", &[("write_timeout", "500ms")]).await;
    let mut sender = connect(router.address()).await;
    let stuck = sender.send_request(ask()).await.expect("the stream begins");
    until("the stream is under way", async || mock.stats().in_flight == 1).await;
    until("the provider is let go", async || mock.stats().in_flight == 0 && router.in_flight() == 0).await;
    drop(stuck);
    // A new connection or the same one: another request is answered.
    let mut again = connect(router.address()).await;
    let list = Request::get("http://router.test/v1/models").body(Full::default()).expect("the request is well-formed");
    let answer = again.send_request(list).await.expect("it is answered");
    assert_eq!(answer.status(), 200);
    assert!(answer.into_body().collect().await.is_ok());
}

/// A frame of h2 (RFC 9113, 4.1).
fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("frames of tests are short").to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

#[tokio::test]
async fn floods_of_frames_end_the_connection() {
    let (mock, router) = start("", &[("header_read_timeout", "500ms"), ("keep_alive_timeout", "500ms")]).await;
    let settings = frame(4, 0, 0, &[]);
    // A header field without indexing: its name and value, again and again.
    let field = [&[0, 1, b'x', 100][..], &[b'a'; 100]].concat();
    for (name, beginning, again) in [
        ("a head that goes on for ever", frame(1, 0, 1, &field), frame(9, 0, 1, &field.repeat(100))),
        ("empty continuations", frame(1, 0, 1, &field), frame(9, 0, 1, &[])),
        ("settings", Vec::new(), settings.clone()),
        ("pings", Vec::new(), frame(6, 0, 0, &[0; 8])),
        ("resets of streams that are not open", Vec::new(), frame(3, 0, 1, &[0, 0, 0, 8])),
        ("empty data", Vec::new(), frame(0, 0, 1, &[])),
        ("unknown frames", Vec::new(), frame(200, 0, 1, &[1; 16])),
    ] {
        let mut stream = TcpStream::connect(router.address()).await.expect("it listens");
        stream.write_all(&[PREFACE, &settings, &beginning].concat()).await.expect("it takes the beginning");
        let block = again.repeat(1 + 16_384 / again.len());
        let (mut reading, mut writing) = stream.into_split();
        let flood = async {
            // What the router answers is read, or it need not send more.
            let mut answer = [0; 16 * 1024];
            let reader = async { while matches!(reading.read(&mut answer).await, Ok(1..)) {} };
            let writer = async { while writing.write_all(&block).await.is_ok() {} };
            tokio::select! {
                () = reader => {}
                () = writer => {}
            }
        };
        assert!(timeout(SOON, flood).await.is_ok(), "{name}: the router takes it all");
    }
    assert_eq!(mock.stats().requests, 0);
    until("the connections are closed", async || router.running().shared().connections() == 0).await;
    assert_eq!(router.client().get("/readyz").await.status, 200);
}
