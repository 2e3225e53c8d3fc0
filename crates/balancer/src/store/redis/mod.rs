//! Leases that several processes share, in Redis or Valkey 7 and newer.
//!
//! The server hands a resource on by itself, to the first in line; a session per process ends what a dead one held;
//! fences grow for ever; a server that lost its memory grants nothing until every lease it may have forgotten is
//! over. One Redis is enough: the resources themselves check no fence, so an overlap costs speed and no data, and
//! Redlock would buy nothing. A partition of the servers is bounded by `min-replicas-to-write 1` and
//! `min-replicas-max-lag`, which [`RedisConfig::lag`] must not be less than.
//!
//! A balancer over it waits in the line that all processes share, holds what no other process holds, and learns from
//! the others which endpoint is down:
//!
//! ```no_run
//! use std::sync::Arc;
//! use llm_router_balancer::store::{LeaseStore, redis::{Address, RedisConfig, RedisStore}};
//! use llm_router_balancer::{AnyStrategy, Balancer, Demand, Endpoint};
//!
//! # async fn print(_: &str) {}
//! #[tokio::main(flavor = "current_thread")]
//! async fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let (store, driver) = RedisStore::new(RedisConfig::new(Address::Server("127.0.0.1".to_owned(), 6379)))?;
//!     let driver = tokio::spawn(driver); // it does all the work; nothing else is spawned
//!     let printers = Balancer::builder()
//!         .name("printers") // the same in every process
//!         .strategy(AnyStrategy::from_name("first_available")?) // one at a time, over all processes
//!         .endpoint(Endpoint::new("ground floor", "10.0.0.1"))
//!         .endpoint(Endpoint::new("first floor", "10.0.0.2"))
//!         .store(Arc::new(store.clone()))
//!         .build()?;
//!     let lease = printers.acquire(&Demand::default()).await?; // `pick` never waits, so it asks no store
//!     tokio::select! {
//!         () = print(lease.target()) => lease.succeed(),
//!         () = lease.lost() => eprintln!("stopped for too long: somebody else may print there now"),
//!     }
//!     store.close(); // the others need not wait for the end of our session
//!     driver.await??;
//!     Ok(())
//! }
//! ```
//!
//! A server that nobody used before grants nothing for the first 15 s ([`RedisConfig::ttl`] and [`RedisConfig::lag`]):
//! it might have lost its memory, and what it granted must end first.
//!
//! Nothing is spawned here but the two tasks of the client library, by the driver, for as long as it runs. Without a
//! balancer:
//!
//! ```no_run
//! use std::sync::Arc;
//! use llm_router_balancer::store::{LeaseStore, redis::{Address, RedisConfig, RedisStore}};
//!
//! # async fn start() -> Result<(), Box<dyn std::error::Error>> {
//! let (store, driver) = RedisStore::new(RedisConfig::new(Address::Server("127.0.0.1".to_owned(), 6379)))?;
//! let driver = tokio::spawn(driver);
//! // ... Balancer::builder().store(Arc::new(store.clone())), or store.acquire(want).await, store.release(id, fence) ...
//! store.close(); // the driver says farewell and ends
//! driver.await??;
//! # Ok(())
//! # }
//! ```

mod config;
mod connect;
mod driver;
mod event;
mod fallback;
mod hints;
mod ledger;
mod library;
mod names;
mod request;
mod shared;
mod tickets;

pub use config::{Address, Observer, OnStoreDown, RedisConfig, RedisError, Tls};
pub use event::StoreEvent;

use std::future::Future;
use std::sync::{Arc, Weak};

use crate::store::{BoxFuture, Grant, Hint, LeaseStore, StoreError, StoreListener, TicketSource, Want};
use driver::Driver;
use library::Library;
use shared::Shared;

/// Grants leases that every process with the same Redis, prefix and pool shares.
#[derive(Clone)]
pub struct RedisStore {
    shared: Arc<Shared>,
}

impl RedisStore {
    /// A store and the future that does its work, which the caller has to run on a tokio runtime.
    ///
    /// The driver ends when the store is closed, or with an error when the server cannot be used at all; a server
    /// that is down is waited for. Dropping it closes the store.
    ///
    /// # Errors
    /// [`RedisError::Config`] and [`RedisError::Certificates`]: the configuration cannot be.
    pub fn new(
        config: RedisConfig,
    ) -> Result<(Self, impl Future<Output = Result<(), RedisError>> + Send + use<>), RedisError> {
        config.check()?;
        let (client, ear) = connect::clients(&config)?;
        let library = Library::new(client.clone(), &config);
        let (shared, queues) = Shared::new(config, library);
        let shared = Arc::new(shared);
        let driver = Driver { shared: Arc::clone(&shared), client, ear, queues };
        Ok((Self { shared }, driver.run()))
    }

    /// How many wait and how many leases are held, in this process.
    #[must_use]
    pub fn sizes(&self) -> (usize, usize) {
        self.shared.ledger().sizes()
    }
}

impl LeaseStore for RedisStore {
    fn acquire(&self, want: Want) -> BoxFuture<'_, Result<Grant, StoreError>> {
        Box::pin(request::acquire(&self.shared, want))
    }

    fn release(&self, id: u128, fence: u64) {
        if !self.shared.fallback.release(id, fence) && self.shared.ledger().strike_lease(id, fence) {
            self.shared.end(id, fence);
        }
    }

    fn watch(&self, listener: Weak<dyn StoreListener>) {
        self.shared.listen(listener);
    }

    fn close(&self) {
        self.shared.close();
    }

    fn tell(&self, name: &str, hint: Hint) {
        self.shared.hints.tell(name, hint);
    }

    fn tickets(&self, name: &str) -> Option<Arc<dyn TicketSource>> {
        Some(Arc::new(self.shared.fetcher.tickets(name)))
    }
}

impl std::fmt::Debug for RedisStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RedisStore").field("config", &self.shared.config).finish_non_exhaustive()
    }
}
