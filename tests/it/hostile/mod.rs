//! Bad and hostile clients: every shape is answered with its own status or closed, nothing reaches a provider that
//! should not, and ten thousand of them leave nothing behind.

mod accepted;
mod h2;
mod inputs;
mod slow;
mod values;

use std::{
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use llm_router_mock::{Mock, MockServer, Script};
use llm_router_tests::{Provider, Router, models, until};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};

/// What must come of an input.
enum Want {
    /// This status, with this text in the body.
    Status(u16, &'static str),
    /// One of these statuses, or no answer at all.
    Refused,
}

use Want::{Refused, Status};

async fn start() -> (MockServer, Router) {
    let mock = Mock::spawn(Script::default()).await.expect("a port is free");
    let settings = [
        ("max_request_body_size", "200000"),
        ("max_header_size", "16384"),
        ("header_read_timeout", "400ms"),
        ("body_read_timeout", "400ms"),
        ("keep_alive_timeout", "400ms"),
        ("probe_interval", "0"),
    ];
    let router = Router::start(&models([("m", vec![Provider::new("a", "openai", &mock.url())])]), &settings);
    (mock, router)
}

/// Sends bytes as they are; everything that comes back until the connection ends.
async fn talk_bytes(address: SocketAddr, bytes: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(address).await.expect("it listens");
    // A refused request may be answered before it is sent.
    drop(stream.write_all(bytes).await);
    let mut answer = Vec::new();
    drop(timeout(Duration::from_secs(10), stream.read_to_end(&mut answer)).await);
    answer
}

fn chat(body: &str) -> Vec<u8> {
    let head = "POST /v1/chat/completions HTTP/1.1\r\nhost: r\r\nconnection: close\r\n";
    format!("{head}content-length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

/// An input's name, its bytes, and what must come of it.
type Input = (&'static str, Vec<u8>, Want);

const POST: &str = "POST /v1/chat/completions HTTP/1.1\r\nhost: r\r\n";

fn raw(head: &str, body: &str) -> Vec<u8> {
    format!("{head}\r\n{body}").into_bytes()
}

fn verdict(name: &str, answer: &str, want: &Want) -> Result<(), String> {
    let status = answer.split(' ').nth(1).and_then(|status| status.parse::<u16>().ok());
    let answers = answer.matches("HTTP/1.1 ").count();
    if answer.contains("\nx-evil") || answer.contains("127.0.0.1") {
        return Err(format!("{name}: a header or an address slipped through: {answer}"));
    }
    if answers > 1 && answer.contains("\"object\":\"list\"") {
        return Err(format!("{name}: a request inside a request was answered: {answer}"));
    }
    match want {
        Status(wanted, text) if status == Some(*wanted) && answer.contains(text) => Ok(()),
        Refused if status.is_none_or(|status| status >= 400) => Ok(()),
        _ => Err(format!("{name}: {answer:.600}")),
    }
}

#[tokio::test]
async fn every_bad_input_has_its_answer_and_none_reaches_a_provider() {
    let (mock, router) = start().await;
    let mut wrong = Vec::new();
    let address = router.address();
    let asked: Vec<_> = inputs::all()
        .into_iter()
        .map(|(name, bytes, want)| (name, want, tokio::spawn(async move { talk_bytes(address, &bytes).await })))
        .collect();
    for (name, want, answer) in asked {
        let answer = answer.await.expect("a client is well");
        wrong.extend(verdict(name, &String::from_utf8_lossy(&answer), &want).err());
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(mock.stats().requests, 0, "{:?}", mock.requests());
    until("the connections are closed", async || router.running().shared().connections() == 0).await;
}

#[tokio::test]
async fn ten_thousand_bad_inputs_leave_nothing_behind() {
    const COUNT: usize = 10_000;
    const LONGEST: Duration = Duration::from_secs(20);
    let (mock, router) = start().await;
    let address = router.address();
    let mut inputs = Vec::new();
    for (_, bytes, _) in inputs::all().into_iter().filter(|(_, bytes, _)| bytes.len() < 10_000) {
        let mut stream = TcpStream::connect(address).await.expect("it listens");
        drop(stream.write_all(&bytes).await);
        // Those alone that are answered at once: the others wait for a limit of time.
        if timeout(Duration::from_millis(100), stream.read(&mut [0; 512])).await.is_ok() {
            inputs.push(bytes);
        }
    }
    let (inputs, until_then) = (Arc::new(inputs), Instant::now() + LONGEST);
    let crowd: Vec<_> = (0..16)
        .map(|seed| {
            let inputs = Arc::clone(&inputs);
            tokio::spawn(async move {
                let mut done = 0;
                while done < COUNT / 16 && Instant::now() < until_then {
                    let mut stream = TcpStream::connect(address).await.expect("it listens");
                    drop(stream.write_all(&inputs[(seed + done) % inputs.len()]).await);
                    drop(timeout(Duration::from_secs(5), stream.read(&mut [0; 512])).await);
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
    println!("{done} bad inputs");
    until("the connections are closed", async || router.running().shared().connections() == 0).await;
    until("nothing is under way", async || router.in_flight() == 0).await;
    assert_eq!(mock.stats().requests, 0);
    assert_eq!(router.client().get("/readyz").await.status, 200);
}
