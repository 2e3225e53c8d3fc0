//! A running router: its threads, its address, and the way to its end.

use std::{
    fmt, io,
    net::{SocketAddr, TcpListener},
    sync::{Arc, Mutex, PoisonError},
    thread::{self, JoinHandle},
    time::Duration,
};

use llm_router_core::{catalogue::Scheme, settings::Settings};
use llm_router_endpoints::{BoxFuture, Observer, Phase, State};
use tokio::{
    runtime::Builder,
    signal::unix::{SignalKind, signal},
    time::timeout,
};

use crate::{
    admin,
    handover::{self, Handover, Inherited, Program},
    history,
    listener::{self, ListenError},
    otlp, probe,
    reload::{Origin, Reloader},
    tasks,
    tls::{self, TlsError},
    upstream::{self, Connections, Trust, TrustError},
    watch,
    worker::{Shared, Worker},
};

/// How long connections may take to send their last words when the time for draining is up.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// Why the router cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The listening socket.
    #[error(transparent)]
    Listen(#[from] ListenError),
    /// TLS towards providers.
    #[error(transparent)]
    Trust(#[from] TrustError),
    /// TLS towards clients.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// A thread or its event loop.
    #[error("cannot start a worker: {0}")]
    Worker(#[source] io::Error),
}

/// A router that serves, on threads of its own. They end when [`Running::stop`] or [`Running::until_signal`] does;
/// dropped without, it goes on until the process ends.
pub struct Running {
    address: SocketAddr,
    admin: Option<SocketAddr>,
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
    /// Copies for a new process, until it is known how to start one.
    sockets: Mutex<Option<(TcpListener, Option<TcpListener>)>>,
}

impl fmt::Debug for Running {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Running").field("address", &self.address).field("admin", &self.admin).finish_non_exhaustive()
    }
}

impl Running {
    /// Opens the listening socket and starts the workers. It serves when this returns; the settings say where, and port
    /// 0 lets the system choose ([`Running::address`]). `observer` is told of every request; `Arc::new(())` is none.
    ///
    /// # Errors
    /// [`StartError`]; then nothing is left running.
    pub fn start(state: State, observer: Arc<dyn Observer>) -> Result<Self, StartError> {
        Self::start_on(Inherited::default(), state, observer)
    }

    /// Starts on sockets that are open already, as far as there are any.
    ///
    /// # Errors
    /// [`StartError`]; then nothing is left running.
    pub fn start_on(inherited: Inherited, state: State, observer: Arc<dyn Observer>) -> Result<Self, StartError> {
        let settings = Arc::clone(&state.settings);
        let tls = settings.tls.as_ref().map(tls::config).transpose()?;
        let trust = upstream::trust(settings.upstream.ca_file.as_ref())?;
        if has_tls_providers(&state) || !settings.images.hosts.is_empty() {
            trust.prepare()?;
        }
        let listener = match inherited.clients {
            Some(listener) => listener,
            None => listener::listen(&settings.server.host, settings.server.port)?,
        };
        let address = listener.local_addr().map_err(StartError::Worker)?;
        let admin = inherited.operators.or_else(|| operators(&settings));
        let place = admin.as_ref().and_then(|admin| admin.local_addr().ok());
        let mut running = Self {
            address,
            admin: place,
            shared: Shared::new(state, observer),
            threads: Vec::new(),
            sockets: Mutex::default(),
        };
        running.shared.tls.store(tls);
        let copies = admin.as_ref().map(TcpListener::try_clone).transpose();
        let started = running.workers(&listener, &trust).and_then(|()| running.keeper(admin, trust));
        match started.and(copies) {
            Ok(operators) => {
                running.sockets = Mutex::new(Some((listener, operators)));
                Ok(running)
            }
            Err(error) => {
                running.end();
                Err(StartError::Worker(error))
            }
        }
    }

    fn workers(&mut self, listener: &TcpListener, trust: &Arc<Trust>) -> io::Result<()> {
        let settings = Arc::clone(&self.shared.state().settings);
        for number in 0..settings.server.workers.get() {
            let worker = Worker::new(Arc::clone(&self.shared), &settings, Arc::clone(trust));
            let listener = listener.try_clone()?;
            self.threads.push(spawn(format!("worker-{number}"), worker.run(listener))?);
        }
        Ok(())
    }

    /// One thread beside the workers, so that operators are answered and files watched however busy those are.
    fn keeper(&mut self, admin: Option<TcpListener>, trust: Arc<Trust>) -> io::Result<()> {
        let shared = Arc::clone(&self.shared);
        let life = shared.life.clone();
        let mut handed_over = shared.handed_over.subscribe();
        let upstream = Arc::new(Connections::new(&shared.state().settings, Arc::clone(&trust)));
        let collectors = trust;
        let leases = shared.state().leases.clone();
        let mut sharing = leases.as_ref().and_then(|leases| leases.take_work());
        let work = async move {
            let pages = async {
                match admin {
                    Some(listener) => admin::serve(listener, Arc::clone(&shared)).await,
                    None => std::future::pending().await,
                }
            };
            let duties = async {
                tokio::select! {
                    ended = pages => ended,
                    () = watch::files(Arc::clone(&shared)) => Ok(()),
                    // The sender lives as long as the router.
                    _ = handed_over.wait_for(|handed_over| *handed_over) => Ok(()),
                    () = life.reached(Phase::Over) => Ok(()),
                }?;
                life.reached(Phase::Over).await;
                Ok(())
            };
            let ended = tokio::select! {
                ended = duties => ended,
                // These go on while requests under way end.
                () = probe::providers(Arc::clone(&shared), upstream) => Ok(()),
                () = share(&mut sharing) => Ok(()),
                () = history::beat(&shared) => Ok(()),
                () = otlp::export(&shared, &collectors) => Ok(()),
            };
            if let (Some(leases), Some(farewell)) = (leases, sharing) {
                // The other routers need not wait for the end of a session to know that this one is gone.
                leases.store().close();
                farewell.await;
            }
            otlp::last(&shared, &collectors).await;
            ended
        };
        self.threads.push(spawn("keeper".to_owned(), work)?);
        Ok(())
    }

    /// Says from what the router was made: from now on SIGHUP, a changed file and `POST /admin/reload` read it again.
    pub fn reloads_from(&self, origin: Origin) {
        if self.shared.reloader.set(Reloader::new(origin)).is_err() {
            tracing::debug!("the origin was set before");
        }
    }

    /// Says how to start the program anew: from now on SIGUSR2 and `POST /admin/upgrade` hand the sockets to it.
    pub fn upgrades_to(&self, program: Program) {
        let taken = self.sockets.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some((clients, operators)) = taken else { return };
        let mut handover = self.shared.handover.lock().unwrap_or_else(PoisonError::into_inner);
        *handover = Some(Handover { program, clients, operators });
    }

    /// Where the pages for operators are, if there are any.
    #[must_use]
    pub fn admin_address(&self) -> Option<SocketAddr> {
        self.admin
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

    /// Serves until SIGTERM or SIGINT, or until a new process has taken over, then drains; another signal cuts what is
    /// left. SIGHUP reloads, SIGUSR2 starts the program anew.
    ///
    /// # Errors
    /// When signals cannot be received.
    pub async fn until_signal(self) -> io::Result<()> {
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut reload = signal(SignalKind::hangup())?;
        let mut upgrade = signal(SignalKind::user_defined2())?;
        handover::announce();
        let mut next = async || tokio::select! { _ = terminate.recv() => {}, _ = interrupt.recv() => {} };
        loop {
            tokio::select! {
                () = next() => break,
                // How it went stands in the log.
                _ = reload.recv() => drop(self.shared.reload("signal")),
                _ = upgrade.recv() => {
                    let shared = Arc::clone(&self.shared);
                    tasks::spawn(async move { drop(shared.upgrade().await) });
                }
                () = self.shared.life.reached(Phase::Draining) => break,
            }
        }
        handover::announce_end();
        let limit = self.shared.state().settings.server.drain_timeout;
        tracing::info!(connections = self.shared.connections(), ?limit, "draining; a second signal cuts");
        tokio::select! {
            _ = self.drain(limit) => {}
            () = next() => tracing::warn!("cut by a second signal"),
        }
        self.end();
        Ok(())
    }

    /// Takes no new connections and lets requests under way end, for at most `limit`; then cuts. Says whether all had
    /// ended by then, so that none was cut.
    pub async fn stop(self, limit: Duration) -> bool {
        let drained = self.drain(limit).await;
        self.end();
        drained
    }

    /// Takes no new connections and lets requests under way end, for at most `limit`; then ends them. Says whether all
    /// had ended by then.
    pub async fn drain(&self, limit: Duration) -> bool {
        self.shared.life.advance(Phase::Draining);
        // Copies of the socket would go on listening.
        drop(self.sockets.lock().unwrap_or_else(PoisonError::into_inner).take());
        drop(self.shared.handover.lock().unwrap_or_else(PoisonError::into_inner).take());
        if timeout(limit, self.shared.idle()).await.is_ok() {
            return true;
        }
        tracing::warn!(connections = self.shared.connections(), "the time for draining is up: streams are ended");
        self.shared.life.advance(Phase::Ending);
        if timeout(LAST_WORDS, self.shared.idle()).await.is_err() {
            tracing::warn!(connections = self.shared.connections(), "cut");
        }
        false
    }

    fn end(self) {
        self.shared.life.advance(Phase::Over);
        for thread in self.threads {
            if thread.join().is_err() {
                tracing::error!("a thread had panicked");
            }
        }
    }
}

/// The work of the shared leases, if there are any. When it ends the rest goes on.
async fn share(work: &mut Option<BoxFuture<'static, ()>>) {
    if let Some(going) = work {
        going.await;
        *work = None;
    }
    std::future::pending::<()>().await;
}

fn has_tls_providers(state: &State) -> bool {
    let mut providers = state.pools().flat_map(|pool| pool.targets()).map(|member| member.target.provider());
    providers.any(|provider| provider.base.scheme() == Scheme::Https)
}

/// The operators' socket. That it cannot be had is no reason not to serve clients.
fn operators(settings: &Settings) -> Option<TcpListener> {
    match listener::listen(&settings.admin.host, settings.admin.port?) {
        Ok(listener) => Some(listener),
        Err(error) => {
            tracing::warn!(%error, "no pages for operators (settings admin_host, admin_port)");
            None
        }
    }
}

/// A thread with an event loop of its own.
fn spawn(name: String, work: impl Future<Output = io::Result<()>> + Send + 'static) -> io::Result<JoinHandle<()>> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    thread::Builder::new().name(name.clone()).spawn(move || {
        if let Err(error) = runtime.block_on(work) {
            tracing::error!(%error, name, "a thread cannot serve");
        }
    })
}
