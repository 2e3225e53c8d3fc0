//! A client's connection with a clock: how long it has been idle, or sending one request's head.

use std::{
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering::Relaxed},
    },
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http::Version;
use http_body::{Body as HttpBody, Frame, SizeHint};
use llm_router_endpoints::{Body, BodyError, moment};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    time::Instant,
};
use tokio_rustls::server::TlsStream;

/// What a connection is doing, and since when. Shared by its socket, its requests and its timer.
pub(crate) struct Clock {
    opened: Instant,
    in_flight: AtomicU32,
    /// Milliseconds after `opened` at which the present phase began.
    since: AtomicU64,
    /// Whether part of a request's head has come.
    in_head: AtomicU32,
    /// 1 and the milliseconds after `opened` since which the client takes nothing; 0 when it does.
    stuck: AtomicU64,
    /// Whether the requests come over h2, which can say goodbye without losing one.
    h2: AtomicBool,
}

/// How long the phases of a connection may last.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Patience {
    /// From a request's first byte to the end of its head.
    pub head: Duration,
    /// Between two requests.
    pub idle: Duration,
    /// How long the client may take nothing of what is written.
    pub write: Duration,
}

impl Clock {
    /// A new connection owes a head at once.
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            opened: Instant::now(),
            in_flight: AtomicU32::new(0),
            since: AtomicU64::new(0),
            in_head: AtomicU32::new(1),
            stuck: AtomicU64::new(0),
            h2: AtomicBool::new(false),
        })
    }

    fn mark(&self) {
        self.since.store(self.passed(), Relaxed);
    }

    fn passed(&self) -> u64 {
        u64::try_from((moment::now() - self.opened).as_millis()).unwrap_or(u64::MAX - 1)
    }

    /// Notes whether the client takes what is written.
    fn wrote<T>(&self, written: &Poll<T>) {
        let stuck = self.stuck.load(Relaxed);
        if written.is_ready() {
            if stuck != 0 {
                self.stuck.store(0, Relaxed);
            }
        } else if stuck == 0 {
            self.stuck.store(self.passed() + 1, Relaxed);
        }
    }

    /// Until when the client must take something, if it owes that.
    fn must_take(&self, patience: Patience) -> Option<Instant> {
        let stuck = self.stuck.load(Relaxed).checked_sub(1)?;
        Some(self.opened + Duration::from_millis(stuck) + patience.write)
    }

    fn bytes_came(&self) {
        if self.in_flight.load(Relaxed) == 0 && self.in_head.swap(1, Relaxed) == 0 {
            self.mark();
        }
    }

    /// The head of a request in this version is complete; the request is in flight until the guard is dropped.
    pub(crate) fn begin(self: Arc<Self>, version: Version) -> InFlight {
        self.in_head.store(0, Relaxed);
        self.in_flight.fetch_add(1, Relaxed);
        if version == Version::HTTP_2 {
            self.h2.store(true, Relaxed);
        }
        InFlight(self)
    }

    /// Whether the connection can be told to end without losing a request that is on its way: always over h2; over
    /// HTTP/1.1, which cannot refuse one, when nothing has been asked for this long.
    pub(crate) fn may_end(&self, quiet: Duration) -> bool {
        let since = self.opened + Duration::from_millis(self.since.load(Relaxed));
        self.h2.load(Relaxed) || (self.in_flight.load(Relaxed) == 0 && since.elapsed() >= quiet)
    }

    /// When to look again; `None` when the connection has used up its time.
    pub(crate) fn next_look(&self, patience: Patience) -> Option<Instant> {
        let now = Instant::now();
        if let Some(end) = self.must_take(patience) {
            return (end > now).then_some(end);
        }
        if self.in_flight.load(Relaxed) > 0 {
            return Some(now + patience.head.min(patience.idle).min(patience.write));
        }
        let limit = if self.in_head.load(Relaxed) == 1 { patience.head } else { patience.idle };
        let end = self.opened + Duration::from_millis(self.since.load(Relaxed)) + limit;
        // The phase may change in between: an early second look costs little.
        (end > now).then(|| end.min(now + patience.head.min(patience.write)))
    }
}

/// A request under way on a connection.
pub(crate) struct InFlight(Arc<Clock>);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.mark();
        self.0.in_flight.fetch_sub(1, Relaxed);
    }
}

/// A client's socket.
pub(crate) trait Socket: AsyncRead + AsyncWrite + Unpin {
    /// Lets the connection end with a reset, for an answer whose end nothing else could tell from its breaking off.
    fn reset(&self);
}

impl Socket for TcpStream {
    fn reset(&self) {
        // Where that fails the connection is gone already.
        drop(self.set_zero_linger());
    }
}

impl Socket for TlsStream<TcpStream> {
    fn reset(&self) {
        self.get_ref().0.reset();
    }
}

/// A socket that tells its clock when bytes come.
pub(crate) struct Conduit<S> {
    stream: S,
    clock: Arc<Clock>,
}

impl<S> Conduit<S> {
    pub(crate) fn new(stream: S, clock: Arc<Clock>) -> Self {
        Self { stream, clock }
    }
}

impl<S: Socket> Conduit<S> {
    /// Lets the connection end with a reset.
    pub(crate) fn reset(&self) {
        self.stream.reset();
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Conduit<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(cx, buf);
        if buf.filled().len() > before {
            self.clock.bytes_came();
        }
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Conduit<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, buf);
        self.clock.wrote(&written);
        written
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, bufs);
        self.clock.wrote(&written);
        written
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

/// An answer's body that keeps its request in flight until it is gone.
pub(crate) struct Tracked {
    body: Body,
    _in_flight: InFlight,
    _one: OneMore,
}

impl Tracked {
    pub(crate) fn new(body: Body, in_flight: InFlight, one: OneMore) -> Self {
        Self { body, _in_flight: in_flight, _one: one }
    }
}

/// One request more under way in the whole process, until it is dropped.
pub(crate) struct OneMore(Arc<AtomicUsize>);

impl OneMore {
    /// Counts a request; also says how many there are with it.
    pub(crate) fn begin(requests: &Arc<AtomicUsize>) -> (Self, usize) {
        let before = requests.fetch_add(1, Relaxed);
        (Self(Arc::clone(requests)), before + 1)
    }
}

impl Drop for OneMore {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}

impl HttpBody for Tracked {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Patience =
        Patience { head: Duration::from_secs(10), idle: Duration::from_secs(75), write: Duration::from_secs(60) };

    #[tokio::test(start_paused = true)]
    async fn a_connection_that_sends_nothing_owes_a_head() {
        let clock = Clock::new();
        tokio::time::advance(Duration::from_secs(9)).await;
        assert!(clock.next_look(PATIENCE).is_some());
        tokio::time::advance(Duration::from_secs(2)).await;
        assert!(clock.next_look(PATIENCE).is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_takes_nothing_is_given_up_and_one_that_does_is_not() {
        let clock = Clock::new();
        let _request = Arc::clone(&clock).begin(Version::HTTP_11);
        clock.wrote::<()>(&Poll::Pending);
        tokio::time::advance(Duration::from_secs(59)).await;
        assert!(clock.next_look(PATIENCE).is_some());
        clock.wrote(&Poll::Ready(()));
        clock.wrote::<()>(&Poll::Pending);
        tokio::time::advance(Duration::from_secs(59)).await;
        assert!(clock.next_look(PATIENCE).is_some());
        tokio::time::advance(Duration::from_secs(2)).await;
        assert!(clock.next_look(PATIENCE).is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn between_requests_it_may_rest_longer_but_a_head_begun_must_come() {
        let clock = Clock::new();
        drop(Arc::clone(&clock).begin(Version::HTTP_11));
        tokio::time::advance(Duration::from_secs(60)).await;
        assert!(clock.next_look(PATIENCE).is_some());
        clock.bytes_came();
        tokio::time::advance(Duration::from_secs(11)).await;
        assert!(clock.next_look(PATIENCE).is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_in_flight_has_all_the_time_it_needs() {
        let clock = Clock::new();
        let request = Arc::clone(&clock).begin(Version::HTTP_11);
        tokio::time::advance(Duration::from_secs(9_000)).await;
        assert!(clock.next_look(PATIENCE).is_some());
        drop(request);
        tokio::time::advance(Duration::from_secs(76)).await;
        assert!(clock.next_look(PATIENCE).is_none());
    }
}
