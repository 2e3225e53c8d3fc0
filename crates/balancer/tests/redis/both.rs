//! The store in Redis and the store in this process are told the same and must grant the same.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use llm_router_balancer::store::redis::Address;
use llm_router_balancer::store::{Candidate, Grant, LeaseStore, LocalStore, Mode, StoreError, Want};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestCaseError, TestRunner};
use tokio::task::JoinHandle;

use crate::resp::Connection;
use crate::router::{Router, quick, until};
use crate::server::Server;

/// Models, where each is served, and how many requests each of these bears.
const MODELS: &[(&str, &[(&str, u32)])] =
    &[("m", &[("a", 1), ("b", 1)]), ("n", &[("b", 1), ("c", 2)]), ("o", &[("a", 1)])];

#[derive(Debug, Clone)]
enum Step {
    Take(usize),
    Wait(usize),
    Release(usize),
    Cancel(usize),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        2 => (0..MODELS.len()).prop_map(Step::Take),
        4 => (0..MODELS.len()).prop_map(Step::Wait),
        4 => (0..16_usize).prop_map(Step::Release),
        1 => (0..16_usize).prop_map(Step::Cancel),
    ]
}

fn want(model: usize, wait: Duration) -> Want {
    let (class, names) = MODELS[model];
    let candidate = |&(name, capacity): &(&str, u32)| Candidate {
        resource: Arc::from(name),
        capacity: NonZeroU32::new(capacity).unwrap(),
    };
    Want {
        id: fastrand::u128(..),
        candidates: names.iter().map(candidate).collect(),
        class: Arc::from(class),
        wait,
        max_hold: Duration::from_secs(600),
        mode: Mode::Order,
    }
}

/// What must be: leases in the order they were granted, and who waits.
#[derive(Default)]
struct Expected {
    used: BTreeMap<&'static str, u32>,
    held: Vec<(u128, u64, &'static str)>,
    line: Vec<Waiter>,
}

struct Waiter {
    id: u128,
    model: usize,
    task: JoinHandle<Result<Grant, StoreError>>,
}

impl Expected {
    fn free(&self, model: usize) -> Option<usize> {
        MODELS[model].1.iter().position(|(name, capacity)| self.used.get(name).is_none_or(|used| used < capacity))
    }

    fn hold(&mut self, id: u128, model: usize, grant: &Grant, expected: usize) -> Result<(), TestCaseError> {
        let name = MODELS[model].1[expected].0;
        prop_assert_eq!(MODELS[model].1[grant.candidate].0, name);
        *self.used.entry(name).or_insert(0) += 1;
        self.held.push((id, grant.fence, name));
        Ok(())
    }

    /// Who must have got the resource that was freed, and has it.
    async fn hand_on(&mut self, name: &str) -> Result<(), TestCaseError> {
        let place = |model: usize| MODELS[model].1.iter().position(|candidate| candidate.0 == name);
        let Some(first) = self.line.iter().position(|waiter| place(waiter.model).is_some()) else { return Ok(()) };
        let waiter = self.line.remove(first);
        let grant = tokio::time::timeout(Duration::from_secs(5), waiter.task).await;
        let grant = grant.map_err(|_| TestCaseError::fail("the first in line got nothing"))?.unwrap().unwrap();
        self.hold(waiter.id, waiter.model, &grant, place(waiter.model).unwrap())
    }
}

/// A store, and a way to see that it has done what it was told.
struct Subject {
    store: Arc<dyn LeaseStore>,
    redis: Option<RefCell<Connection>>,
}

impl Subject {
    async fn settled(&self, now: &Expected) {
        let Some(redis) = &self.redis else { return tokio::task::yield_now().await };
        let size = |key: &str| redis.borrow_mut().ok(&["HLEN", &format!("llmr:{{main}}:{key}")]).int();
        let expected = [now.held.len(), now.line.len()].map(|size| i64::try_from(size).unwrap());
        until("redis has heard of it", || [size("lease"), size("wait")] == expected).await;
    }

    async fn run(&self, steps: &[Step]) -> Result<(), TestCaseError> {
        let mut now = Expected::default();
        for step in steps {
            self.step(&mut now, step).await?;
            self.settled(&now).await;
            let early = now.line.iter().any(|waiter| waiter.task.is_finished());
            prop_assert!(!early, "somebody got what is not free");
        }
        now.line.drain(..).for_each(|waiter| waiter.task.abort());
        now.held.drain(..).for_each(|(id, fence, _)| self.store.release(id, fence));
        self.settled(&now).await;
        Ok(())
    }

    async fn step(&self, now: &mut Expected, step: &Step) -> Result<(), TestCaseError> {
        match *step {
            Step::Take(model) => {
                let want = want(model, Duration::ZERO);
                let id = want.id;
                match (self.store.acquire(want).await, now.free(model)) {
                    (Ok(grant), Some(expected)) => now.hold(id, model, &grant, expected)?,
                    (Err(StoreError::Busy { .. }), None) => {}
                    (other, expected) => prop_assert!(false, "{:?} instead of {:?}", other, expected),
                }
            }
            Step::Wait(model) => {
                let want = want(model, Duration::from_secs(60));
                let (id, store) = (want.id, Arc::clone(&self.store));
                let task = tokio::spawn(async move { store.acquire(want).await });
                match now.free(model) {
                    Some(expected) => now.hold(id, model, &task.await.unwrap().unwrap(), expected)?,
                    None => now.line.push(Waiter { id, model, task }),
                }
            }
            Step::Release(pick) if !now.held.is_empty() => {
                let (id, fence, name) = now.held.remove(pick % now.held.len());
                self.store.release(id, fence + 1);
                self.store.release(id, fence);
                self.store.release(id, fence);
                *now.used.get_mut(name).unwrap() -= 1;
                now.hand_on(name).await?;
            }
            Step::Cancel(pick) if !now.line.is_empty() => {
                let waiter = now.line.remove(pick % now.line.len());
                waiter.task.abort();
            }
            _ => {}
        }
        Ok(())
    }
}

fn check(subject: impl Fn() -> Subject) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut runner = TestRunner::new(Config { cases: 40, failure_persistence: None, ..Config::default() });
    let steps = proptest::collection::vec(step(), 1..40);
    runner.run(&steps, |steps| runtime.block_on(subject().run(&steps))).unwrap();
}

#[test]
fn the_store_of_this_process_grants_in_order() {
    check(|| Subject { store: Arc::new(LocalStore::new()), redis: None });
}

#[test]
fn the_store_in_redis_grants_in_order() {
    let server = Server::start();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let router = runtime.block_on(async {
        let router = Router::start(quick(Address::Socket(server.socket())));
        router.until_up().await;
        router
    });
    check(|| Subject { store: Arc::new(router.store.clone()), redis: Some(RefCell::new(server.connect())) });
}
