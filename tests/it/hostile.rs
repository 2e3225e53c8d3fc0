//! Bad and hostile input: every shape is answered with its own status or closed, nothing reaches a provider that should
//! not, and ten thousand of them leave nothing behind.

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
    ];
    let router = Router::start(&models([("m", vec![Provider::new("a", "openai", &mock.url())])]), &settings);
    (mock, router)
}

/// Sends bytes as they are; everything that comes back until the connection ends.
async fn talk(address: SocketAddr, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).await.expect("it listens");
    // A refused request may be answered before it is sent.
    drop(stream.write_all(bytes).await);
    let mut answer = Vec::new();
    drop(timeout(Duration::from_secs(10), stream.read_to_end(&mut answer)).await);
    String::from_utf8_lossy(&answer).into_owned()
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

/// Every input that is no good request.
fn inputs() -> Vec<Input> {
    [bodies(), sizes(), framings()].into_iter().flatten().collect()
}

/// Bodies that are not what the route takes.
fn bodies() -> Vec<Input> {
    let messages = r#""messages":[{"role":"user","content":"hi"}]"#;
    let deep = format!(r#"{{"model":"nope","x":{}{}}}"#, "[".repeat(90_000), "]".repeat(90_000));
    vec![
        ("no JSON", chat("{"), Status(400, "invalid_json")),
        ("nothing", chat(""), Status(400, "error")),
        ("a list", chat("[]"), Status(400, "error")),
        ("no model", chat(&format!("{{{messages}}}")), Status(400, "model")),
        ("a number for a model", chat(r#"{"model":5}"#), Status(400, "model")),
        ("a text for stream", chat(r#"{"model":"m","stream":"yes"}"#), Status(400, "stream")),
        ("an unknown model", chat(r#"{"model":"zzz"}"#), Status(404, "model_not_found")),
        ("a line break in a model", chat(r#"{"model":"m\r\nx-evil: 1"}"#), Status(404, "model_not_found")),
        ("NUL in a model", chat(r#"{"model":"m\u0000"}"#), Status(404, "model_not_found")),
        ("half a character", chat(r#"{"model":"\ud800"}"#), Refused),
        ("bytes that are no text", [chat(r#"{"model":""#), vec![0xff, 0xfe]].concat(), Refused),
        ("an absurd number", chat(r#"{"model":"zzz","n":1e999999}"#), Status(404, "")),
        ("90,000 brackets", chat(&deep), Refused),
        ("two models", chat(r#"{"model":"zzz","model":"yyy"}"#), Refused),
    ]
}

/// Too much, or not enough, or not HTTP.
fn sizes() -> Vec<Input> {
    let post = POST;
    vec![
        (
            "too large, announced",
            raw(&format!("{post}content-length: 300000\r\n"), ""),
            Status(413, "request_too_large"),
        ),
        ("too large, sent", chat(&format!(r#"{{"x":"{}"}}"#, "a".repeat(210_000))), Status(413, "request_too_large")),
        (
            "too large, in chunks",
            raw(
                &format!("{post}transfer-encoding: chunked\r\n"),
                &format!("40000\r\n{}\r\n0\r\n\r\n", "a".repeat(0x40000)),
            ),
            Status(413, "request_too_large"),
        ),
        (
            "a body that does not come",
            raw(&format!("{post}content-length: 10\r\n"), "{"),
            Status(408, "request_timeout"),
        ),
        ("headers too large", raw(&format!("{post}x: {}\r\n", "a".repeat(40_000)), ""), Status(431, "")),
        ("too many headers", raw(&format!("{post}{}", "x: 1\r\n".repeat(300)), ""), Status(431, "")),
        ("a head that does not end", b"GET /v1/models HTTP/1.1\r\nhost: r\r\nx".to_vec(), Refused),
        ("no HTTP", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".to_vec(), Refused),
        (
            "another method",
            b"DELETE /v1/models HTTP/1.1\r\nhost: r\r\nconnection: close\r\n\r\n".to_vec(),
            Status(405, "method_not_allowed"),
        ),
        (
            "no such path",
            b"GET /v1/../../etc/passwd HTTP/1.1\r\nhost: r\r\nconnection: close\r\n\r\n".to_vec(),
            Status(404, "unknown_url"),
        ),
    ]
}

/// Shapes in which two readers may see different requests (RFC 9112, section 11.2).
fn framings() -> Vec<Input> {
    let post = POST;
    let smuggled = "GET /v1/models HTTP/1.1\r\nhost: r\r\n\r\n";
    vec![
        ("two lengths", raw(&format!("{post}content-length: 5\r\ncontent-length: 6\r\n"), smuggled), Refused),
        (
            "a length and chunks",
            raw(&format!("{post}content-length: 4\r\ntransfer-encoding: chunked\r\n"), &format!("0\r\n\r\n{smuggled}")),
            Refused,
        ),
        (
            "chunks not last",
            raw(&format!("{post}transfer-encoding: chunked, identity\r\n"), &format!("0\r\n\r\n{smuggled}")),
            Refused,
        ),
        ("a strange coding", raw(&format!("{post}transfer-encoding: xchunked\r\n"), smuggled), Refused),
        ("a negative length", raw(&format!("{post}content-length: -1\r\n"), smuggled), Refused),
        ("a signed length", raw(&format!("{post}content-length: +5\r\n"), smuggled), Refused),
        ("a folded header", raw(&format!("{post}x: 1\r\n 2\r\ncontent-length: 0\r\n"), ""), Refused),
        ("a space before the colon", raw(&format!("{post}content-length : 5\r\n"), smuggled), Refused),
        (
            "a chunk size that overflows",
            raw(&format!("{post}transfer-encoding: chunked\r\n"), "fffffffffffffffff\r\nx"),
            Refused,
        ),
        ("NUL in a header", raw(&format!("{post}x: a\0b\r\n"), ""), Refused),
    ]
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
    for (name, bytes, want) in inputs() {
        let answer = talk(router.address(), &bytes).await;
        wrong.extend(verdict(name, &answer, &want).err());
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
    // Those that are answered at once.
    let slow = ["a body that does not come", "a head that does not end", "no HTTP", "chunks not last"];
    let inputs = inputs().into_iter().filter(|(name, bytes, _)| !slow.contains(name) && bytes.len() < 10_000);
    let inputs = Arc::new(inputs.map(|(_, bytes, _)| bytes).collect::<Vec<_>>());
    let (address, until_then) = (router.address(), Instant::now() + LONGEST);
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
