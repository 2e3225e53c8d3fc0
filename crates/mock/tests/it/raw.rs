//! A client that hides nothing: writes a request, reads the bytes that come, tells how they ended.

use std::time::Duration;

use llm_router_mock::{Mock, MockServer, Script};
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// Long enough for anything that must happen on a busy machine.
pub(crate) const BOUND: Duration = Duration::from_secs(20);

/// How the bytes ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// FIN.
    Closed,
    /// RST.
    Reset,
    /// Nothing came for a while.
    Silent,
}

pub(crate) async fn mock(script: &str) -> MockServer {
    Mock::spawn(Script::parse(script).unwrap()).await.unwrap()
}

pub(crate) fn post(path: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "POST {path} HTTP/1.1\r\nhost: mock\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
    )
}

pub(crate) fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nhost: mock\r\nconnection: close\r\n\r\n")
}

/// All bytes until the end, or until nothing comes for `patience`.
pub(crate) async fn read(stream: &mut TcpStream, patience: Duration) -> (Vec<u8>, End) {
    let mut bytes = Vec::new();
    let mut buffer = [0; 65536];
    loop {
        match tokio::time::timeout(patience, stream.read(&mut buffer)).await {
            Err(_) => return (bytes, End::Silent),
            Ok(Ok(0)) => return (bytes, End::Closed),
            Ok(Ok(n)) => bytes.extend_from_slice(&buffer[..n]),
            Ok(Err(_)) => return (bytes, End::Reset),
        }
    }
}

pub(crate) async fn exchange(server: &MockServer, request: &str) -> (Vec<u8>, End) {
    let mut stream = TcpStream::connect(server.addr()).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    read(&mut stream, BOUND).await
}

/// Head and raw body.
pub(crate) fn parts(bytes: &[u8]) -> (String, Vec<u8>) {
    let at = bytes.windows(4).position(|window| window == b"\r\n\r\n").expect("a head");
    (String::from_utf8(bytes[..at].to_vec()).unwrap(), bytes[at + 4..].to_vec())
}

/// The payload of a chunked body and whether its end was told.
pub(crate) fn dechunk(mut body: &[u8]) -> (Vec<u8>, bool) {
    let mut payload = Vec::new();
    while let Some(at) = body.windows(2).position(|window| window == b"\r\n") {
        let size = usize::from_str_radix(std::str::from_utf8(&body[..at]).unwrap(), 16).expect("a chunk size");
        if size == 0 {
            return (payload, true);
        }
        let from = at + 2;
        payload.extend_from_slice(&body[from..body.len().min(from + size)]);
        if body.len() < from + size + 2 {
            return (payload, false);
        }
        body = &body[from + size + 2..];
    }
    (payload, false)
}

/// Status and JSON of a whole answer.
pub(crate) async fn json(server: &MockServer, request: &str) -> (u16, Value) {
    let (bytes, end) = exchange(server, request).await;
    assert_eq!(end, End::Closed);
    let (head, body) = parts(&bytes);
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, serde_json::from_slice(&body).unwrap_or_else(|_| panic!("not JSON: {}", String::from_utf8_lossy(&body))))
}

/// The payload of a streamed answer that ends as it should.
pub(crate) async fn stream(server: &MockServer, request: &str) -> String {
    let (bytes, end) = exchange(server, request).await;
    assert_eq!(end, End::Closed);
    let (head, body) = parts(&bytes);
    assert!(head.contains("transfer-encoding: chunked"), "{head}");
    let (payload, ended) = dechunk(&body);
    assert!(ended, "the stream's end was not told");
    String::from_utf8(payload).unwrap()
}

/// The `data:` lines of an event stream as JSON; `[DONE]` is left out.
pub(crate) fn events(payload: &str) -> Vec<Value> {
    let data = payload.lines().filter_map(|line| line.strip_prefix("data:")).map(str::trim);
    data.filter(|data| *data != "[DONE]").map(|data| serde_json::from_str(data).unwrap()).collect()
}
