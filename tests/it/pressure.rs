//! Fast providers and slow clients: a stream nobody reads is not read either, and one that is read fast starves nobody.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use llm_router_tests::{Provider, Router, models, until};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpSocket, TcpStream},
    task::JoinHandle,
    time::{sleep, timeout},
};

/// More than all sockets and buffers on the way may hold.
const HELD: usize = 48 << 20;
/// When a request must be answered, on any machine.
const SOON: Duration = Duration::from_secs(10);

/// A provider that streams as fast as it is read, for ever; how much it has sent.
struct Torrent {
    url: String,
    sent: Arc<AtomicUsize>,
    task: JoinHandle<()>,
}

impl Torrent {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
        let url = format!("http://{}", listener.local_addr().expect("it is bound"));
        let sent = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&sent);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(pour(stream, Arc::clone(&counted)));
            }
        });
        Self { url, sent, task }
    }

    fn sent(&self) -> usize {
        self.sent.load(Relaxed)
    }
}

impl Drop for Torrent {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn pour(mut stream: TcpStream, sent: Arc<AtomicUsize>) {
    drop(stream.read(&mut [0; 4096]).await);
    let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n";
    let event = r#"data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"x","choices":[{"index":0,"delta":{"content":"and so on and so on"}}]}"#;
    let block = format!("{event}\n\n").repeat(100);
    let mut wrote = stream.write_all(head.as_bytes()).await;
    while wrote.is_ok() {
        wrote = stream.write_all(block.as_bytes()).await;
        sent.fetch_add(block.len(), Relaxed);
    }
}

fn router(provider: &Torrent) -> Router {
    let settings = [("server_workers_count", "1"), ("probe_interval", "0"), ("write_timeout", "60")];
    Router::start(&models([("m", vec![Provider::new("a", "openai", &provider.url)])]), &settings)
}

/// A client that has asked for a stream, with a small buffer.
async fn ask(router: &Router, path: &str) -> TcpStream {
    let socket = TcpSocket::new_v4().expect("there are sockets");
    socket.set_recv_buffer_size(16 * 1024).expect("the system allows it");
    let mut stream = socket.connect(router.address()).await.expect("it listens");
    let body = r#"{"model":"m","stream":true,"max_tokens":9,"messages":[{"role":"user","content":"hi"}]}"#;
    let request = format!("POST {path} HTTP/1.1\r\nhost: r\r\ncontent-length: {}\r\n\r\n{body}", body.len());
    stream.write_all(request.as_bytes()).await.expect("it takes the request");
    stream
}

#[tokio::test]
async fn a_stream_that_nobody_reads_is_not_read_either() {
    for path in ["/v1/chat/completions", "/v1/messages"] {
        let provider = Torrent::start().await;
        let router = router(&provider);
        let mut client = ask(&router, path).await;
        client.read_exact(&mut [0; 15]).await.expect("the stream begins");
        // It has come to a stand when nothing more is taken for some time.
        let stands = async {
            let mut before = 0;
            while std::mem::replace(&mut before, provider.sent()) != provider.sent() || before == 0 {
                sleep(Duration::from_millis(300)).await;
            }
        };
        assert!(timeout(2 * SOON, stands).await.is_ok(), "{path}: the provider comes to a stand");
        assert!(provider.sent() <= HELD, "{path}: {} bytes were taken for a client that read 15", provider.sent());
        // And it goes on when the client does.
        let stood = provider.sent();
        let goes_on = async {
            let mut buffer = vec![0; 1 << 20];
            while provider.sent() == stood {
                assert!(client.read(&mut buffer).await.is_ok_and(|size| size > 0), "{path}: the stream is whole");
            }
        };
        assert!(timeout(2 * SOON, goes_on).await.is_ok(), "{path}: the stream goes on");
    }
}

#[tokio::test]
async fn streams_that_are_read_as_fast_as_they_come_starve_nobody() {
    let provider = Torrent::start().await;
    let router = router(&provider);
    let mut readers = Vec::new();
    for path in ["/v1/chat/completions", "/v1/messages", "/v1/chat/completions"] {
        let mut stream = ask(&router, path).await;
        readers.push(tokio::spawn(async move {
            let mut buffer = vec![0; 1 << 20];
            while stream.read(&mut buffer).await.is_ok_and(|size| size > 0) {}
        }));
    }
    until("the streams flow", async || provider.sent() > 1 << 20).await;
    let mut slowest = Duration::ZERO;
    for _ in 0..20 {
        let begun = Instant::now();
        let reply = timeout(SOON, router.client().get("/v1/models")).await;
        assert!(reply.is_ok_and(|reply| reply.status == 200), "a request beside the streams is answered");
        slowest = slowest.max(begun.elapsed());
    }
    let flowing = provider.sent();
    until("the streams still flow", async || provider.sent() > flowing).await;
    println!("{} MiB streamed; the slowest request beside them took {slowest:?}", provider.sent() >> 20);
    readers.iter().for_each(JoinHandle::abort);
    until("nothing is under way", async || router.in_flight() == 0).await;
}
