//! What is about the whole server: slots, keys, models, counts, connections.

use std::time::Duration;

use llm_router_mock::Script;
use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::raw::{BOUND, End, exchange, get, json as ask, mock, parts, post, read};

fn chat() -> String {
    post("/v1/chat/completions", r#"{"model":"m","messages":[{"role":"user","content":"hi"}]}"#)
}

/// A request whose answer does not close the connection.
fn kept() -> String {
    chat().replace("connection: close\r\n", "")
}

/// Reads one answer with a length.
async fn one(client: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    loop {
        let byte = client.read_u8().await.unwrap();
        bytes.push(byte);
        if bytes.ends_with(b"\r\n\r\n") {
            break;
        }
    }
    let head = String::from_utf8(bytes).unwrap();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap().parse().unwrap();
    let mut body = vec![0; length];
    client.read_exact(&mut body).await.unwrap();
    head
}

#[tokio::test]
async fn the_meter_shows_how_many_were_served_at_once() {
    let server = mock("head-delay=150ms").await;
    let (a, b, c) = (chat(), chat(), chat());
    tokio::join!(exchange(&server, &a), exchange(&server, &b), exchange(&server, &c));
    exchange(&server, &chat()).await;
    let stats = server.wait_for(BOUND, |stats| stats.connections == 0).await.unwrap();
    assert_eq!((stats.max_in_flight, stats.in_flight, stats.finished, stats.requests), (3, 0, 4, 4));
    assert_eq!(stats.by_path["/v1/chat/completions"], 4);
    server.clear();
    exchange(&server, &chat()).await;
    assert_eq!(server.stats().max_in_flight, 1);
}

#[tokio::test]
async fn slots_turn_away_or_queue() {
    for (script, status) in [("slots=1 head-delay=200ms", 429), ("slots=1 slots-full=503 head-delay=200ms", 503)] {
        let server = mock(script).await;
        let (a, b) = (chat(), chat());
        let (first, second) = tokio::join!(ask(&server, &a), ask(&server, &b));
        let mut statuses = [first.0, second.0];
        statuses.sort_unstable();
        assert_eq!(statuses, [200, status]);
        assert_eq!((server.stats().max_in_flight, server.stats().turned_away), (1, 1));
    }
    let server = mock("slots=1 slots-full=queue head-delay=50ms").await;
    let (a, b, c) = (chat(), chat(), chat());
    let (first, second, third) = tokio::join!(ask(&server, &a), ask(&server, &b), ask(&server, &c));
    assert_eq!((first.0, second.0, third.0), (200, 200, 200));
    assert_eq!(server.stats().max_in_flight, 1);
}

#[tokio::test]
async fn connections_are_refused_paused_reset_or_ignored_and_then_served_again() {
    let server = mock("accept=refuse").await;
    for _ in 0..200 {
        match TcpStream::connect(server.addr()).await {
            Err(_) => break,
            Ok(_) => tokio::time::sleep(Duration::from_millis(5)).await,
        }
    }
    assert!(TcpStream::connect(server.addr()).await.is_err(), "refused");

    server.set_script(Script::parse("accept=silent").unwrap());
    let mut client = loop {
        if let Ok(client) = TcpStream::connect(server.addr()).await {
            break client;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    };
    client.write_all(chat().as_bytes()).await.unwrap();
    assert_eq!(read(&mut client, Duration::from_millis(200)).await, (Vec::new(), End::Silent));
    assert_eq!(server.stats().connections, 1);

    server.set_script(Script::parse("accept=reset").unwrap());
    let mut client = TcpStream::connect(server.addr()).await.unwrap();
    let _ = client.write_all(chat().as_bytes()).await;
    assert_eq!(read(&mut client, BOUND).await, (Vec::new(), End::Reset));

    server.set_script(Script::parse("accept=pause").unwrap());
    let mut client = TcpStream::connect(server.addr()).await.unwrap();
    client.write_all(chat().as_bytes()).await.unwrap();
    assert_eq!(read(&mut client, Duration::from_millis(200)).await, (Vec::new(), End::Silent));
    server.set_script(Script::default());
    assert!(read(&mut client, BOUND).await.0.starts_with(b"HTTP/1.1 200"), "the connection waited");
}

#[tokio::test]
async fn connections_close_unannounced() {
    let server = mock("keepalive=2").await;
    let mut client = TcpStream::connect(server.addr()).await.unwrap();
    for _ in 0..2 {
        client.write_all(kept().as_bytes()).await.unwrap();
        assert!(!one(&mut client).await.contains("connection: close"));
    }
    assert_eq!(read(&mut client, BOUND).await, (Vec::new(), End::Closed));

    let server = mock("idle=50ms").await;
    let mut client = TcpStream::connect(server.addr()).await.unwrap();
    client.write_all(kept().as_bytes()).await.unwrap();
    one(&mut client).await;
    assert_eq!(read(&mut client, BOUND).await, (Vec::new(), End::Closed));
}

#[tokio::test]
async fn keys_models_paths_and_methods_are_checked() {
    let server = mock("key=secret strict models=m").await;
    assert_eq!(ask(&server, &chat()).await.0, 401);
    let with = |header: &str, request: String| request.replacen("\r\n", &format!("\r\n{header}\r\n"), 1);
    assert_eq!(ask(&server, &with("authorization: Bearer secret", chat())).await.0, 200);
    let message = post("/v1/messages", r#"{"model":"z","max_tokens":9,"messages":[{"role":"user","content":"hi"}]}"#);
    let (status, error) = ask(&server, &with("x-api-key: secret", message)).await;
    assert_eq!((status, &error["error"]["type"]), (404, &json!("not_found_error")));

    let server = mock("").await;
    assert_eq!(ask(&server, &get("/v1/nothing")).await.0, 404);
    let (bytes, _) = exchange(&server, &get("/v1/chat/completions")).await;
    let head = parts(&bytes).0;
    assert!(head.starts_with("HTTP/1.1 405") && head.contains("allow: POST"), "{head}");
    assert_eq!(ask(&server, &post("/v1/chat/completions", "{nonsense")).await.0, 400);
    let (bytes, _) = exchange(&server, &get("/v1/models").replacen("GET", "HEAD", 1)).await;
    assert!(parts(&bytes).1.is_empty());
    assert_eq!(server.stats().by_path["other"], 1);
}

#[tokio::test]
async fn another_process_can_watch_and_steer() {
    let server = mock("").await;
    ask(&server, &chat()).await;
    let (_, stats) = ask(&server, &get("/mock/stats")).await;
    assert_eq!(stats["max_in_flight"], 1);
    let (_, log) = ask(&server, &get("/mock/log")).await;
    assert_eq!((&log[0]["outcome"], &log[0]["status"]), (&json!("finished"), &json!(200)));
    assert_eq!(ask(&server, &post("/mock/script", "status=418")).await.0, 200);
    assert_eq!(ask(&server, &chat()).await.0, 418);
    server.set_script(Script::parse("no-read reset=wire:0").unwrap());
    assert_eq!(ask(&server, &post("/mock/script", "status=418")).await.0, 200, "it obeys, whatever it breaks");
    let (status, error) = ask(&server, &post("/mock/script", "statsu=418")).await;
    assert_eq!(status, 400);
    assert!(error["error"]["message"].as_str().unwrap().contains("statsu"));
}

#[tokio::test]
async fn shutdown_drops_everything() {
    let server = mock("stall=0").await;
    let mut client = TcpStream::connect(server.addr()).await.unwrap();
    client.write_all(chat().as_bytes()).await.unwrap();
    server.wait_for(BOUND, |stats| stats.in_flight == 1).await.unwrap();
    server.shutdown();
    server.wait_for(BOUND, |stats| stats.connections == 0 && stats.in_flight == 0).await.unwrap();
    assert!(TcpStream::connect(server.addr()).await.is_err());
}
