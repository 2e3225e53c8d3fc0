//! The function library with the hands of a test: typed calls, a clock that is set, a server identity that is set.

use std::collections::BTreeMap;

use crate::resp::{Connection, Value};
use crate::server::Server;

/// Session length, ms.
pub const TTL: i64 = 10_000;
/// Quarantine after the server changed, ms.
pub const QUARANTINE: i64 = 15_000;

const BASE: &str = "llmr:{test}:";
const LIBRARY: &str = concat!(
    include_str!("../../src/store/redis/lua/state.lua"),
    include_str!("../../src/store/redis/lua/hand_off.lua"),
    include_str!("../../src/store/redis/lua/calls.lua"),
);

/// What somebody asks for.
#[derive(Debug, Clone)]
pub struct Ask {
    pub id: String,
    pub replica: String,
    pub model: String,
    /// Load time if the resource's model matters, ms.
    pub load: Option<i64>,
    pub wait: i64,
    pub candidates: Vec<(String, i64)>,
}

impl Ask {
    pub fn new(id: &str, replica: &str, model: &str, candidates: &[(&str, i64)]) -> Self {
        Self {
            id: id.to_owned(),
            replica: replica.to_owned(),
            model: model.to_owned(),
            load: None,
            wait: 60_000,
            candidates: candidates.iter().map(|&(name, cap)| (name.to_owned(), cap)).collect(),
        }
    }

    pub fn at_once(mut self) -> Self {
        self.wait = 0;
        self
    }

    pub fn warm(mut self, load: i64) -> Self {
        self.load = Some(load);
        self
    }

    fn class(&self) -> String {
        let mut names: Vec<_> = self.candidates.iter().map(|(name, cap)| format!("{name}.{cap}")).collect();
        names.sort();
        format!("{}.{}.{}", self.model, self.load.is_some(), names.join("."))
    }
}

/// What an acquire came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    Granted { resource: String, fence: u64 },
    Queued(i64),
    Busy,
    Gone,
}

/// A lease as a replica lists it in a heartbeat.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    pub id: String,
    pub resource: String,
    pub fence: u64,
    pub model: String,
    pub left: i64,
    pub cap: i64,
}

/// The answer to a heartbeat.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Beat {
    pub quarantine: i64,
    pub lost: Vec<String>,
    pub extra: Vec<(String, String, u64)>,
    pub roster: Vec<String>,
}

/// A pool in a server whose clock and identity the test sets.
pub struct Pool {
    pub redis: Connection,
    /// Hears the messages to the replicas that live.
    ears: Connection,
    pub now: i64,
    /// Whether an empty memory counts as new instead of lost.
    pub trust: bool,
    runs: u32,
}

impl Pool {
    pub fn new(server: &Server) -> Self {
        let (redis, ears) = (server.connect(), server.connect());
        let mut pool = Self { redis, ears, now: 1_700_000_000_000, trust: true, runs: 0 };
        ["A", "B"].iter().for_each(|replica| pool.listen(replica));
        pool.wipe();
        pool
    }

    /// The connection of a replica for messages stands.
    pub fn listen(&mut self, replica: &str) {
        self.subscribe("SSUBSCRIBE", replica);
    }

    fn subscribe(&mut self, command: &str, replica: &str) {
        let mut answer = self.ears.ok(&[command, &format!("{BASE}ch:{replica}")]);
        // Messages may come first.
        while !answer.list()[0].text().eq_ignore_ascii_case(command) {
            answer = self.ears.read().unwrap();
        }
    }

    /// The connection of a replica for messages is closed.
    pub fn deafen(&mut self, replica: &str) {
        self.subscribe("SUNSUBSCRIBE", replica);
    }

    /// Who stands in line: the ticket, and the model.
    pub fn line(&mut self) -> BTreeMap<String, (i64, String)> {
        let queues = self.redis.ok(&["KEYS", &format!("{BASE}q:*")]).texts();
        let mut line = BTreeMap::new();
        for key in queues {
            let model = key[BASE.len() + 2..].split('.').next().unwrap().to_owned();
            let waiters = self.redis.ok(&["ZRANGE", &key, "0", "-1", "WITHSCORES"]).texts();
            line.extend(waiters.chunks(2).map(|pair| (pair[0].clone(), (pair[1].parse().unwrap(), model.clone()))));
        }
        line
    }

    /// Another server process takes over with the memory as it is.
    pub fn replace_server(&mut self) {
        self.runs += 1;
        let run = format!("{:08x}{:032x}", self.runs, 0);
        self.redis.ok(&["SET", "test:run", &run]);
        let source = LIBRARY
            .replace("redis.call('TIME')", "redis.call('LRANGE', 'test:clock', 0, 1)")
            .replace("redis.call('INFO', 'server')", "('run_id:' .. redis.call('GET', 'test:run'))");
        self.redis.ok(&["FUNCTION", "LOAD", "REPLACE", &source]);
    }

    /// Another server process takes over with an empty memory.
    pub fn wipe(&mut self) {
        self.redis.ok(&["FLUSHALL"]);
        self.replace_server();
    }

    pub fn advance(&mut self, ms: i64) {
        self.now += ms;
    }

    pub fn call(&mut self, function: &str, arguments: &[String]) -> Value {
        let (seconds, micros) = ((self.now / 1000).to_string(), (self.now % 1000 * 1000).to_string());
        self.redis.ok(&["DEL", "test:clock"]);
        self.redis.ok(&["RPUSH", "test:clock", &seconds, &micros]);
        let name = format!("llmr1_{function}");
        let mut words = vec!["FCALL", &name, "1", BASE];
        words.extend(arguments.iter().map(String::as_str));
        self.redis.ok(&words)
    }

    fn trust(&self) -> String {
        u8::from(self.trust).to_string()
    }

    pub fn acquire(&mut self, ask: &Ask) -> Answer {
        let mode = u8::from(ask.load.is_some()).to_string();
        let load = ask.load.unwrap_or(0).to_string();
        let mut words = vec![ask.id.clone(), ask.replica.clone(), ask.class(), ask.model.clone(), mode, load];
        words.extend([TTL, QUARANTINE].map(|ms| ms.to_string()));
        words.extend([self.trust(), "600000".to_owned(), ask.wait.to_string(), "1000".to_owned()]);
        words.extend(ask.candidates.iter().flat_map(|(name, cap)| [name.clone(), cap.to_string()]));
        let answer = self.call("acquire", &words);
        let parts = answer.texts();
        match parts[3].as_str() {
            "GRANTED" => Answer::Granted { resource: parts[4].clone(), fence: parts[5].parse().unwrap() },
            "QUEUED" => Answer::Queued(parts[4].parse().unwrap()),
            "BUSY" => Answer::Busy,
            "GONE" => Answer::Gone,
            other => panic!("unknown answer {other}"),
        }
    }

    /// Resource and fence of a grant that must come at once.
    pub fn granted(&mut self, ask: &Ask) -> (String, u64) {
        match self.acquire(ask) {
            Answer::Granted { resource, fence } => (resource, fence),
            other => panic!("{}: {other:?}", ask.id),
        }
    }

    /// 1: a lease ended, 2: a waiter left, 0: nothing.
    pub fn release(&mut self, id: &str, fence: u64) -> i64 {
        let words = [QUARANTINE.to_string(), self.trust(), id.to_owned(), fence.to_string()];
        self.call("release", &words).list()[3].list()[0].int()
    }

    /// Grants found, and ids the server knows nothing of.
    pub fn poll(&mut self, replica: &str, ids: &[&str]) -> (Vec<(String, String, u64)>, Vec<String>) {
        let mut words = vec![replica.to_owned(), TTL.to_string(), QUARANTINE.to_string(), self.trust()];
        words.extend(ids.iter().map(|&id| id.to_owned()));
        let answer = self.call("poll", &words);
        (triples(&answer.list()[3]), answer.list()[4].texts())
    }

    pub fn beat(&mut self, replica: &str, held: &[Held]) -> Beat {
        let mut words = vec![replica.to_owned(), TTL.to_string(), QUARANTINE.to_string(), self.trust()];
        for lease in held {
            words.extend([lease.id.clone(), lease.resource.clone(), lease.fence.to_string(), lease.model.clone()]);
            words.extend([lease.left.to_string(), lease.cap.to_string()]);
        }
        let answer = self.call("heartbeat", &words);
        let parts = answer.list();
        Beat { quarantine: parts[1].int(), lost: parts[3].texts(), extra: triples(&parts[4]), roster: parts[5].texts() }
    }

    pub fn drain(&mut self, replica: &str) {
        let words = [replica.to_owned(), QUARANTINE.to_string(), self.trust()];
        self.call("drain", &words);
    }

    /// The pool's memory, as a replica of the server would have it.
    pub fn snapshot(&mut self) -> Snapshot {
        let keys = self.redis.ok(&["KEYS", &format!("{BASE}*")]).texts();
        keys.into_iter().map(|key| (self.redis.dump(&key), key)).map(|(bytes, key)| (key, bytes)).collect()
    }

    /// Brings an older memory back: what came after the snapshot is lost.
    pub fn restore(&mut self, snapshot: &Snapshot) {
        let keys = self.redis.ok(&["KEYS", &format!("{BASE}*")]).texts();
        keys.iter().for_each(|key| drop(self.redis.ok(&["DEL", key])));
        for (key, bytes) in snapshot {
            self.redis.call(&[b"RESTORE", key.as_bytes(), b"0", bytes]).unwrap();
        }
    }

    /// Leases in Redis: id, resource, fence.
    pub fn leases(&mut self) -> Vec<(String, String, u64)> {
        let all = self.redis.ok(&["HGETALL", &format!("{BASE}lease")]).texts();
        let lease = |pair: &[String]| {
            let words: Vec<_> = pair[1].split(' ').collect();
            (pair[0].clone(), words[0].to_owned(), words[1].parse().unwrap())
        };
        in_order(all.chunks(2).map(lease).collect())
    }

    /// Checks what must hold after every call: counts agree, every index agrees with the table it indexes.
    pub fn check(&mut self) {
        let mut used = BTreeMap::new();
        for (_, resource, _) in self.leases() {
            *used.entry(resource).or_insert(0) += 1;
        }
        let stored = self.redis.ok(&["HGETALL", &format!("{BASE}used")]).texts();
        let stored = stored.chunks(2).map(|pair| (pair[0].clone(), pair[1].parse().unwrap())).collect();
        assert_eq!(used, stored, "used");
        let mut size = |command: &str, key: &str| self.redis.ok(&[command, &format!("{BASE}{key}")]).int();
        assert_eq!(size("HLEN", "lease"), size("ZCARD", "hold"), "hold");
        let waiting = size("HLEN", "wait");
        assert_eq!(waiting, size("ZCARD", "wdl"), "wdl");
        let classes = size("HLEN", "cls");
        let queues = self.redis.ok(&["KEYS", &format!("{BASE}q:*")]).texts();
        assert_eq!(classes, i64::try_from(queues.len()).unwrap(), "cls");
        let queued: i64 = queues.iter().map(|queue| self.redis.ok(&["ZCARD", queue]).int()).sum();
        assert_eq!(waiting, queued, "queues");
    }

    /// Keys that are left when nobody holds or wants anything: only what is remembered on purpose.
    pub fn left_over(&mut self) -> Vec<String> {
        let keys = self.redis.ok(&["KEYS", &format!("{BASE}*")]).texts();
        let kept = ["meta", "res", "done"].map(|name| format!("{BASE}{name}"));
        keys.into_iter().filter(|key| !kept.contains(key)).collect()
    }
}

/// Keys and their serialised values.
pub type Snapshot = Vec<(String, Vec<u8>)>;

/// By fence, which is the order in which they were granted.
fn in_order(mut leases: Vec<(String, String, u64)>) -> Vec<(String, String, u64)> {
    leases.sort_by_key(|lease| lease.2);
    leases
}

fn triples(list: &Value) -> Vec<(String, String, u64)> {
    let words = list.texts();
    let three = |three: &[String]| (three[0].clone(), three[1].clone(), three[2].parse().unwrap());
    in_order(words.chunks(3).map(three).collect())
}
