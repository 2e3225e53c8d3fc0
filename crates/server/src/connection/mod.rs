//! One client connection: HTTP/1.1 or HTTP/2, until it ends, is idle for too long, or the process drains.

mod answer;
mod http1;
mod http2;
mod incoming;
mod intake;
mod takers;

use std::{
    future::poll_fn,
    pin::pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use llm_router_core::settings::Server;
use llm_router_endpoints::{Life, Phase, Until, moment};
use rustls::ServerConfig;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    sync::OwnedSemaphorePermit,
    task::coop::unconstrained,
    time::{Instant, sleep, sleep_until, timeout},
};
use tokio_rustls::TlsAcceptor;

use self::http1::Http1;
use crate::{
    conduit::{Clock, Conduit, OneMore, Patience, Socket},
    http1::{Reading, read},
    worker::Worker,
};

/// How long a client must have asked nothing before its HTTP/1.1 connection is closed by a draining process: a request
/// that crosses the closing would be lost, and answers say `connection: close` in the meantime.
const QUIET: Duration = Duration::from_secs(1);
/// What an HTTP/2 connection begins with (RFC 9113, 3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// A connection that is driven by polling.
pub(crate) trait Drive {
    /// Ready when it is over.
    fn drive(&mut self, cx: &mut Context<'_>) -> Poll<()>;
    /// Takes no more requests; those under way are answered.
    fn end(&mut self);
}

impl<S: Socket> Drive for Http1<S> {
    fn drive(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.poll(cx).map(|ended| {
            if let Err(error) = ended {
                tracing::debug!(%error, "client connection ended");
            }
        })
    }

    fn end(&mut self) {
        self.end();
    }
}

/// What counts a connection as long as it is open.
pub(crate) type Held = (OwnedSemaphorePermit, OneMore);

/// Serves a connection to its end, over TLS where it is set up.
pub(crate) async fn greet(stream: TcpStream, worker: Arc<Worker>, held: Held) {
    // Boxed where it is not the common case: the task of every connection is as large as the largest of its cases.
    match worker.shared.tls.load_full() {
        None => serve(stream, worker).await,
        Some(config) => Box::pin(secure(stream, worker, config)).await,
    }
    drop(held);
}

async fn secure(stream: TcpStream, worker: Arc<Worker>, config: Arc<ServerConfig>) {
    let within = worker.shared.state().settings.server.header_read_timeout;
    match timeout(within, TlsAcceptor::from(config).accept(stream)).await {
        Ok(Ok(stream)) => serve(stream, worker).await,
        Ok(Err(error)) => tracing::debug!(%error, "a client's TLS handshake failed"),
        Err(_) => tracing::debug!("a client's TLS handshake took too long"),
    }
}

/// Serves a connection to its end.
async fn serve<S>(stream: S, worker: Arc<Worker>)
where
    S: Socket + Send + 'static,
{
    let clock = Clock::new();
    let mut io = Conduit::new(stream, Arc::clone(&clock));
    let Some(first) = Box::pin(opening(&mut io, &worker, &clock)).await else { return };
    if first.starts_with(PREFACE) {
        return Box::pin(serve_http2(io, first, worker, clock)).await;
    }
    let (patience, most_head) = {
        let server = &worker.shared.state().settings.server;
        (patience(server), server.max_header.get())
    };
    let life = worker.shared.life.clone();
    drive(Http1::new(io, first, worker, Arc::clone(&clock), most_head), clock, patience, life).await;
}

async fn serve_http2<S>(io: Conduit<S>, first: Bytes, worker: Arc<Worker>, clock: Arc<Clock>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let settings = Arc::clone(&worker.shared.state().settings);
    let life = worker.shared.life.clone();
    let connection = http2::serve(io, first, worker, Arc::clone(&clock), &settings.server);
    drive(connection, clock, patience(&settings.server), life).await;
}

fn patience(server: &Server) -> Patience {
    Patience { head: server.header_read_timeout, idle: server.keep_alive_timeout, write: server.write_timeout }
}

/// The first bytes; none when the client says nothing in time, or the process drains.
async fn opening<S: AsyncRead + Unpin>(io: &mut S, worker: &Worker, clock: &Clock) -> Option<Bytes> {
    let within = worker.shared.state().settings.server.header_read_timeout;
    tokio::select! {
        opened = timeout(within, first_bytes(io)) => opened.ok().flatten(),
        () = leave(&worker.shared.life, clock) => None,
    }
}

/// As many bytes as tell which protocol is spoken; none when the client says nothing.
async fn first_bytes<S: AsyncRead + Unpin>(io: &mut S) -> Option<Bytes> {
    let mut room = Reading::default();
    let mut first = Bytes::new();
    loop {
        let more = poll_fn(|cx| read(io, cx, &mut room)).await.ok().filter(|more| !more.is_empty())?;
        first = if first.is_empty() { more } else { BytesMut::from_iter(first.iter().chain(&more)).freeze() };
        if first.len() >= PREFACE.len() || !PREFACE.starts_with(&first) {
            return Some(first);
        }
    }
}

/// Drives a connection until it ends, has used up its time, or the process is over.
#[expect(clippy::manual_async_fn, reason = "an `async fn` keeps its arguments twice, in every connection's task")]
fn drive(mut connection: impl Drive, clock: Arc<Clock>, patience: Patience, life: Life) -> impl Future<Output = ()> {
    async move {
        let mut look = pin!(sleep_until(clock.next_look(patience).unwrap_or_else(Instant::now)));
        let mut draining = Until::new(life.clone(), Phase::Draining);
        // Whether the timer knows this task: it need not be told with every poll.
        let mut known = false;
        let mut go_on = |connection: &mut dyn Drive, cx: &mut Context<'_>| {
            loop {
                let (driven, alarm) = moment::poll(cx, |cx| connection.drive(cx));
                if driven.is_ready() {
                    return Poll::Ready(());
                }
                // The timer is moved when it must ring earlier. It may ring too early, which costs a poll, and seldom does.
                if alarm.is_some_and(|alarm| alarm < look.deadline()) {
                    look.as_mut().reset(alarm.unwrap_or_else(Instant::now));
                    known = false;
                }
                // Whatever else the task has done in this poll: a timer that is put off to the next one is not set.
                if known && !look.is_elapsed() || pin!(unconstrained(look.as_mut())).poll(cx).is_pending() {
                    known = true;
                    return Poll::Pending;
                }
                match clock.next_look(patience) {
                    Some(next) => look.as_mut().reset(next),
                    None => return Poll::Ready(()),
                }
                known = false;
            }
        };
        let ended = poll_fn(|cx| match go_on(&mut connection, cx) {
            Poll::Ready(()) => Poll::Ready(true),
            Poll::Pending => draining.poll(cx).map(|()| false),
        });
        if ended.await {
            return;
        }
        // Boxed, since few connections live to see it.
        let mut leaving = Box::pin(leave(&life, &clock));
        let mut over = Box::pin(life.reached(Phase::Over));
        let mut told = false;
        poll_fn(|cx| {
            if !told && leaving.as_mut().poll(cx).is_ready() {
                told = true;
                connection.end();
            }
            if over.as_mut().poll(cx).is_ready() { Poll::Ready(()) } else { go_on(&mut connection, cx) }
        })
        .await;
    }
}

/// Completes when the connection should take no more requests: the process drains, and none is on its way here.
async fn leave(life: &Life, clock: &Clock) {
    life.reached(Phase::Draining).await;
    while !clock.may_end(QUIET) {
        tokio::select! {
            () = sleep(QUIET / 4) => {}
            () = life.reached(Phase::Ending) => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::task::coop::poll_proceed;

    use super::*;

    /// A connection that has so much to do at first that the runtime wants it to let others go on.
    struct Busy(bool);

    impl Drive for Busy {
        fn drive(&mut self, cx: &mut Context<'_>) -> Poll<()> {
            while std::mem::take(&mut self.0) {
                while let Poll::Ready(step) = poll_proceed(cx) {
                    step.made_progress();
                }
            }
            Poll::Pending
        }

        fn end(&mut self) {}
    }

    #[tokio::test(start_paused = true)]
    async fn a_busy_connection_is_given_up_in_time_like_any_other() {
        let patience =
            Patience { head: Duration::from_secs(10), idle: Duration::from_secs(75), write: Duration::from_secs(60) };
        let driven = drive(Busy(true), Clock::new(), patience, Life::default());
        assert!(timeout(Duration::from_secs(3_600), driven).await.is_ok(), "its timer was never set");
    }
}
