//! Leases in a real redis-server: the function library alone, the store above it, and chaos.
//!
//! Needs `redis-server` 7 or newer in the path. Every server lives in a temporary folder and on a unix socket or a
//! port of its own.

#![expect(
    unreachable_pub,
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "a test crate: nobody sees it, a panic is its answer, and it works with processes in real time"
)]

mod both;
mod chaos;
mod cost;
mod fallback;
mod functions;
mod hearsay;
mod hints;
mod model;
mod pool;
mod residency;
mod resp;
mod router;
mod server;
mod store;
mod topology;
