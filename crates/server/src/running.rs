//! A running router: its threads, its address, and the way to its end.

use std::{
    io,
    net::{SocketAddr, TcpListener},
    sync::Arc,
    thread::{self, JoinHandle},
    time::Duration,
};

use llm_router_endpoints::{Observer, State};
use tokio::{
    runtime::Builder,
    signal::unix::{SignalKind, signal},
    time::timeout,
};

use crate::{
    listener::{self, ListenError},
    phase::Phase,
    upstream::{self, TrustError},
    worker::{Shared, Worker},
};

/// Why the router cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The listening socket.
    #[error(transparent)]
    Listen(#[from] ListenError),
    /// TLS towards providers.
    #[error(transparent)]
    Trust(#[from] TrustError),
    /// A thread or its event loop.
    #[error("cannot start a worker: {0}")]
    Worker(#[source] io::Error),
}

/// A router that serves. Its workers end when [`Running::stop`] says so.
pub struct Running {
    address: SocketAddr,
    shared: Arc<Shared>,
    workers: Vec<JoinHandle<()>>,
}

impl Running {
    /// Opens the listening socket and starts the workers.
    ///
    /// # Errors
    /// [`StartError`]; then nothing is left running.
    pub fn start(state: State, observer: Arc<dyn Observer>) -> Result<Self, StartError> {
        let settings = Arc::clone(&state.settings);
        let trust = upstream::trust(settings.upstream.ca_file.as_ref())?;
        let listener = listener::listen(&settings.server)?;
        let address = listener.local_addr().map_err(StartError::Worker)?;
        let mut running = Self { address, shared: Shared::new(state, observer), workers: Vec::new() };
        for number in 0..settings.server.workers.get() {
            let worker = Worker::new(Arc::clone(&running.shared), &settings, Arc::clone(&trust));
            let started = listener.try_clone().and_then(|listener| spawn(number, worker, listener));
            match started {
                Ok(thread) => running.workers.push(thread),
                Err(error) => {
                    running.end();
                    return Err(StartError::Worker(error));
                }
            }
        }
        Ok(running)
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What its workers share.
    #[must_use]
    pub fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// Serves until SIGTERM or SIGINT, then drains; a second signal cuts what is left.
    ///
    /// # Errors
    /// When signals cannot be received.
    pub async fn until_signal(self) -> io::Result<()> {
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut next = async || tokio::select! { _ = terminate.recv() => {}, _ = interrupt.recv() => {} };
        next().await;
        let limit = self.shared.state().settings.server.drain_timeout;
        tracing::info!(connections = self.shared.connections(), ?limit, "draining; a second signal cuts");
        tokio::select! {
            () = self.drain(limit) => {}
            () = next() => tracing::warn!("cut by a second signal"),
        }
        self.end();
        Ok(())
    }

    /// Takes no new connections and lets requests under way end, for at most `limit`; then cuts.
    pub async fn stop(self, limit: Duration) {
        self.drain(limit).await;
        self.end();
    }

    async fn drain(&self, limit: Duration) {
        self.shared.life.advance(Phase::Draining);
        if timeout(limit, self.shared.idle()).await.is_err() {
            tracing::warn!(connections = self.shared.connections(), "cut after the time for draining");
        }
    }

    fn end(self) {
        self.shared.life.advance(Phase::Over);
        for worker in self.workers {
            if worker.join().is_err() {
                tracing::error!("a worker had panicked");
            }
        }
    }
}

fn spawn(number: usize, worker: Arc<Worker>, listener: TcpListener) -> io::Result<JoinHandle<()>> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    thread::Builder::new().name(format!("worker-{number}")).spawn(move || {
        if let Err(error) = runtime.block_on(worker.run(listener)) {
            tracing::error!(%error, "a worker cannot serve");
        }
    })
}
