//! A provider that puts bytes on the wire as it is told: it knows no HTTP beyond where a request ends.

use std::{
    io,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    time::timeout,
};

/// The longest time a test's provider waits for anything.
const PATIENCE: Duration = Duration::from_secs(20);
/// Most bytes of an endless answer.
const MOST: usize = 2 << 20;

/// What happens to a connection behind an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Then {
    /// It stays open for the next request.
    Keep,
    /// It is closed.
    Close,
    /// It is closed when the next request has come, without a byte for it.
    CloseOnNext,
    /// The answer goes on with these bytes, again and again, until nobody takes them.
    Forever(&'static str),
}

/// One answer: its bytes, and what happens behind them.
#[derive(Debug, Clone)]
pub(crate) struct Play(pub(crate) Vec<u8>, pub(crate) Then);

/// A provider that answers by a play: the first request with the first answer, all later ones with the last.
pub(crate) struct RawProvider {
    url: String,
    stage: Arc<Stage>,
    task: tokio::task::JoinHandle<()>,
}

struct Stage {
    plays: Vec<Play>,
    /// Requests that have come.
    asked: AtomicUsize,
    /// Connections that have come.
    connections: AtomicUsize,
    requests: Mutex<Vec<String>>,
}

impl RawProvider {
    /// Answers by these plays, on a free port.
    pub(crate) async fn start(plays: Vec<Play>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
        let url = format!("http://{}", listener.local_addr().expect("it is bound"));
        let stage = Arc::new(Stage {
            plays,
            asked: AtomicUsize::new(0),
            connections: AtomicUsize::new(0),
            requests: Mutex::default(),
        });
        let shared = Arc::clone(&stage);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                shared.connections.fetch_add(1, Relaxed);
                let stage = Arc::clone(&shared);
                // How a connection ends is the router's business.
                tokio::spawn(async move { drop(stage.serve(stream).await) });
            }
        });
        Self { url, stage, task }
    }

    /// Its base URL.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// How many connections came.
    pub(crate) fn connections(&self) -> usize {
        self.stage.connections.load(Relaxed)
    }

    /// The requests that came, heads and bodies.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.stage.requests.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for RawProvider {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Stage {
    async fn serve(&self, mut stream: TcpStream) -> io::Result<()> {
        stream.set_nodelay(true)?;
        let mut buffer = Vec::new();
        loop {
            let Some(request) = timeout(PATIENCE, read_request(&mut stream, &mut buffer)).await?? else {
                return Ok(());
            };
            self.requests.lock().unwrap_or_else(PoisonError::into_inner).push(request);
            let Play(answer, then) = &self.plays[self.asked.fetch_add(1, Relaxed).min(self.plays.len() - 1)];
            stream.write_all(answer).await?;
            match then {
                Then::Keep => {}
                Then::Close => return stream.shutdown().await,
                Then::CloseOnNext => {
                    timeout(PATIENCE, read_request(&mut stream, &mut buffer)).await??;
                    return Ok(());
                }
                Then::Forever(more) => return go_on(&mut stream, more).await,
            }
        }
    }
}

/// Writes on and on. Whoever takes it all gets no end either: only a limit of time ends that.
async fn go_on(stream: &mut TcpStream, more: &str) -> io::Result<()> {
    let block = more.repeat(16 * 1024 / more.len() + 1);
    for _ in 0..MOST / block.len() {
        timeout(PATIENCE, stream.write_all(block.as_bytes())).await??;
    }
    timeout(PATIENCE, stream.read(&mut [0])).await??;
    Ok(())
}

/// Reads one request, head and sized body; `None` when the connection ends before it.
async fn read_request(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> io::Result<Option<String>> {
    loop {
        if let Some(head) = buffer.windows(4).position(|window| window == b"\r\n\r\n") {
            let text = String::from_utf8_lossy(&buffer[..head]).to_ascii_lowercase();
            let length = text.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse().ok());
            let end = head + 4 + length.unwrap_or(0_usize);
            if buffer.len() >= end {
                let request = String::from_utf8_lossy(&buffer[..end]).into_owned();
                buffer.drain(..end);
                return Ok(Some(request));
            }
        }
        if stream.read_buf(buffer).await? == 0 {
            return Ok(None);
        }
    }
}
