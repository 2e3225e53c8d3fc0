//! One client connection: HTTP/1.1 or h2, until it ends, is idle for too long, or the process drains.

use std::{pin::pin, sync::Arc, time::Duration};

use hyper::service::service_fn;
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::conn::auto::Builder,
};
use llm_router_endpoints::{Life, Phase};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    time::{sleep, sleep_until, timeout},
};
use tokio_rustls::TlsAcceptor;

use crate::{
    conduit::{Clock, Conduit, Patience},
    service,
    worker::Worker,
};

/// How long a client must have asked nothing before its HTTP/1.1 connection is closed by a draining process: a request
/// that crosses the closing would be lost, and answers say `connection: close` in the meantime.
const QUIET: Duration = Duration::from_secs(1);
/// hyper's own least buffer: smaller header limits cannot be set.
const LEAST_BUFFER: usize = 8 * 1024;

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
pub(crate) async fn serve<S>(stream: S, worker: Arc<Worker>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let server = worker.shared.state().settings.server.clone();
    let patience =
        Patience { head: server.header_read_timeout, idle: server.keep_alive_timeout, write: server.write_timeout };
    let clock = Clock::new();
    let io = TokioIo::new(Conduit::new(stream, Arc::clone(&clock)));
    let service = service_fn(|request| service::answer(Arc::clone(&worker), Arc::clone(&clock), request));
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(None)
        .max_buf_size(server.max_header.get().max(LEAST_BUFFER));
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_header_list_size(u32::try_from(server.max_header.get()).unwrap_or(u32::MAX))
        .max_concurrent_streams(256);
    let mut connection = pin!(builder.serve_connection(io, service));
    let mut look = pin!(sleep_until(clock.next_look(patience).unwrap_or_else(tokio::time::Instant::now)));
    let mut leaving = pin!(leave(&worker.shared.life, &clock));
    let mut over = pin!(worker.shared.life.reached(Phase::Over));
    let mut told = false;
    loop {
        tokio::select! {
            biased;
            result = connection.as_mut() => {
                if let Err(error) = result {
                    tracing::debug!(error = &*error, "client connection ended");
                }
                return;
            }
            () = look.as_mut() => match clock.next_look(patience) {
                Some(next) => look.as_mut().reset(next),
                None => return,
            },
            () = leaving.as_mut(), if !told => {
                told = true;
                connection.as_mut().graceful_shutdown();
            }
            () = over.as_mut() => return,
        }
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
