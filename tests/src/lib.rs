//! What the tests share: a router in this process with real sockets, a plain HTTP client, and models files.

mod client;
mod models;
mod redis;
mod router;
mod wire;

pub use client::{Client, Reply};
pub use models::{Provider, models};
pub use redis::Redis;
pub use router::Router;
pub use wire::{WireAnswer, answers};

use std::{future::Future, process::Command, time::Duration};

/// A program from a Debian package that a test cannot do without; `tests/run` installs it.
///
/// # Panics
/// When it is missing.
#[must_use]
pub fn tool(name: &str, package: &str) -> Command {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let there = std::env::split_paths(&path).any(|folder| folder.join(name).is_file());
    assert!(there, "{name} is missing: install the Debian package {package}, as tests/run does");
    Command::new(name)
}

/// How long a test waits for something that must happen.
pub const SOON: Duration = Duration::from_secs(10);

/// Waits until a condition holds.
///
/// # Panics
/// When it does not hold within [`SOON`].
pub async fn until<F: Future<Output = bool>>(what: &str, mut condition: impl FnMut() -> F) {
    let end = tokio::time::Instant::now() + SOON;
    while !condition().await {
        assert!(tokio::time::Instant::now() < end, "not within {SOON:?}: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
