//! The imitated provider: ready-made answers and streams over plain sockets, cheap enough not to be what is measured.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until};

use crate::dialect::Dialect;
use crate::error::Error;
use crate::script::{Wish, frame_chunk, http_chunk, set_frame_number};
use crate::wire::{Message, Side};

/// Tells how many streams are open, as a plain number.
pub(crate) const OPEN_PATH: &str = "/bench/open";
/// Request bodies above this end the connection, in bytes.
const BODY_LIMIT: usize = 64 * 1024 * 1024;
/// Answers are not made larger than this, in bytes.
const ANSWER_LIMIT: usize = 16 * 1024 * 1024;
/// Connections that may wait to be accepted; the system may allow fewer.
const BACKLOG: u32 = 16 * 1024;
/// Sizes of answers kept ready.
const KEPT_ANSWERS: usize = 16;
/// Frames of a stream at most: their numbers have six digits.
const CHUNK_LIMIT: u32 = 999_999;
const NOT_FOUND: &[u8] = b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n";

/// A provider that listens.
#[derive(Debug)]
pub struct Provider {
    /// The first one is at the address that was asked for.
    listeners: Vec<TcpListener>,
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    open: AtomicU64,
    answers: Mutex<HashMap<(Dialect, usize), Answer>>,
}

/// A whole answer with its head.
type Answer = Arc<[u8]>;

/// Counts a stream for as long as it lives.
struct OpenStream<'a>(&'a AtomicU64);

impl Provider {
    /// Listens on `address`; port 0 takes a free one.
    ///
    /// # Errors
    /// When the address cannot be bound.
    pub async fn bind(address: SocketAddr) -> Result<Self, Error> {
        Self::bind_many(address, 1).await
    }

    /// Listens on `hosts` addresses counted up from `address`, all at the same port.
    ///
    /// # Errors
    /// When one of them cannot be bound, or there is none to count up to.
    pub async fn bind_many(address: SocketAddr, hosts: u32) -> Result<Self, Error> {
        let bind = |address| listen(address).map_err(Error::io("cannot listen"));
        let mut listeners = vec![bind(address)?];
        let port = listeners[0].local_addr().map_err(Error::io("the listener has no address"))?.port();
        for host in 1..hosts {
            let ip = match address.ip() {
                IpAddr::V4(ip) => ip.to_bits().checked_add(host).map(|bits| IpAddr::V4(Ipv4Addr::from_bits(bits))),
                IpAddr::V6(_) => None,
            };
            let none = io::Error::new(io::ErrorKind::InvalidInput, "only IPv4 addresses can be counted up");
            let ip = ip.ok_or(none).map_err(Error::io("cannot listen on further addresses"))?;
            listeners.push(bind(SocketAddr::new(ip, port))?);
        }
        Ok(Self { listeners, shared: Arc::default() })
    }

    /// Where it listens.
    ///
    /// # Errors
    /// When the socket has no address any more.
    pub fn address(&self) -> Result<SocketAddr, Error> {
        self.listeners[0].local_addr().map_err(Error::io("the listener has no address"))
    }

    /// Serves until the future is dropped.
    pub async fn serve(self) {
        let mut all = JoinSet::new();
        for listener in self.listeners {
            all.spawn(accept(listener, Arc::clone(&self.shared)));
        }
        all.join_all().await;
    }
}

/// With room for many connections that come at once: one that found none would be sent again after a second.
fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                tokio::spawn(converse(stream, Arc::clone(&shared)));
            }
            // Out of file descriptors: some will come back.
            Err(_) => sleep(Duration::from_millis(10)).await,
        }
    }
}

/// Answers requests on one connection until it ends.
async fn converse(mut stream: TcpStream, shared: Arc<Shared>) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut message = Message::new(Side::Requests);
    let mut buffer = vec![0; 16 * 1024];
    let mut body = Vec::new();
    let mut pending = 0..0;
    loop {
        message.begin();
        body.clear();
        while !message.is_done() {
            if pending.is_empty() {
                pending = 0..stream.read(&mut buffer).await?;
                if pending.is_empty() {
                    return Ok(());
                }
            }
            let taken = message.feed(&buffer[pending.clone()], &mut |piece| body.extend_from_slice(piece));
            pending.start += taken.map_err(|_| io::ErrorKind::InvalidData)?;
            if body.len() > BODY_LIMIT {
                return Ok(());
            }
        }
        let line = message.first_line();
        if let Some(path) = line.strip_prefix(b"POST ") {
            let path = path.split(|&byte| byte == b' ').next().unwrap_or_default();
            let dialect = Dialect::of_path(&String::from_utf8_lossy(path));
            match Wish::find(&body) {
                Wish::Whole { bytes } => stream.write_all(&shared.answer(dialect, bytes)).await?,
                Wish::Stream { chunks, pause } => send_frames(&mut stream, &shared, dialect, (chunks, pause)).await?,
            }
        } else if line.starts_with(format!("GET {OPEN_PATH} ").as_bytes()) {
            let count = shared.open.load(Ordering::Relaxed).to_string();
            let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{count}", count.len());
            stream.write_all(answer.as_bytes()).await?;
        } else {
            stream.write_all(NOT_FOUND).await?;
        }
        if message.closes() {
            return Ok(());
        }
    }
}

/// Sends each frame in a write of its own, at its time.
async fn send_frames(
    stream: &mut TcpStream,
    shared: &Shared,
    dialect: Dialect,
    (chunks, pause): (u32, Duration),
) -> io::Result<()> {
    let _open = OpenStream::new(&shared.open);
    let parts = dialect.frame();
    let mut chunk = frame_chunk(dialect);
    let head = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: {}\r\ncache-control: no-cache\r\ntransfer-encoding: chunked\r\n\r\n",
        parts.content_type
    );
    let start = [head.as_bytes(), &http_chunk(parts.opening), &chunk].concat();
    let mut due = Instant::now();
    stream.write_all(&start).await?;
    for number in 1..chunks.min(CHUNK_LIMIT) {
        set_frame_number(dialect, &mut chunk, number);
        if pause.is_zero() {
            // Let the other streams have their turn, then the client that shares this core: else frames pile up.
            tokio::task::yield_now().await;
            std::thread::yield_now();
        } else {
            due += pause;
            tokio::select! {
                () = sleep_until(due) => {}
                // Nothing is to be said now: what comes is the end of the connection.
                _ = stream.read_u8() => return Err(io::ErrorKind::ConnectionAborted.into()),
            }
        }
        stream.write_all(&chunk).await?;
    }
    stream.write_all(&[&http_chunk(parts.closing), b"0\r\n\r\n" as &[u8]].concat()).await
}

impl Shared {
    /// A whole answer with its head, made once for each size.
    fn answer(&self, dialect: Dialect, bytes: usize) -> Answer {
        let bytes = bytes.min(ANSWER_LIMIT);
        let mut answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(answer) = answers.get(&(dialect, bytes)) {
            return Arc::clone(answer);
        }
        let body = dialect.answer_body(bytes);
        let head =
            format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n", body.len());
        let answer: Answer = [head.as_bytes(), &body].concat().into();
        if answers.len() >= KEPT_ANSWERS {
            answers.clear();
        }
        answers.insert((dialect, bytes), Arc::clone(&answer));
        answer
    }
}

impl<'a> OpenStream<'a> {
    fn new(open: &'a AtomicU64) -> Self {
        open.fetch_add(1, Ordering::Relaxed);
        Self(open)
    }
}

impl Drop for OpenStream<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
