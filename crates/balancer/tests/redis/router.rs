//! One process of a test: a store with its driver, and the books of what it was told.

use std::num::NonZeroU32;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use llm_router_balancer::store::redis::{Address, RedisConfig, RedisError, RedisStore, StoreEvent};
use llm_router_balancer::store::{Candidate, Grant, LeaseStore, Mode, StoreError, StoreListener, Want};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

/// A store whose driver runs.
pub struct Router {
    pub store: RedisStore,
    pub driver: JoinHandle<Result<(), RedisError>>,
    pub heard: Arc<Heard>,
}

/// What a store told.
#[derive(Default)]
pub struct Heard {
    pub events: Mutex<Vec<StoreEvent>>,
    pub peers: Mutex<u32>,
    pub reachable: Mutex<Option<bool>>,
}

impl StoreListener for Heard {
    fn peers(&self, count: u32) {
        *self.peers.lock().unwrap() = count;
    }

    fn reachable(&self, yes: bool) {
        *self.reachable.lock().unwrap() = Some(yes);
    }
}

/// Short times: a lease that is lost is lost soon.
pub fn quick(address: Address) -> RedisConfig {
    let mut config = RedisConfig::new(address);
    config.ttl = Duration::from_millis(1_500);
    config.margin = Duration::from_millis(300);
    config.lag = Duration::from_millis(100);
    config.poll = Duration::from_millis(200);
    config.command_timeout = Duration::from_millis(250);
    config.trust_empty = true;
    config
}

impl Router {
    pub fn start(mut config: RedisConfig) -> Self {
        let heard = Arc::new(Heard::default());
        let events = Arc::clone(&heard);
        config.observer = Some(Arc::new(move |event: &StoreEvent| events.events.lock().unwrap().push(event.clone())));
        let (store, driver) = RedisStore::new(config).unwrap();
        let listener: std::sync::Weak<Heard> = Arc::downgrade(&heard);
        store.watch(listener);
        Self { store, driver: tokio::spawn(driver), heard }
    }

    /// Takes a lease or fails after `wait`.
    pub async fn take(&self, model: &str, candidates: &[&str], wait: Duration) -> Result<Lease, StoreError> {
        let want = want(model, candidates, wait);
        let id = want.id;
        let grant = self.store.acquire(want).await?;
        Ok(Lease { id, grant })
    }

    /// Takes a lease that must come within five seconds.
    pub async fn must(&self, model: &str, candidates: &[&str]) -> Lease {
        self.take(model, candidates, Duration::from_secs(5)).await.unwrap()
    }

    pub fn give(&self, lease: &Lease) {
        self.store.release(lease.id, lease.grant.fence);
    }

    pub async fn until_up(&self) {
        until("redis is reached", || *self.heard.reachable.lock().unwrap() == Some(true)).await;
    }

    pub async fn until_down(&self) {
        until("redis is lost", || *self.heard.reachable.lock().unwrap() == Some(false)).await;
    }
}

impl Drop for Router {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

/// A lease and its id.
#[derive(Debug)]
pub struct Lease {
    pub id: u128,
    pub grant: Grant,
}

pub fn want(model: &str, candidates: &[&str], wait: Duration) -> Want {
    let candidate = |name: &&str| Candidate { resource: Arc::from(*name), capacity: NonZeroU32::MIN };
    Want {
        id: fastrand::u128(..),
        candidates: candidates.iter().map(candidate).collect(),
        class: Arc::from(model),
        wait,
        max_hold: Duration::from_secs(60),
        mode: Mode::Order,
    }
}

/// Waits until it is so, for ten seconds at most.
pub async fn until(what: &str, mut so: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(10);
    while !so() {
        assert!(Instant::now() < end, "not within ten seconds: {what}");
        sleep(Duration::from_millis(5)).await;
    }
}
