//! The mock's socket: bind, accept, stop; and the handle tests watch and steer it with.

use std::{
    collections::HashMap,
    io,
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;
use tokio::{
    net::{TcpListener, TcpStream, ToSocketAddrs},
    sync::watch,
    task::JoinSet,
};

use crate::{
    connection,
    frames::Frames,
    meter::{Meter, Seen, Stats},
    route::Surface,
    script::{Accept, Script},
};

/// Wait after an accept that failed, for want of descriptors for instance.
const ACCEPT_PAUSE: Duration = Duration::from_millis(10);

/// A mock provider that holds its address and is not serving yet.
#[derive(Debug)]
pub struct Mock {
    listener: TcpListener,
    shared: Arc<Shared>,
}

/// A handle on a mock: its address, what it has seen, its script. Clones steer the same server.
#[derive(Clone, Debug)]
pub struct MockServer {
    shared: Arc<Shared>,
}

/// What connections and handles share.
#[derive(Debug)]
pub(crate) struct Shared {
    addr: SocketAddr,
    script: watch::Sender<Arc<Script>>,
    stop: watch::Sender<bool>,
    pub(crate) meter: Meter,
    /// Requests counted by `fail-first` and `fail-after`, by counter name.
    pub(crate) counters: Mutex<HashMap<String, u64>>,
    /// Answers rendered once, under `prerender`.
    pub(crate) rendered: Mutex<HashMap<(Surface, Bytes), Frames>>,
}

impl Shared {
    pub(crate) fn script(&self) -> Arc<Script> {
        self.script.borrow().clone()
    }

    pub(crate) fn set_script(&self, script: Script) {
        self.counters.lock().expect("no panic under this lock").clear();
        self.rendered.lock().expect("no panic under this lock").clear();
        self.script.send_replace(Arc::new(script));
    }
}

impl Mock {
    /// Takes an address (port 0: any free one).
    ///
    /// # Errors
    /// The address is taken or not ours.
    pub async fn bind(addr: impl ToSocketAddrs, script: Script) -> io::Result<Self> {
        let listener = TcpListener::bind(addr).await?;
        let shared = Arc::new(Shared {
            addr: listener.local_addr()?,
            script: watch::Sender::new(Arc::new(script)),
            stop: watch::Sender::new(false),
            meter: Meter::new(),
            counters: Mutex::default(),
            rendered: Mutex::default(),
        });
        Ok(Self { listener, shared })
    }

    /// Binds a free port of 127.0.0.1 and serves it in a task of the current runtime until
    /// [`MockServer::shutdown`] or the runtime's end.
    ///
    /// # Errors
    /// No port is free.
    pub async fn spawn(script: Script) -> io::Result<MockServer> {
        let mock = Self::bind(("127.0.0.1", 0), script).await?;
        let server = mock.server();
        tokio::spawn(mock.serve());
        Ok(server)
    }

    /// The handle of this mock.
    pub fn server(&self) -> MockServer {
        MockServer { shared: self.shared.clone() }
    }

    /// Serves until [`MockServer::shutdown`]. Each connection is a task of the current runtime; they are dropped when
    /// this future ends or is dropped.
    pub async fn serve(self) {
        let Self { listener, shared } = self;
        let mut stop = shared.stop.subscribe();
        tokio::select! {
            () = accept(listener, shared) => {}
            _ = stop.wait_for(|stop| *stop) => {}
        }
    }
}

impl MockServer {
    /// The address it listens on.
    pub fn addr(&self) -> SocketAddr {
        self.shared.addr
    }

    /// `http://ADDRESS`, no slash at the end.
    pub fn url(&self) -> String {
        format!("http://{}", self.shared.addr)
    }

    /// The counts so far.
    pub fn stats(&self) -> Stats {
        self.shared.meter.stats()
    }

    /// The last requests, oldest first: 1000 unless the script's `log` says otherwise.
    pub fn requests(&self) -> Vec<Seen> {
        self.shared.meter.log()
    }

    /// Forgets the requests and sets the counts to zero, but for what is open now.
    pub fn clear(&self) {
        self.shared.meter.clear();
    }

    /// Puts a new script in place for requests and connections from now on; its counters start anew.
    pub fn set_script(&self, script: Script) {
        self.shared.set_script(script);
    }

    /// Waits until the counts satisfy a condition, at most `bound`.
    ///
    /// # Errors
    /// The counts as they stand when time is up.
    pub async fn wait_for(&self, bound: Duration, condition: impl Fn(&Stats) -> bool) -> Result<Stats, Stats> {
        let wait = async {
            loop {
                let changed = self.shared.meter.changed.notified();
                let stats = self.stats();
                if condition(&stats) {
                    return stats;
                }
                changed.await;
            }
        };
        tokio::time::timeout(bound, wait).await.map_err(|_| self.stats())
    }

    /// Stops accepting and drops every connection.
    pub fn shutdown(&self) {
        self.shared.stop.send_replace(true);
    }
}

/// Accepts connections the way the script says, for ever.
async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    let mut script = shared.script.subscribe();
    let mut listener = Some(listener);
    let mut tasks = JoinSet::new();
    loop {
        let manner = script.borrow_and_update().house.accept;
        match manner {
            Accept::Refuse => listener = None,
            _ if listener.is_none() => listener = TcpListener::bind(shared.addr).await.ok(),
            _ => {}
        }
        let next = async {
            match &listener {
                Some(listener) if manner != Accept::Pause => listener.accept().await,
                // Bound again and refused: try anew in a moment.
                None if manner != Accept::Refuse => Err(io::ErrorKind::AddrInUse.into()),
                _ => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = script.changed() => {}
            Some(_) = tasks.join_next(), if !tasks.is_empty() => {}
            accepted = next => match accepted {
                Ok((stream, _)) => {
                    tasks.spawn(greet(stream, manner, shared.clone()));
                }
                Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
            },
        }
    }
}

/// Gives one connection what the script's manner is.
async fn greet(stream: TcpStream, manner: Accept, shared: Arc<Shared>) {
    let number = shared.meter.connected();
    let _open = Open(&shared);
    match manner {
        Accept::Reset => {
            let _ = stream.set_zero_linger();
        }
        Accept::Silent => {
            let (mut reader, _writer) = stream.into_split();
            let _ = tokio::io::copy(&mut reader, &mut tokio::io::sink()).await;
        }
        _ => connection::serve(stream, number, shared.clone()).await,
    }
}

/// Counts a connection as open until it is dropped.
struct Open<'a>(&'a Arc<Shared>);

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.0.meter.disconnected();
    }
}
