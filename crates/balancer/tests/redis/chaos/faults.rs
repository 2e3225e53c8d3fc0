//! The stage of the chaos: a primary with its replica, routers, and what befalls them.

use std::process::Child;
use std::time::{Duration, Instant};

use fastrand::Rng;

use super::process::Job;
use super::record::{Records, now};
use super::{LAG, TTL};
use crate::server::{Server, signal};

const ROUTERS: usize = 5;
const ROUTER_FAULT: Duration = Duration::from_millis(900);
const SERVER_FAULT: Duration = Duration::from_millis(4_600);

/// What befell whom, and when, in microseconds.
#[derive(Debug, Clone)]
pub struct Fault {
    /// A router process, or a server.
    pub process: Option<u32>,
    pub from: u64,
    pub until: u64,
}

pub struct Stage {
    folder: tempfile::TempDir,
    rng: Rng,
    primary: Server,
    replica: Server,
    routers: Vec<Child>,
    records: Records,
    faults: Vec<Fault>,
    /// Routers that are stopped: since when, and until when.
    paused: Vec<(u32, u64, Instant)>,
    counts: [u32; 7],
    next_router: Instant,
    next_server: Instant,
    turn: usize,
}

const KINDS: [&str; 7] = [
    "routers killed",
    "paused briefly",
    "paused beyond the session",
    "servers restarted empty",
    "frozen",
    "failed over with a lost tail",
    "failed over while frozen",
];

impl Stage {
    pub fn open(seed: u64) -> Self {
        let folder = tempfile::Builder::new().prefix("llmr-chaos").tempdir().unwrap();
        let primary = Server::start();
        let replica = replica_of(&primary);
        let now = Instant::now();
        let mut stage = Self {
            records: Records::of(folder.path()),
            folder,
            rng: Rng::with_seed(seed),
            primary,
            replica,
            routers: Vec::new(),
            faults: vec![fault(None, super::record::now(), super::record::now())],
            paused: Vec::new(),
            counts: [0; 7],
            next_router: now + TTL,
            next_server: now + SERVER_FAULT,
            turn: 0,
        };
        stage.point_at_primary();
        stage.routers = (0..ROUTERS).map(|_| Job::spawn(stage.folder.path())).collect();
        stage
    }

    pub fn records(&self) -> &Records {
        &self.records
    }

    pub fn faults(&self) -> &[Fault] {
        &self.faults
    }

    pub fn summary(&self) -> String {
        let counted = self.counts.iter().zip(KINDS).map(|(count, kind)| format!("{count} {kind}"));
        counted.collect::<Vec<_>>().join(", ")
    }

    /// Lets a little time pass, and something happen when it is due.
    pub fn step(&mut self) {
        std::thread::sleep(Duration::from_millis(50));
        let at = Instant::now();
        self.wake(at);
        if at >= self.next_router {
            self.next_router = at + ROUTER_FAULT.mul_f64(0.5 + self.rng.f64());
            self.befall_router();
        }
        if at >= self.next_server {
            self.befall_server();
            self.next_server = Instant::now() + SERVER_FAULT.mul_f64(0.8 + self.rng.f64() * 0.4);
        }
        self.records.refresh();
    }

    fn befall_router(&mut self) {
        let at = self.rng.usize(..self.routers.len());
        let pid = self.routers[at].id();
        let brief = Duration::from_millis(self.rng.u64(100..800));
        let kind = self.rng.u8(..10);
        if self.paused.iter().any(|paused| paused.0 == pid) && kind < 4 {
            return;
        }
        match kind {
            0 | 1 => self.pause(pid, brief, 1),
            2 | 3 => self.pause(pid, TTL + brief, 2),
            _ => {
                self.counts[0] += 1;
                let fresh = Job::spawn(self.folder.path());
                let mut victim = std::mem::replace(&mut self.routers[at], fresh);
                victim.kill().unwrap();
                victim.wait().unwrap();
                self.records.died(pid, now());
                self.end_pause(|paused| paused.0 == pid);
            }
        }
    }

    fn pause(&mut self, pid: u32, length: Duration, kind: usize) {
        self.counts[kind] += 1;
        self.paused.push((pid, now(), Instant::now() + length));
        signal(pid, "STOP");
    }

    fn wake(&mut self, at: Instant) {
        for pid in self.end_pause(|paused| paused.2 <= at) {
            signal(pid, "CONT");
        }
    }

    /// Notes the pauses that are over. Returns whose they were.
    fn end_pause(&mut self, over: impl Fn(&(u32, u64, Instant)) -> bool) -> Vec<u32> {
        let (ended, going): (Vec<_>, Vec<_>) = self.paused.drain(..).partition(over);
        self.paused = going;
        self.faults.extend(ended.iter().map(|&(pid, from, _)| fault(Some(pid), from, now())));
        ended.into_iter().map(|paused| paused.0).collect()
    }

    fn befall_server(&mut self) {
        let from = now();
        let kind = [5, 4, 3, 6][self.turn % 4];
        self.turn += 1;
        self.counts[kind] += 1;
        match kind {
            3 => {
                self.primary.kill();
                std::thread::sleep(Duration::from_millis(self.rng.u64(50..1_200)));
                self.primary.run();
                self.replica = replica_of(&self.primary);
            }
            4 => {
                signal(self.primary.pid(), "STOP");
                std::thread::sleep(Duration::from_millis(self.rng.u64(200..3_500)));
                signal(self.primary.pid(), "CONT");
            }
            5 => {
                // What the primary still grants from here on, the replica never hears of.
                self.replica.promote();
                std::thread::sleep(Duration::from_millis(200));
                self.promote();
            }
            _ => {
                signal(self.primary.pid(), "STOP");
                std::thread::sleep(Duration::from_millis(300));
                self.replica.promote();
                self.promote();
            }
        }
        self.faults.push(fault(None, from, now()));
    }

    /// The primary dies, the replica takes its place and gets a replica of its own.
    fn promote(&mut self) {
        self.primary.kill();
        let fresh = Server::start();
        self.primary = std::mem::replace(&mut self.replica, fresh);
        self.point_at_primary();
        self.replica = replica_of(&self.primary);
    }

    /// The one path that the routers know leads to the primary.
    fn point_at_primary(&self) {
        let (path, fresh) = (self.folder.path().join("primary.sock"), self.folder.path().join("next.sock"));
        std::os::unix::fs::symlink(self.primary.socket(), &fresh).unwrap();
        std::fs::rename(fresh, path).unwrap();
    }

    /// Lets the routers end in peace. Returns what is left in Redis afterwards.
    pub fn close(&mut self) -> Vec<String> {
        std::thread::sleep(TTL);
        self.wake(Instant::now() + 2 * TTL);
        // The last quarantine passes first, so that the end is in order.
        std::thread::sleep(TTL + LAG);
        std::fs::write(self.folder.path().join("stop"), "").unwrap();
        let end = Instant::now() + Duration::from_secs(30);
        for router in &mut self.routers {
            while router.try_wait().unwrap().is_none() {
                assert!(Instant::now() < end, "a router hangs");
                std::thread::sleep(Duration::from_millis(20));
            }
        }
        std::thread::sleep(TTL);
        self.records.refresh();
        let mut redis = self.primary.connect();
        let (ttl, quarantine) = (TTL.as_millis().to_string(), (TTL + LAG).as_millis().to_string());
        redis.ok(&["FCALL", "llmr1_heartbeat", "1", "llmr:{main}:", "probe", &ttl, &quarantine, "0"]);
        redis.ok(&["FCALL", "llmr1_drain", "1", "llmr:{main}:", "probe", &quarantine, "0"]);
        let keys = redis.ok(&["KEYS", "*"]).texts();
        let kept = ["meta", "res", "done"].map(|name| format!("llmr:{{main}}:{name}"));
        keys.into_iter().filter(|key| !kept.contains(key)).collect()
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        for router in &mut self.routers {
            let _ = router.kill();
            let _ = router.wait();
        }
    }
}

fn fault(process: Option<u32>, from: u64, until: u64) -> Fault {
    Fault { process, from, until }
}

/// A replica that has caught up.
fn replica_of(primary: &Server) -> Server {
    let port = crate::server::free_port().to_string();
    primary.connect().ok(&["CONFIG", "SET", "repl-diskless-sync-delay", "0"]);
    primary.connect().ok(&["CONFIG", "SET", "port", &port]);
    let replica = Server::with(&["--replicaof", &format!("127.0.0.1 {port}"), "--repl-diskless-sync-delay", "0"]);
    let end = Instant::now() + Duration::from_secs(10);
    while !replica.connect().ok(&["INFO", "replication"]).text().contains("master_link_status:up") {
        assert!(Instant::now() < end, "the replica follows");
        std::thread::sleep(Duration::from_millis(20));
    }
    replica
}
