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
use llm_router_endpoints::{Life, Phase, Until};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    time::{Instant, sleep, sleep_until, timeout},
};
use tokio_rustls::TlsAcceptor;

use self::http1::Http1;
use crate::{
    conduit::{Clock, Conduit, Patience},
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

impl<S: AsyncRead + AsyncWrite + Unpin> Drive for Http1<S> {
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

/// Serves a connection to its end, over TLS where it is set up.
pub(crate) async fn greet(stream: TcpStream, worker: Arc<Worker>) {
    let Some(config) = worker.shared.tls.load_full() else { return serve(stream, worker).await };
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
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let server = worker.shared.state().settings.server.clone();
    let clock = Clock::new();
    let mut io = Conduit::new(stream, Arc::clone(&clock));
    let opened = tokio::select! {
        opened = timeout(server.header_read_timeout, first_bytes(&mut io)) => opened,
        () = leave(&worker.shared.life, &clock) => return,
    };
    let Ok(Some(first)) = opened else { return };
    let patience =
        Patience { head: server.header_read_timeout, idle: server.keep_alive_timeout, write: server.write_timeout };
    let life = worker.shared.life.clone();
    if first.starts_with(PREFACE) {
        let connection = http2::serve(io, first, worker, Arc::clone(&clock), &server);
        // HTTP/2 is the rarer one and needs far more memory: the box keeps it out of the others' tasks.
        Box::pin(drive(connection, clock, patience, life)).await;
    } else {
        let connection = Http1::new(io, first, worker, Arc::clone(&clock), server.max_header.get());
        drive(connection, clock, patience, life).await;
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
async fn drive(mut connection: impl Drive, clock: Arc<Clock>, patience: Patience, life: Life) {
    let mut look = pin!(sleep_until(clock.next_look(patience).unwrap_or_else(Instant::now)));
    let mut draining = Until::new(life.clone(), Phase::Draining);
    let mut go_on = |connection: &mut dyn Drive, cx: &mut Context<'_>| {
        if connection.drive(cx).is_ready() {
            return Poll::Ready(());
        }
        while look.as_mut().poll(cx).is_ready() {
            match clock.next_look(patience) {
                Some(next) => look.as_mut().reset(next),
                None => return Poll::Ready(()),
            }
        }
        Poll::Pending
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
