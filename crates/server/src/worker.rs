//! A worker: one thread with its own event loop, its own connections to providers, and the shared rest.

use std::{
    io,
    net::TcpListener,
    sync::{
        Arc, Mutex, OnceLock,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use arc_swap::{ArcSwap, ArcSwapOption};
use llm_router_core::settings::Settings;
use llm_router_endpoints::{Life, Observer, Phase, State};
use rustls::ServerConfig;
use tokio::{
    sync::{Semaphore, watch},
    time::sleep,
};

use crate::{
    conduit::OneMore,
    connection,
    handover::Handover,
    metrics::{self, Around},
    reload::Reloader,
    tasks,
    upstream::{Connections, Trust},
    witness::Witness,
};

/// How long accepting pauses when the system has no descriptors left.
const EXHAUSTED: Duration = Duration::from_millis(100);
/// How often connections to providers that have been idle for too long are closed.
const SWEEP: Duration = Duration::from_secs(5);

/// What all workers share.
pub struct Shared {
    state: ArcSwap<State>,
    /// The life of the process.
    pub life: Life,
    /// Told of every request: it counts, remembers, and tells the observer given at the start.
    pub witness: Arc<Witness>,
    /// Reads everything again; absent where nobody said from what.
    pub(crate) reloader: OnceLock<Reloader>,
    /// What a new process would take over; gone when one has, or this one drains.
    pub(crate) handover: Mutex<Option<Handover>>,
    /// Whether a new process has taken over.
    pub(crate) handed_over: watch::Sender<bool>,
    /// TLS towards clients, if there is any.
    pub(crate) tls: ArcSwapOption<ServerConfig>,
    /// Requests under way, from their heads to the ends of their answers.
    pub(crate) requests: Arc<AtomicUsize>,
    /// Client connections that are open. The permits tell less: every worker holds one for the connection to come.
    pub(crate) open: Arc<AtomicUsize>,
    /// One permit a client connection.
    pub(crate) permits: Arc<Semaphore>,
    most: u32,
}

impl Shared {
    /// Shares a first snapshot.
    #[must_use]
    pub fn new(state: State, observer: Arc<dyn Observer>) -> Arc<Self> {
        let most = state.settings.server.max_connections.get();
        let witness = Witness::new(&state, observer);
        Arc::new(Self {
            most: u32::try_from(most).unwrap_or(u32::MAX),
            permits: Arc::new(Semaphore::new(most)),
            state: ArcSwap::from_pointee(state),
            life: Life::default(),
            witness,
            reloader: OnceLock::new(),
            handover: Mutex::default(),
            handed_over: watch::Sender::new(false),
            tls: ArcSwapOption::empty(),
            requests: Arc::default(),
            open: Arc::default(),
        })
    }

    /// The present snapshot.
    pub fn state(&self) -> arc_swap::Guard<Arc<State>> {
        self.state.load()
    }

    /// Puts a new snapshot in place, balancers included; requests under way keep theirs.
    pub fn swap(&self, state: State) {
        self.witness.follow(&state);
        state.take_over();
        self.state.store(Arc::new(state));
    }

    /// Completes when no client connection is left.
    pub(crate) async fn idle(&self) {
        // The semaphore is never closed.
        let _ = self.permits.acquire_many(self.most).await;
    }

    /// The page that Prometheus reads.
    pub(crate) fn exposition(&self) -> String {
        metrics::render(&self.witness.metrics, &self.state(), self.around())
    }

    /// What is seen beside the counters.
    fn around(&self) -> Around {
        let state = self.state();
        Around {
            under_way: self.under_way(),
            connections: self.connections(),
            most_connections: self.most as usize,
            buffered: state.memory.held(),
            most_buffered: state.memory.most(),
            lost_lines: crate::log::lost(),
            redis: crate::redis::answers(),
        }
    }

    /// Requests under way, from their heads to the ends of their answers.
    pub(crate) fn under_way(&self) -> usize {
        self.requests.load(Relaxed)
    }

    /// Client connections that are open.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.open.load(Relaxed)
    }
}

/// One worker.
pub struct Worker {
    /// What it shares with the others.
    pub shared: Arc<Shared>,
    /// Its connections to providers.
    pub upstream: Arc<Connections>,
}

impl Worker {
    /// A worker without connections.
    #[must_use]
    pub fn new(shared: Arc<Shared>, settings: &Settings, trust: Arc<Trust>) -> Arc<Self> {
        Arc::new(Self { shared, upstream: Arc::new(Connections::new(settings, trust)) })
    }

    /// Accepts and serves until the process is over.
    ///
    /// # Errors
    /// When the listener cannot be used by this thread's event loop.
    pub async fn run(self: Arc<Self>, listener: TcpListener) -> io::Result<()> {
        let listener = tokio::net::TcpListener::from_std(listener)?;
        let life = self.shared.life.clone();
        tokio::select! {
            () = self.accept(listener) => {}
            () = self.sweep() => {}
            () = life.reached(Phase::Draining) => {}
        }
        life.reached(Phase::Over).await;
        Ok(())
    }

    async fn accept(self: &Arc<Self>, listener: tokio::net::TcpListener) {
        loop {
            let Ok(permit) = Arc::clone(&self.shared.permits).acquire_owned().await else { return };
            match listener.accept().await {
                Ok((stream, _)) => {
                    if let Err(error) = stream.set_nodelay(true) {
                        tracing::debug!(%error, "client connection without TCP_NODELAY");
                    }
                    let (open, _) = OneMore::begin(&self.shared.open);
                    tasks::spawn(connection::greet(stream, Arc::clone(self), (permit, open)));
                }
                Err(error) if fleeting(&error) => {}
                Err(error) => {
                    tracing::warn!(%error, "cannot accept connections, trying again");
                    sleep(EXHAUSTED).await;
                }
            }
        }
    }

    async fn sweep(&self) {
        loop {
            sleep(SWEEP).await;
            self.upstream.sweep();
        }
    }
}

/// Failures of the one connection that was about to be accepted.
fn fleeting(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted)
}
