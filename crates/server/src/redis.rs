//! The store of shared leases in Redis, from the settings.

use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU8, Ordering::Relaxed},
    },
};

use llm_router_balancer::store::redis::{Address, OnStoreDown, RedisConfig, RedisError, RedisStore, StoreEvent, Tls};
use llm_router_core::settings::{OnRedisDown, Redis};
use llm_router_endpoints::SharedLeases;

/// Makes the store; `None` without a host. Nothing connects before its work is run.
pub(crate) fn leases(redis: &Redis) -> Result<Option<Arc<SharedLeases>>, RedisError> {
    let Some(address) = address(redis) else { return Ok(None) };
    let mut config = RedisConfig::new(address);
    config.username.clone_from(&redis.username);
    config.password = redis.password.as_ref().map(|password| password.expose().to_owned());
    config.database = redis.db;
    config.tls = redis.tls.then(|| Tls { authorities: redis.ca_file.clone() });
    config.prefix.clone_from(&redis.prefix);
    config.on_store_down = match redis.on_down {
        OnRedisDown::Refuse => OnStoreDown::Closed,
        OnRedisDown::Partition => OnStoreDown::Partition,
        OnRedisDown::Local => OnStoreDown::Open,
    };
    config.observer = Some(Arc::new(log));
    let (store, work) = RedisStore::new(config)?;
    let work = Box::pin(async {
        if let Err(error) = work.await {
            tracing::error!(%error, "leases are no longer shared");
        }
    });
    Ok(Some(SharedLeases::new(Arc::new(store), work)))
}

fn address(redis: &Redis) -> Option<Address> {
    let hosts: Vec<(String, u16)> = redis.hosts.iter().map(|host| place(host, redis.port)).collect();
    let (first, port) = hosts.first()?.clone();
    Some(match &redis.sentinel {
        Some(service) => Address::Sentinel { hosts, service: service.clone(), username: None, password: None },
        None if redis.cluster => Address::Cluster(hosts),
        None if first.starts_with('/') => Address::Socket(PathBuf::from(first)),
        None => Address::Server(first, port),
    })
}

/// A host that may name its own port.
pub(crate) fn place(host: &str, port: u16) -> (String, u16) {
    match host.rsplit_once(':') {
        Some((name, own)) if !name.contains(':') => (name.to_owned(), own.parse().unwrap_or(port)),
        _ => (host.to_owned(), port),
    }
}

/// What the server said last: 0 nothing, 1 it does not answer, 2 it answers.
static HEALTH: AtomicU8 = AtomicU8::new(0);

/// Whether the Redis server answers; `None` where none is used.
pub(crate) fn answers() -> Option<bool> {
    match HEALTH.load(Relaxed) {
        0 => None,
        health => Some(health == 2),
    }
}

fn log(event: &StoreEvent) {
    match event {
        StoreEvent::Up => HEALTH.store(2, Relaxed),
        StoreEvent::Down { .. } => HEALTH.store(1, Relaxed),
        _ => {}
    }
    match event {
        StoreEvent::Up | StoreEvent::Peers { .. } => tracing::info!("{event}"),
        _ => tracing::warn!("{event}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_may_name_its_own_port() {
        assert_eq!(place("a", 1), ("a".to_owned(), 1));
        assert_eq!(place("a:2", 1), ("a".to_owned(), 2));
        assert_eq!(place("::1", 1), ("::1".to_owned(), 1));
    }
}
