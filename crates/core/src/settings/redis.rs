//! Settings of the Redis server that several routers share.

use super::{reader::Reader, server::port};
use crate::secret::Secret;

/// Where Redis is. Without a host nothing is shared and the router needs none.
#[derive(Debug, Clone)]
pub struct Redis {
    /// `redis_host`.
    pub host: Option<String>,
    /// `redis_port`.
    pub port: u16,
    /// `redis_db`: number of the database.
    pub db: u8,
    /// `redis_password`.
    pub password: Option<Secret>,
}

impl Redis {
    pub(super) fn read(r: &mut Reader<'_>) -> Self {
        Self {
            host: r.optional("redis_host", ""),
            port: port(r, "redis_port", 6379),
            db: u8::try_from(r.whole("redis_db", 0, 0..=255)).unwrap_or(0),
            password: r.secret("redis_password"),
        }
    }
}
