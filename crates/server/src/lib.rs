//! Sockets, connections to providers, signals and logs: what turns the endpoints into a running service.

mod access;
mod admin;
mod conduit;
mod connection;
mod cors;
mod handover;
mod listener;
pub mod load;
pub mod log;
mod metrics;
mod probe;
mod redis;
mod reload;
mod request_id;
pub mod ring;
mod running;
mod service;
mod stamp;
mod tasks;
mod trace;
mod upstream;
mod watch;
mod witness;
mod worker;

pub use access::AccessLog;
pub use admin::{Page, Visit};
pub use handover::{Inherited, Program, UpgradeError};
pub use listener::ListenError;
pub use llm_router_endpoints::{Life, Phase};
pub use load::Models;
pub use reload::{Origin, Reloaded};
pub use running::{Running, StartError};
pub use upstream::{Connections, TrustError, trust};
pub use witness::Witness;
pub use worker::{Shared, Worker};
