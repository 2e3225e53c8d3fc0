//! A client's connection over HTTP/2, by hyper.

use std::{
    convert::Infallible,
    future::{Future, poll_fn},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::{Buf as _, Bytes};
use http::{Request, Response};
use http_body::Body as _;
use hyper::{body::Incoming, server::conn::http2, service::HttpService};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use llm_router_core::settings::Server;
use llm_router_endpoints::{Body, Phase, Until};
use std::io;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Sleep, sleep_until},
};

use super::{
    Drive,
    takers::{Taken, Takers},
};
use crate::{conduit::Clock, service, worker::Worker};

/// How many requests a client may have under way over one connection.
const MOST_STREAMS: u32 = 256;

/// Serves a connection that has begun with these bytes.
pub(super) fn serve<S>(
    io: S,
    first: Bytes,
    worker: Arc<Worker>,
    clock: Arc<Clock>,
    server: &Server,
) -> impl Drive + use<S>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let takers = Takers::new(server.write_timeout);
    let watching = Arc::clone(&takers);
    let service = hyper::service::service_fn(move |request: Request<Incoming>| {
        let request = request.map(|body| if body.is_end_stream() { Body::Empty } else { Body::frames(body) });
        let takers = Arc::clone(&watching);
        let mut ending = Until::new(worker.shared.life.clone(), Phase::Ending);
        let mut answer = service::answer(&worker, &clock, request);
        poll_fn(move |cx| {
            // hyper gives each request a task of its own, which must be woken when the process ends.
            let _ = ending.poll(cx);
            answer
                .as_mut()
                .poll(cx)
                .map(|answer| Ok::<Response<Taken>, Infallible>(answer.map(|body| takers.watch(body))))
        })
    });
    let connection = http2::Builder::new(TokioExecutor::new())
        .timer(TokioTimer::new())
        .max_header_list_size(u32::try_from(server.max_header.get()).unwrap_or(u32::MAX))
        .max_concurrent_streams(MOST_STREAMS)
        .serve_connection(TokioIo::new(Begun { first, io }), service);
    Http2 { connection, look: Box::pin(sleep_until(takers.next_look())), takers }
}

/// A connection, and a look at its streams now and then.
struct Http2<C> {
    connection: C,
    takers: Arc<Takers>,
    look: Pin<Box<Sleep>>,
}

impl<S, V> Drive for Http2<http2::Connection<TokioIo<Begun<S>>, V, TokioExecutor>>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    V: HttpService<Incoming, ResBody = Taken, Error = Infallible> + Unpin,
    V::Future: Send + 'static,
    http2::Connection<TokioIo<Begun<S>>, V, TokioExecutor>: Future<Output = hyper::Result<()>> + Unpin,
{
    fn drive(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        while self.look.as_mut().poll(cx).is_ready() {
            self.takers.give_up();
            self.look.as_mut().reset(self.takers.next_look());
        }
        Pin::new(&mut self.connection).poll(cx).map(|ended| {
            if let Err(error) = ended {
                tracing::debug!(%error, "client connection ended");
            }
        })
    }

    fn end(&mut self) {
        Pin::new(&mut self.connection).graceful_shutdown();
    }
}

/// A connection of which the first bytes have been read.
pub(super) struct Begun<S> {
    first: Bytes,
    io: S,
}

impl<S: AsyncRead + Unpin> AsyncRead for Begun<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.first.is_empty() {
            return Pin::new(&mut self.io).poll_read(cx, buf);
        }
        let size = self.first.len().min(buf.remaining());
        buf.put_slice(&self.first[..size]);
        self.first.advance(size);
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Begun<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}
