//! Where Redis is, and how leases in it behave.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::event::StoreEvent;

/// Told about changes.
pub type Observer = Arc<dyn Fn(&StoreEvent) + Send + Sync>;

/// How to reach Redis (or Valkey) 7 and newer, and how leases in it behave.
///
/// `RedisConfig::new(address)` has the defaults; every field may be changed. All processes that share a pool must
/// agree on `prefix`, `pool`, `ttl`, `margin` and `lag`.
#[derive(Clone)]
#[non_exhaustive]
pub struct RedisConfig {
    /// Where the server is, or the servers are.
    pub address: Address,
    /// Name of the access list user, if not the default one.
    pub username: Option<String>,
    /// Never shown by `Debug`.
    pub password: Option<String>,
    /// Number of the database. A cluster has only 0.
    pub database: u8,
    /// TLS, if any.
    pub tls: Option<Tls>,
    /// Start of every key and channel. `llmr:` unless changed.
    pub prefix: String,
    /// Who shares resources shares a pool; a pool lives in one slot of a cluster. `main` unless changed.
    pub pool: String,
    /// A process that is not heard of for this long loses its leases. 10 s.
    pub ttl: Duration,
    /// A holder counts its lease as lost this long before the server may. Bears clocks that differ by
    /// `margin / (2 ttl)` in rate. 1 s.
    pub margin: Duration,
    /// How long a replaced primary may go on answering: `min-replicas-max-lag` of the servers. After a restart or a
    /// promotion nothing is granted for `ttl + lag`. 5 s.
    pub lag: Duration,
    /// How often a waiter asks whether a message was lost. 1 s.
    pub poll: Duration,
    /// How long a command may take. 500 ms.
    pub command_timeout: Duration,
    /// Waiters of the whole pool; more are refused. 10 000.
    pub max_waiting: u32,
    /// What becomes of new requests while Redis cannot be reached.
    pub on_store_down: OnStoreDown,
    /// Takes a pool that the server does not know as new, and starts without quarantine. Leave it off where the
    /// server may lose its memory while others hold leases.
    pub trust_empty: bool,
    /// Told once about every change, e.g. to log it. Must not block.
    pub observer: Option<Observer>,
}

impl RedisConfig {
    /// The defaults for servers at this address.
    #[must_use]
    pub fn new(address: Address) -> Self {
        Self {
            address,
            username: None,
            password: None,
            database: 0,
            tls: None,
            prefix: "llmr:".to_owned(),
            pool: "main".to_owned(),
            ttl: Duration::from_secs(10),
            margin: Duration::from_secs(1),
            lag: Duration::from_secs(5),
            poll: Duration::from_secs(1),
            command_timeout: Duration::from_millis(500),
            max_waiting: 10_000,
            on_store_down: OnStoreDown::Closed,
            trust_empty: false,
            observer: None,
        }
    }

    /// How long a new server process grants nothing.
    pub(super) fn quarantine(&self) -> Duration {
        self.ttl + self.lag
    }

    /// How long a lease is good for after the command that renewed it was sent.
    pub(super) fn validity(&self) -> Duration {
        self.ttl.saturating_sub(self.margin)
    }

    pub(super) fn check(&self) -> Result<(), RedisError> {
        let wrong = |what| Err(RedisError::Config(what));
        if self.ttl < Duration::from_millis(100) || self.ttl > Duration::from_secs(3600) {
            return wrong("ttl must be between 100 ms and 1 h");
        }
        if self.margin >= self.ttl / 2 {
            return wrong("margin must be less than half of ttl");
        }
        if self.poll.is_zero() || self.command_timeout.is_zero() {
            return wrong("poll and command_timeout must be more than zero");
        }
        let bad = |text: &str| text.is_empty() || text.chars().any(|c| c.is_whitespace() || "{}".contains(c));
        if bad(&self.prefix) || bad(&self.pool) {
            return wrong("prefix and pool must be given, without braces and spaces");
        }
        if self.database != 0 && matches!(self.address, Address::Cluster(_)) {
            return wrong("a cluster has only database 0");
        }
        Ok(())
    }
}

impl fmt::Debug for RedisConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisConfig")
            .field("address", &self.address)
            .field("username", &self.username)
            .field("password", &self.password.as_ref().map(|_| "***"))
            .field("database", &self.database)
            .field("tls", &self.tls)
            .field("prefix", &self.prefix)
            .field("pool", &self.pool)
            .field("ttl", &self.ttl)
            .field("on_store_down", &self.on_store_down)
            .finish_non_exhaustive()
    }
}

/// Where Redis is. Hosts are names or addresses, with a port each.
#[derive(Clone, PartialEq, Eq)]
pub enum Address {
    /// One server.
    Server(String, u16),
    /// One server on this machine, by the path of its Unix socket.
    Socket(PathBuf),
    /// The primary that these sentinels name.
    Sentinel {
        /// The sentinels.
        hosts: Vec<(String, u16)>,
        /// Name under which they watch the primary, often `mymaster`.
        service: String,
        /// Of the sentinels, if they ask for one.
        username: Option<String>,
        /// Of the sentinels, if they ask for one. Never shown by `Debug`.
        password: Option<String>,
    },
    /// A cluster, by some of its nodes.
    Cluster(Vec<(String, u16)>),
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Server(host, port) => write!(f, "{host}:{port}"),
            Self::Socket(path) => write!(f, "unix:{}", path.display()),
            Self::Sentinel { hosts, service, .. } => write!(f, "sentinel {service} at {hosts:?}"),
            Self::Cluster(hosts) => write!(f, "cluster {hosts:?}"),
        }
    }
}

/// Whom to trust.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tls {
    /// A file of certificates (PEM) to trust; the system's if none is given.
    pub authorities: Option<PathBuf>,
}

/// What becomes of new requests while Redis cannot be reached. Leases in flight live on until their time is over.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum OnStoreDown {
    /// Refused at once: nothing is held twice.
    #[default]
    Closed,
    /// Once every lease is over, each process grants by itself the resources that fall to it by hash among the
    /// processes seen last. Held twice at most, and only where processes saw different ones.
    Partition,
    /// Each process grants by itself at once: held by every process at most.
    Open,
}

/// Why there is no store.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RedisError {
    /// A value that cannot be.
    #[error("redis: {0}")]
    Config(&'static str),
    /// The certificates to trust cannot be read.
    #[error("redis: cannot read the certificates to trust")]
    Certificates,
    /// The server would throw leases away when its memory is full.
    #[error("redis: maxmemory-policy is {policy}, which throws leases away; it must be noeviction")]
    Evicts {
        /// What the server is set to.
        policy: String,
    },
    /// The server has no functions.
    #[error("redis: the server is too old; 7.0 or newer is needed")]
    TooOld,
    /// The client library gave up.
    #[error("redis: the connection was given up: {0}")]
    Connection(String),
}
