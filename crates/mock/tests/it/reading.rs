//! Delays, and requests read late, slowly or not at all.

use std::time::{Duration, Instant};

use serde_json::json;
use tokio::{io::AsyncWriteExt, net::TcpStream};

use crate::raw::{BOUND, End, dechunk, events, exchange, json as ask, mock, parts, post, read, stream};

fn chat(stream: bool) -> String {
    let body = json!({"model": "m", "messages": [{"role": "user", "content": "one two"}], "stream": stream});
    post("/v1/chat/completions", &body.to_string())
}

async fn takes(script: &str, streamed: bool) -> Duration {
    let server = mock(script).await;
    let began = Instant::now();
    assert_eq!(exchange(&server, &chat(streamed)).await.1, End::Closed);
    began.elapsed()
}

#[tokio::test]
async fn every_wait_is_waited() {
    assert!(takes("head-delay=80ms", false).await >= Duration::from_millis(80));
    assert!(takes("first-delay=80ms", true).await >= Duration::from_millis(80));
    // "You said: one two": four tokens, three waits between them at least.
    assert!(takes("token-delay=30ms", true).await >= Duration::from_millis(90));
    assert!(takes("read-delay=80ms", false).await >= Duration::from_millis(80));
    assert!(takes("read-rate=1000", false).await >= Duration::from_millis(50), "the body has over 50 bytes");
    assert!(takes("drip=1ms", false).await >= Duration::from_millis(300), "the answer has over 300 bytes");
}

#[tokio::test]
async fn the_head_and_the_role_come_before_the_first_token() {
    let server = mock("first-delay=60s").await;
    let mut client = TcpStream::connect(server.addr()).await.unwrap();
    client.write_all(chat(true).as_bytes()).await.unwrap();
    let (bytes, end) = read(&mut client, Duration::from_millis(300)).await;
    assert_eq!(end, End::Silent);
    let opening = events(&String::from_utf8(dechunk(&parts(&bytes).1).0).unwrap());
    assert_eq!(opening.len(), 1);
    assert_eq!(opening[0]["choices"][0]["delta"]["role"], "assistant");
}

#[tokio::test]
async fn a_client_that_leaves_before_the_head_is_seen_to_leave() {
    let server = mock("head-delay=60s").await;
    let mut client = TcpStream::connect(server.addr()).await.unwrap();
    client.write_all(chat(true).as_bytes()).await.unwrap();
    server.wait_for(BOUND, |stats| stats.in_flight == 1).await.unwrap();
    drop(client);
    let stats = server.wait_for(BOUND, |stats| stats.in_flight == 0).await.unwrap();
    assert_eq!(stats.aborted, 1);
    assert!(server.requests()[0].lasted.unwrap() < BOUND);
}

#[tokio::test]
async fn an_answer_can_come_before_the_request_is_whole() {
    let server = mock("no-read status=503").await;
    let mut client = TcpStream::connect(server.addr()).await.unwrap();
    let head = "POST /v1/chat/completions HTTP/1.1\r\nhost: m\r\ncontent-length: 1000000\r\n\r\n{";
    client.write_all(head.as_bytes()).await.unwrap();
    let (bytes, _) = read(&mut client, BOUND).await;
    assert!(bytes.starts_with(b"HTTP/1.1 503 "));
}

#[tokio::test]
async fn writes_can_be_joined_and_answers_kept() {
    let server = mock("burst=0").await;
    let (bytes, _) = exchange(&server, &chat(true)).await;
    let chunks = String::from_utf8(parts(&bytes).1).unwrap().matches("\r\ndata: ").count();
    assert_eq!(chunks, 1, "one chunk holds all events");

    let server = mock("prerender tokens=5").await;
    let first = exchange(&server, &chat(true)).await.0;
    let second = exchange(&server, &chat(true)).await.0;
    let other = stream(&server, &chat(true).replace("one two", "two one")).await;
    assert_eq!(parts(&first).1, parts(&second).1, "even the ids are the same");
    assert!(other.contains("two") && other.ends_with("[DONE]\n\n"));
    assert_eq!(ask(&server, &chat(false)).await.1["usage"]["completion_tokens"], 5);
}

#[tokio::test]
async fn framing_habits_change_nothing_but_the_framing() {
    let plain = events(&stream(&mock("").await, &chat(true)).await).len();
    let server = mock("crlf tight comments").await;
    let payload = stream(&server, &chat(true)).await;
    assert!(payload.contains("data:{") && payload.contains("\r\n\r\n") && payload.contains(": ping"));
    assert_eq!(events(&payload).len(), plain);
    let (bytes, _) = exchange(&mock("close").await, &chat(false)).await;
    assert!(parts(&bytes).0.contains("connection: close"));
    let silent = stream(&mock("usage=always").await, &chat(true)).await;
    assert!(silent.contains("total_tokens"));
}
