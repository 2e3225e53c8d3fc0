//! One router of the chaos: workers that take, hold and give back, until the file `stop` appears.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use llm_router_balancer::store::redis::{Address, RedisConfig, RedisStore};
use llm_router_balancer::store::{Candidate, LeaseStore, Mode, Want};
use tokio::time::sleep;

use super::record::{Writer, now};
use super::{LAG, MARGIN, MODELS, RESOURCES, TTL};

/// Set in a process that is a router.
pub const ROLE: &str = "LLMR_CHAOS_ROLE";
const WORKERS: usize = 15;
/// Workers that hold for long.
const LONG: usize = 3;
const HOLD: Duration = Duration::from_millis(6);
const HOLD_LONG: Duration = Duration::from_millis(900);
const WAIT: Duration = Duration::from_secs(8);

/// What a router process is told.
pub struct Job {
    /// Where the socket, the records and the file `stop` are.
    folder: PathBuf,
}

impl Job {
    pub fn parse(role: &str) -> Self {
        Self { folder: role.into() }
    }

    /// Starts a process.
    pub fn spawn(folder: &Path) -> Child {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["chaos::a_router_process", "--exact", "--nocapture"]).env(ROLE, folder);
        command.stdin(Stdio::null()).stdout(Stdio::null()).spawn().unwrap()
    }

    /// Is a router.
    pub fn run(self) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(self.serve());
    }

    async fn serve(self) {
        let mut config = RedisConfig::new(Address::Socket(self.folder.join("primary.sock")));
        (config.ttl, config.margin, config.lag) = (TTL, MARGIN, LAG);
        config.trust_empty = std::env::var("LLMR_CHAOS_NO_QUARANTINE").is_ok();
        let (store, driver) = RedisStore::new(config).unwrap();
        let driver = tokio::spawn(driver);
        let writer = Arc::new(Mutex::new(Writer::create(&self.folder)));
        let work =
            |number| tokio::spawn(worker(number < LONG, store.clone(), Arc::clone(&writer), self.folder.join("stop")));
        let workers: Vec<_> = (0..WORKERS).map(work).collect();
        for worker in workers {
            worker.await.unwrap();
        }
        store.close();
        driver.await.unwrap().unwrap();
    }
}

async fn worker(long: bool, store: RedisStore, writer: Arc<Mutex<Writer>>, stop: PathBuf) {
    while !stop.exists() {
        let (model, names) = MODELS[if long { 0 } else { fastrand::usize(1..MODELS.len()) }];
        let want = want(model, names);
        let (id, asked) = (want.id, now());
        let Ok(grant) = store.acquire(want).await else {
            sleep(Duration::from_millis(20)).await;
            continue;
        };
        writer.lock().unwrap().begin(id, names[grant.candidate], model, grant.fence, asked);
        let hold = if long { HOLD_LONG } else { HOLD }.mul_f64(-(1.0 - fastrand::f64()).ln());
        let lost = tokio::select! {
            () = grant.lost.wait() => true,
            () = sleep(hold) => false,
        };
        writer.lock().unwrap().end(id, lost);
        store.release(id, grant.fence);
        if fastrand::u8(..10) < 3 {
            sleep(hold).await;
        }
    }
}

fn want(model: &str, names: &[&str]) -> Want {
    let candidate = |&name: &&str| {
        let capacity = RESOURCES.iter().find(|resource| resource.0 == name).unwrap().1;
        Candidate { resource: Arc::from(name), capacity: capacity.try_into().unwrap() }
    };
    Want {
        id: fastrand::u128(..),
        candidates: names.iter().map(candidate).collect(),
        class: Arc::from(model),
        wait: WAIT,
        max_hold: Duration::from_secs(30),
        mode: Mode::Order,
    }
}
