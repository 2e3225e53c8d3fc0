//! One connection: hyper over a spoilable socket, closed early when the script says so.

use std::{
    convert::Infallible,
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::{net::TcpStream, sync::Notify};

use crate::{
    server::Shared,
    service,
    wire::{Lever, Wire},
};

/// What the requests of one connection share.
pub(crate) struct Connection {
    pub(crate) number: u64,
    pub(crate) lever: Arc<Lever>,
    /// Requests begun.
    pub(crate) begun: AtomicU64,
    active: AtomicUsize,
    changed: Notify,
}

impl Connection {
    /// Keeps the connection from being idle until dropped.
    pub(crate) fn busy(self: &Arc<Self>) -> Busy {
        self.active.fetch_add(1, Ordering::Relaxed);
        Busy(self.clone())
    }

    /// Returns once nothing has gone on for this long.
    async fn idle(&self, bound: Option<Duration>) {
        let Some(bound) = bound else {
            return std::future::pending().await;
        };
        loop {
            let quiet = tokio::time::timeout(bound, self.changed.notified()).await.is_err();
            if quiet && self.active.load(Ordering::Relaxed) == 0 {
                return;
            }
        }
    }
}

/// A request or an answer going on.
pub(crate) struct Busy(Arc<Connection>);

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.active.fetch_sub(1, Ordering::Relaxed);
        self.0.changed.notify_one();
    }
}

/// Serves a connection to its end.
pub(crate) async fn serve(stream: TcpStream, number: u64, shared: Arc<Shared>) {
    let _ = stream.set_nodelay(true);
    let lever = Arc::new(Lever::default());
    let connection = Arc::new(Connection {
        number,
        lever: lever.clone(),
        begun: AtomicU64::new(0),
        active: AtomicUsize::new(0),
        changed: Notify::new(),
    });
    let idle = shared.script().house.idle;
    let requests = {
        let connection = connection.clone();
        service_fn(move |request: hyper::Request<Incoming>| {
            let (connection, shared) = (connection.clone(), shared.clone());
            async move { Ok::<_, Infallible>(service::answer(request, connection, shared).await) }
        })
    };
    let io = TokioIo::new(Wire::new(stream, lever));
    tokio::select! {
        _ = http1::Builder::new().serve_connection(io, requests) => {}
        () = connection.idle(idle) => {}
    }
}
