//! A large body exists twice at most while its provider works on it: as it came, and as the provider gets it.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
};

use llm_router_tests::{Provider, models, until};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};

use crate::process::Process;

/// Bytes of a body.
const BODY: usize = 8 << 20;
/// Requests at a time.
const CROWD: usize = 6;
/// What the one translation under way may take beside what lasts, in bodies: it reads all before it writes, and the
/// allocator gives back later.
const AT_WORK: usize = 4;

/// A provider that reads what it is sent to the end and never answers; how many bodies it has got.
async fn provider() -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
    let url = format!("http://{}", listener.local_addr().expect("it is bound"));
    let count = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&count);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(swallow(stream, Arc::clone(&counted)));
        }
    });
    (url, count)
}

async fn swallow(mut stream: TcpStream, count: Arc<AtomicUsize>) {
    let (mut seen, mut buffer) = (Vec::new(), vec![0; 1 << 16]);
    let head = loop {
        let size = stream.read(&mut buffer).await.expect("the request comes");
        assert!(size > 0, "the head is whole");
        seen.extend_from_slice(&buffer[..size]);
        if let Some(end) = seen.windows(4).position(|four| four == b"\r\n\r\n") {
            break String::from_utf8(seen.drain(..end + 4).collect()).expect("a head is text").to_lowercase();
        }
    };
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    let length: usize = length.and_then(|length| length.parse().ok()).unwrap_or_else(|| panic!("no length: {head}"));
    assert!(length > BODY / 2, "the body is sent: {length} bytes");
    let mut left = length - seen.len();
    while left > 0 {
        let size = stream.read(&mut buffer).await.expect("the body comes");
        assert!(size > 0, "the body is whole");
        left -= size;
    }
    count.fetch_add(1, Relaxed);
    // Until the client is gone.
    drop(stream.read(&mut buffer).await);
}

/// Sends a request, and waits for what does not come.
async fn ask(address: SocketAddr, path: &str, body: &str, chunked: bool) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.expect("it listens");
    let framing =
        if chunked { "transfer-encoding: chunked".to_owned() } else { format!("content-length: {}", body.len()) };
    let head = format!("POST {path} HTTP/1.1\r\nhost: r\r\n{framing}\r\n\r\n");
    stream.write_all(head.as_bytes()).await.expect("it takes the head");
    for piece in body.as_bytes().chunks(60_000) {
        if chunked {
            stream.write_all(format!("{:x}\r\n", piece.len()).as_bytes()).await.expect("it takes a size");
        }
        stream.write_all(piece).await.expect("it takes a piece");
        if chunked {
            stream.write_all(b"\r\n").await.expect("it takes an end");
        }
    }
    if chunked {
        stream.write_all(b"0\r\n\r\n").await.expect("it takes the end");
    }
    stream
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_exists_twice_at_most() {
    let (url, got) = provider().await;
    let providers = |kind| vec![Provider::new(kind, kind, &url).with("model_path", "another-name")];
    let models = models(["openai", "ollama"].map(|kind| (kind, providers(kind))));
    let settings = [("max_request_body_size", "100000000"), ("probe_interval", "0"), ("server_workers_count", "1")];
    // Text with marks that JSON has to escape, so that a translation has something to write.
    let text = r#"He said \"yes\" and went on.\n"#.repeat(BODY / 31);
    for (path, model, chunked) in [
        ("/v1/chat/completions", "openai", true),
        ("/v1/chat/completions", "ollama", false),
        ("/v1/messages", "openai", true),
    ] {
        let messages = format!(r#"[{{"role":"user","content":"{text}"}}]"#);
        let body = format!(r#"{{"model":"{model}","stream":false,"max_tokens":9,"messages":{messages}}}"#);
        // What an earlier round left with the allocator would hide what this one takes.
        let process = Process::start(&models, &settings);
        let (before, got_before) = (process.resident(), got.load(Relaxed));
        let mut crowd = Vec::new();
        for _ in 0..CROWD {
            crowd.push(ask(process.address, path, &body, chunked).await);
        }
        until("every body has arrived", async || got.load(Relaxed) == got_before + CROWD).await;
        let most = (process.most() - before) as f64 * 1024.0 / body.len() as f64;
        println!("{path} to {model}, chunked: {chunked}: {most:.1} bodies at most for {CROWD} requests");
        assert!(most < (2 * CROWD + AT_WORK) as f64, "{path} to {model}, chunked: {chunked}: {most} bodies");
    }
}
