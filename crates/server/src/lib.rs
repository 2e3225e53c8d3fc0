//! Sockets, connections to providers, signals and logs: what turns the endpoints into a running service.

mod access;
mod conduit;
mod connection;
mod cors;
mod listener;
pub mod load;
mod phase;
mod request_id;
mod running;
mod service;
mod tasks;
mod upstream;
mod worker;

pub use access::AccessLog;
pub use listener::ListenError;
pub use load::Models;
pub use phase::{Life, Phase};
pub use running::{Running, StartError};
pub use upstream::{Connections, TrustError, trust};
pub use worker::{Shared, Worker};
