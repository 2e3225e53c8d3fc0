//! Settings of the Redis server that several routers share.

use std::path::PathBuf;

use super::{reader::Reader, server::port};
use crate::secret::Secret;

/// What becomes of exclusive requests while Redis cannot be reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnRedisDown {
    /// They are refused: nothing is held twice.
    Refuse,
    /// Each router grants by itself the hosts that fall to it by hash.
    Partition,
    /// Each router grants by itself.
    Local,
}

/// Where Redis is. Without a host nothing is shared and the router needs none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redis {
    /// `redis_host`: one server, or with `redis_sentinel` or `redis_cluster` some of them, separated by commas.
    pub hosts: Vec<String>,
    /// `redis_port`: of every host that names none.
    pub port: u16,
    /// `redis_db`: number of the database.
    pub db: u8,
    /// `redis_username`.
    pub username: Option<String>,
    /// `redis_password`.
    pub password: Option<Secret>,
    /// `redis_sentinel`: the name under which the hosts, sentinels then, watch the primary.
    pub sentinel: Option<String>,
    /// `redis_cluster`: the hosts are nodes of a cluster.
    pub cluster: bool,
    /// `redis_tls`.
    pub tls: bool,
    /// `redis_ca_file`: PEM file of certificate authorities to trust instead of the system's.
    pub ca_file: Option<PathBuf>,
    /// `redis_prefix`: start of every key.
    pub prefix: String,
    /// `redis_on_down`.
    pub on_down: OnRedisDown,
}

const ON_DOWN: [(&str, OnRedisDown); 3] =
    [("refuse", OnRedisDown::Refuse), ("partition", OnRedisDown::Partition), ("local", OnRedisDown::Local)];

impl Redis {
    pub(super) fn read(r: &mut Reader<'_>) -> Self {
        let redis = Self {
            hosts: r.list("redis_host"),
            port: port(r, "redis_port", 6379),
            db: u8::try_from(r.whole("redis_db", 0, 0..=255)).unwrap_or(0),
            username: r.optional("redis_username", ""),
            password: r.secret("redis_password"),
            sentinel: r.optional("redis_sentinel", ""),
            cluster: r.boolean("redis_cluster", false),
            tls: r.boolean("redis_tls", false),
            ca_file: r.optional("redis_ca_file", "").map(PathBuf::from),
            prefix: r.text("redis_prefix", "llmr:"),
            on_down: r.choice("redis_on_down", ("refuse", OnRedisDown::Refuse), &ON_DOWN),
        };
        if redis.cluster && redis.sentinel.is_some() {
            r.refuse("redis_cluster", "cannot be together with redis_sentinel: the hosts are one or the other");
        }
        redis
    }
}
