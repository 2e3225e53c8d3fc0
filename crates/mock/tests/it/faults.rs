//! Faults in the answer: each does to the bytes what its name says, and no more.

use std::time::Duration;

use llm_router_mock::Outcome;
use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::raw::{BOUND, End, dechunk, events, exchange, json as ask, mock, parts, post, read, stream};

/// Long enough to believe that nothing more comes.
const PATIENCE: Duration = Duration::from_millis(300);

fn chat(stream: bool) -> String {
    let body = json!({"model": "m", "messages": [{"role": "user", "content": "one two three"}], "stream": stream});
    post("/v1/chat/completions", &body.to_string())
}

async fn end_of(script: &str) -> Outcome {
    let server = mock(script).await;
    exchange(&server, &chat(true)).await;
    server.wait_for(BOUND, |stats| stats.connections == 0).await.unwrap();
    server.requests()[0].outcome
}

#[tokio::test]
async fn a_cut_comes_after_exactly_so_many_bytes_or_events() {
    let server = mock("cut=body:20").await;
    let (bytes, end) = exchange(&server, &chat(true)).await;
    let (payload, ended) = dechunk(&parts(&bytes).1);
    assert_eq!((payload.len(), ended, end), (20, false, End::Closed));

    let (bytes, end) = exchange(&server, &chat(false)).await;
    let (head, body) = parts(&bytes);
    assert!(head.contains("content-length: "), "a document keeps its length");
    assert_eq!((body.len(), end), (20, End::Closed));

    let server = mock("cut=event:3").await;
    let (bytes, _) = exchange(&server, &chat(true)).await;
    let (payload, ended) = dechunk(&parts(&bytes).1);
    assert_eq!((events(&String::from_utf8(payload).unwrap()).len(), ended), (3, false));

    let server = mock("cut=end").await;
    let (bytes, _) = exchange(&server, &chat(true)).await;
    let (payload, ended) = dechunk(&parts(&bytes).1);
    assert!(payload.ends_with(b"[DONE]\n\n") && !ended, "all is there but the end of the transfer");

    for wire in [0, 1, 30] {
        let server = mock(&format!("cut=wire:{wire}")).await;
        let (bytes, end) = exchange(&server, &chat(true)).await;
        assert_eq!((bytes.len(), end), (wire, End::Closed));
    }
    assert_eq!(end_of("cut=event:1").await, Outcome::Faulted);
    assert_eq!(end_of("").await, Outcome::Finished);
}

#[tokio::test]
async fn a_reset_is_a_reset() {
    for script in ["reset=event:2", "reset=body:7", "reset=wire:9", "reset=wire:0"] {
        let server = mock(script).await;
        assert_eq!(exchange(&server, &chat(true)).await.1, End::Reset, "{script}");
    }
}

#[tokio::test]
async fn a_stall_is_silent_until_the_client_leaves() {
    for (script, streamed) in [("stall=event:2", true), ("stall=body:5", false), ("stall=wire:0", true)] {
        let server = mock(script).await;
        let mut client = TcpStream::connect(server.addr()).await.unwrap();
        client.write_all(chat(streamed).as_bytes()).await.unwrap();
        let (bytes, end) = read(&mut client, PATIENCE).await;
        assert_eq!(end, End::Silent, "{script}");
        match script {
            "stall=event:2" => assert_eq!(events(&String::from_utf8_lossy(&dechunk(&parts(&bytes).1).0)).len(), 2),
            "stall=body:5" => assert_eq!(parts(&bytes).1.len(), 5),
            _ => assert!(bytes.is_empty()),
        }
        assert_eq!(server.stats().in_flight, 1);
        drop(client);
        let stats = server.wait_for(BOUND, |stats| stats.connections == 0).await.unwrap();
        assert_eq!((stats.in_flight, stats.aborted), (0, 1), "{script}");
    }
}

#[tokio::test]
async fn a_half_close_leaves_the_other_direction_open() {
    let server = mock("half-close=event:1").await;
    let mut client = TcpStream::connect(server.addr()).await.unwrap();
    client.write_all(chat(true).as_bytes()).await.unwrap();
    let (bytes, end) = read(&mut client, BOUND).await;
    assert_eq!((dechunk(&parts(&bytes).1).1, end), (false, End::Closed));
    tokio::time::sleep(PATIENCE).await;
    assert_eq!(server.stats().connections, 1);
    drop(client);
    server.wait_for(BOUND, |stats| stats.connections == 0).await.unwrap();
}

#[tokio::test]
async fn garbage_breaks_the_framing_or_only_the_event() {
    let server = mock("garbage=event:2").await;
    let (bytes, _) = exchange(&server, &chat(true)).await;
    let body = parts(&bytes).1;
    assert!(body.windows(11).any(|window| window == b"{{garbage}}"));
    assert!(body.ends_with(b"0\r\n\r\n"), "the rest follows");

    let server = mock("bad-event=2").await;
    let payload = stream(&server, &chat(true)).await;
    let third = payload.lines().filter(|line| line.starts_with("data:")).nth(2).unwrap();
    assert!(serde_json::from_str::<serde_json::Value>(&third[5..]).is_err());
    assert!(payload.ends_with("data: [DONE]\n\n"));

    let server = mock("error-event=2 error=overloaded").await;
    let all = events(&stream(&server, &chat(true)).await);
    assert_eq!(all.len(), 3);
    assert_eq!(all[2]["error"]["code"], "overloaded");
}

#[tokio::test]
async fn a_drip_is_one_byte_a_frame() {
    let server = mock("drip=0").await;
    let (bytes, _) = exchange(&server, &chat(true)).await;
    let (payload, ended) = dechunk(&parts(&bytes).1);
    assert!(ended);
    assert_eq!(parts(&bytes).1.len(), payload.len() * "1\r\nx\r\n".len() + "0\r\n\r\n".len());
}

#[tokio::test]
async fn a_wrong_length_is_wrong_by_so_much() {
    let length = |head: &str| -> usize {
        let line = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
        line.parse().unwrap()
    };
    let (bytes, _) = exchange(&mock("").await, &chat(false)).await;
    let right = length(&parts(&bytes).0);
    for off in [5_i64, -5] {
        let server = mock(&format!("length={off:+}")).await;
        let (bytes, end) = exchange(&server, &chat(false)).await;
        let (head, body) = parts(&bytes);
        assert_eq!(length(&head), right.saturating_add_signed(isize::try_from(off).unwrap()));
        assert_eq!((body.len(), end), (right, End::Closed), "all bytes of the document come all the same");
    }
}

#[tokio::test]
async fn an_endless_answer_ends_with_the_client() {
    for streamed in [true, false] {
        let server = mock("endless").await;
        let mut client = TcpStream::connect(server.addr()).await.unwrap();
        client.write_all(chat(streamed).as_bytes()).await.unwrap();
        let mut buffer = vec![0; 200_000];
        client.read_exact(&mut buffer).await.unwrap();
        drop(client);
        let stats = server.wait_for(BOUND, |stats| stats.connections == 0).await.unwrap();
        assert_eq!((stats.aborted, stats.in_flight), (1, 0));
    }
}

#[tokio::test]
async fn an_error_has_the_status_body_and_header_asked_for() {
    let server = mock("status=429 retry-after=7").await;
    let (bytes, _) = exchange(&server, &chat(true)).await;
    let (head, body) = parts(&bytes);
    assert!(head.starts_with("HTTP/1.1 429 ") && head.contains("retry-after: 7"), "{head}");
    assert!(String::from_utf8(body).unwrap().contains("rate_limit"));

    let server = mock("status=502 body=\"<h1>Bad gateway</h1>\"").await;
    let (bytes, _) = exchange(&server, &chat(true)).await;
    let (head, body) = parts(&bytes);
    assert!(head.contains("content-type: text/html"));
    assert_eq!(body, b"<h1>Bad gateway</h1>");

    let server = mock("status=302 header=\"location: http://elsewhere/\" header=x-more:1").await;
    let (head, _) = parts(&exchange(&server, &chat(false)).await.0);
    assert!(head.starts_with("HTTP/1.1 302 ") && head.contains("location: http://elsewhere/"), "{head}");
    assert!(head.contains("x-more: 1"));

    let server = mock("error=context").await;
    let (status, error) = ask(&server, &chat(false)).await;
    assert_eq!((status, &error["error"]["code"]), (400, &json!("context_length_exceeded")));
    let (status, error) = ask(&server, &post("/api/chat", r#"{"model":"m","messages":[]}"#)).await;
    assert_eq!((status, error["error"].is_string()), (400, true), "Ollama's errors are texts");
}

#[tokio::test]
async fn faults_hit_the_first_or_the_later_or_none() {
    let server = mock("status=500 fail-first=2").await;
    let mut statuses = Vec::new();
    for _ in 0..4 {
        statuses.push(ask(&server, &chat(false)).await.0);
    }
    assert_eq!(statuses, [500, 500, 200, 200]);
    let server = mock("status=500 fail-after=1").await;
    assert_eq!((ask(&server, &chat(false)).await.0, ask(&server, &chat(false)).await.0), (200, 500));
    let server = mock("status=500 chance=0").await;
    assert_eq!(ask(&server, &chat(false)).await.0, 200);
    let server = mock("status=500").await;
    let spared = chat(false).replace("one two three", "[[mock none]] hi");
    let spared =
        spared.replace(&format!("content-length: {}", chat_len()), &format!("content-length: {}", chat_len() + 3));
    assert_eq!(ask(&server, &spared).await.0, 200);
}

fn chat_len() -> usize {
    parts(chat(false).as_bytes()).1.len()
}
