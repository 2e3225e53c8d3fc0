//! The protocol against a model: whatever is asked, lost, killed, frozen and restarted, in whatever order and at
//! whatever time, no resource bears more valid leases than it may, and lines stay lines.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use proptest::test_runner::{Config, TestCaseError, TestRunner};

use crate::pool::{Answer, Ask, Held, Pool, QUARANTINE, Snapshot, TTL};
use crate::server::Server;

const MARGIN: i64 = 1_000;
/// Resources and what they bear.
const CAPACITY: &[(&str, i64)] = &[("a", 1), ("b", 1), ("c", 2)];
/// Models and where each is served.
const MODELS: &[(&str, &[(&str, i64)])] =
    &[("m", &[("a", 1), ("b", 1)]), ("n", &[("b", 1), ("c", 2)]), ("o", &[("a", 1)])];
const REPLICAS: usize = 3;

#[derive(Debug, Clone)]
enum Step {
    /// A request of a replica for a model, waiting or not.
    Acquire(usize, usize, bool),
    /// The request is sent once more, or arrives once more.
    Again(usize),
    Release(usize),
    Cancel(usize),
    Beat(usize),
    Poll(usize),
    /// Dies, and another takes its place.
    Crash(usize),
    /// Is stopped for so long.
    Freeze(usize, i64),
    Advance(i64),
    /// Messages are lost from now on, or no longer.
    Hush(bool),
    /// The server comes back with nothing.
    Wipe,
    /// Another server takes over with the memory of the last mark.
    Promote,
    Mark,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => (0..REPLICAS, 0..MODELS.len(), any::<bool>()).prop_map(|(r, m, w)| Step::Acquire(r, m, w)),
        2 => (0..64_usize).prop_map(Step::Again),
        6 => (0..64_usize).prop_map(Step::Release),
        2 => (0..64_usize).prop_map(Step::Cancel),
        2 => (0..REPLICAS).prop_map(Step::Beat),
        2 => (0..REPLICAS).prop_map(Step::Poll),
        1 => (0..REPLICAS).prop_map(Step::Crash),
        1 => (0..REPLICAS, 100..25_000_i64).prop_map(|(r, ms)| Step::Freeze(r, ms)),
        3 => (1..9_000_i64).prop_map(Step::Advance),
        1 => any::<bool>().prop_map(Step::Hush),
        1 => Just(Step::Wipe),
        1 => Just(Step::Promote),
        1 => Just(Step::Mark),
    ]
}

/// A lease as its holder believes in it.
#[derive(Debug, Clone)]
struct Lease {
    held: Held,
    valid_until: i64,
}

/// A process, as far as the protocol goes.
#[derive(Debug, Clone, Default)]
struct Replica {
    name: String,
    leases: BTreeMap<String, Lease>,
    waiting: BTreeMap<String, Ask>,
    strangers: BTreeSet<String>,
    /// When it last renewed its session with this server.
    contact: Option<i64>,
    frozen_until: i64,
}

struct World<'a> {
    pool: &'a mut Pool,
    replicas: Vec<Replica>,
    mark: Snapshot,
    /// Greatest fence of each resource.
    fences: BTreeMap<String, u64>,
    granted: BTreeSet<(String, u64)>,
    /// Who stood in line after the last step: ticket and model.
    line: BTreeMap<String, (i64, String)>,
    /// Whether messages arrive.
    hushed: bool,
    /// Leases looked at.
    known: BTreeSet<String>,
    names: u32,
}

type Checked = Result<(), TestCaseError>;

impl<'a> World<'a> {
    fn new(pool: &'a mut Pool) -> Self {
        pool.wipe();
        pool.advance(3_600_000);
        pool.trust = false;
        let (fences, granted, line) = (BTreeMap::new(), BTreeSet::new(), BTreeMap::new());
        let mut world = World {
            pool,
            replicas: Vec::new(),
            mark: Vec::new(),
            fences,
            granted,
            line,
            hushed: false,
            known: BTreeSet::new(),
            names: 0,
        };
        (0..REPLICAS).for_each(|_| world.replicas.push(Replica::default()));
        (0..REPLICAS).for_each(|at| world.reborn(at));
        (0..REPLICAS).for_each(|at| world.beat(at).unwrap());
        world.advance(QUARANTINE).unwrap();
        world.mark = world.pool.snapshot();
        world
    }

    fn name(&mut self) -> String {
        self.names += 1;
        format!("{:06}", self.names)
    }

    fn reborn(&mut self, at: usize) {
        let name = format!("r{}", self.name());
        if !self.replicas[at].name.is_empty() {
            self.pool.deafen(&self.replicas[at].name);
        }
        self.pool.listen(&name);
        self.replicas[at] = Replica { name, ..Replica::default() };
    }

    fn frozen(&self, at: usize) -> bool {
        self.replicas[at].frozen_until > self.pool.now
    }

    fn run(&mut self, step: &Step) -> Checked {
        match *step {
            Step::Acquire(at, model, wait) if !self.frozen(at) => {
                let id = self.name();
                let mut ask = Ask::new(&id, &self.replicas[at].name, MODELS[model].0, MODELS[model].1);
                ask.wait = if wait { 600_000 } else { 0 };
                self.ask(at, ask)?;
            }
            Step::Again(pick) => {
                if let Some((at, id)) = self.pick(pick, |replica| replica.waiting.keys().cloned().collect()) {
                    let ask = self.replicas[at].waiting[&id].clone();
                    self.ask(at, ask)?;
                }
            }
            Step::Release(pick) => {
                if let Some((at, id)) = self.pick(pick, |replica| replica.leases.keys().cloned().collect()) {
                    let lease = self.replicas[at].leases.remove(&id).unwrap();
                    self.pool.release(&id, lease.held.fence);
                    prop_assert_eq!(self.pool.release(&id, lease.held.fence), 0, "twice is once");
                }
            }
            Step::Cancel(pick) => {
                if let Some((at, id)) = self.pick(pick, |replica| replica.waiting.keys().cloned().collect()) {
                    let ask = self.replicas[at].waiting.remove(&id).unwrap();
                    self.pool.release(&id, 0);
                    prop_assert_eq!(self.pool.acquire(&ask), Answer::Gone, "a late copy");
                    self.replicas[at].contact = Some(self.pool.now);
                }
            }
            Step::Beat(at) if !self.frozen(at) => self.beat(at)?,
            Step::Poll(at) if !self.frozen(at) => self.poll(at)?,
            Step::Crash(at) => self.reborn(at),
            Step::Freeze(at, ms) => self.replicas[at].frozen_until = self.pool.now + ms,
            Step::Advance(ms) => self.advance(ms)?,
            Step::Hush(hushed) => self.hushed = hushed,
            Step::Wipe => {
                self.pool.wipe();
                self.mark = Vec::new();
                self.line.clear();
                self.replicas.iter_mut().for_each(|replica| replica.contact = None);
            }
            Step::Promote => {
                let mark = std::mem::take(&mut self.mark);
                self.pool.restore(&mark);
                self.pool.replace_server();
                self.mark = mark;
                self.line.clear();
                self.replicas.iter_mut().for_each(|replica| replica.contact = None);
            }
            Step::Mark => self.mark = self.pool.snapshot(),
            _ => {}
        }
        self.hear()?;
        self.check()
    }

    /// One of the leases or waiters of those who are not frozen.
    fn pick(&self, pick: usize, ids: impl Fn(&Replica) -> Vec<String>) -> Option<(usize, String)> {
        let all: Vec<_> = (0..REPLICAS)
            .filter(|&at| !self.frozen(at))
            .flat_map(|at| ids(&self.replicas[at]).into_iter().map(move |id| (at, id)))
            .collect();
        (!all.is_empty()).then(|| all[pick % all.len()].clone())
    }

    fn ask(&mut self, at: usize, ask: Ask) -> Checked {
        let answer = self.pool.acquire(&ask);
        let (now, id) = (self.pool.now, ask.id.clone());
        self.replicas[at].contact = Some(now);
        if answer != Answer::Busy {
            prop_assert_eq!(&self.pool.acquire(&ask), &answer, "twice is once");
        }
        match answer {
            Answer::Granted { resource, fence } => {
                self.grant(at, &ask, &resource, fence, now)?;
            }
            Answer::Queued(_) => drop(self.replicas[at].waiting.insert(id, ask)),
            Answer::Busy => {}
            Answer::Gone => prop_assert!(false, "{} is gone", id),
        }
        Ok(())
    }

    fn grant(&mut self, at: usize, ask: &Ask, resource: &str, fence: u64, contact: i64) -> Checked {
        let cap = ask.candidates.iter().find(|candidate| candidate.0 == resource).unwrap().1;
        if self.granted.insert((ask.id.clone(), fence)) && cap == 1 {
            let last = self.fences.insert(resource.to_owned(), fence);
            prop_assert!(last.is_none_or(|last| last < fence), "fence {} after {:?}", fence, last);
        }
        let (id, model) = (ask.id.clone(), ask.model.clone());
        let held = Held { id: id.clone(), resource: resource.to_owned(), fence, model, left: 600_000, cap };
        self.replicas[at].waiting.remove(&id);
        self.replicas[at].leases.insert(id, Lease { held, valid_until: contact + TTL - MARGIN });
        Ok(())
    }

    fn beat(&mut self, at: usize) -> Checked {
        let now = self.pool.now;
        let held: Vec<_> = self.replicas[at].leases.values().map(|lease| lease.held.clone()).collect();
        let name = self.replicas[at].name.clone();
        let beat = self.pool.beat(&name, &held);
        prop_assert_eq!(&self.pool.beat(&name, &held), &beat, "twice is once");
        let replica = &mut self.replicas[at];
        replica.contact = Some(now);
        replica.leases.retain(|id, _| !beat.lost.contains(id));
        replica.leases.values_mut().for_each(|lease| lease.valid_until = now + TTL - MARGIN);
        let before = std::mem::take(&mut replica.strangers);
        for (id, resource, fence) in beat.extra {
            if let Some(ask) = self.replicas[at].waiting.get(&id).cloned() {
                self.grant(at, &ask, &resource, fence, now)?;
            } else if before.contains(&id) {
                self.pool.release(&id, fence);
            } else {
                self.replicas[at].strangers.insert(id);
            }
        }
        Ok(())
    }

    fn poll(&mut self, at: usize) -> Checked {
        let now = self.pool.now;
        let asks: Vec<_> = self.replicas[at].waiting.values().cloned().collect();
        let ids: Vec<_> = asks.iter().map(|ask| ask.id.as_str()).collect();
        let (granted, unknown) = self.pool.poll(&self.replicas[at].name.clone(), &ids);
        self.replicas[at].contact = Some(now);
        for (id, resource, fence) in granted {
            let ask = self.replicas[at].waiting[&id].clone();
            self.grant(at, &ask, &resource, fence, now)?;
        }
        for id in unknown {
            let ask = self.replicas[at].waiting[&id].clone();
            self.ask(at, ask)?;
        }
        Ok(())
    }

    /// Messages reach who is not frozen and knows this server.
    fn hear(&mut self) -> Checked {
        if self.hushed {
            return Ok(());
        }
        for (id, resource, fence) in self.pool.leases() {
            for at in (0..REPLICAS).filter(|&at| !self.frozen(at)).collect::<Vec<_>>() {
                let replica = &self.replicas[at];
                if let (Some(ask), Some(contact)) = (replica.waiting.get(&id).cloned(), replica.contact)
                    && contact + TTL - MARGIN > self.pool.now
                {
                    self.grant(at, &ask, &resource, fence, contact)?;
                }
            }
        }
        Ok(())
    }

    /// Time passes; who is awake beats.
    fn advance(&mut self, ms: i64) -> Checked {
        let until = self.pool.now + ms;
        while self.pool.now < until {
            self.pool.advance((TTL / 3).min(until - self.pool.now));
            for at in (0..REPLICAS).filter(|&at| !self.frozen(at)).collect::<Vec<_>>() {
                self.beat(at)?;
                self.poll(at)?;
            }
            self.check()?;
        }
        Ok(())
    }

    /// What must hold at every moment.
    fn check(&mut self) -> Checked {
        self.pool.check();
        self.order()?;
        let now = self.pool.now;
        for &(resource, capacity) in CAPACITY {
            let leases = self.replicas.iter().flat_map(|replica| replica.leases.values());
            let valid: Vec<_> =
                leases.filter(|lease| lease.held.resource == resource && lease.valid_until > now).collect();
            prop_assert!(i64::try_from(valid.len()).unwrap() <= capacity, "{} is held by {:?}", resource, valid);
        }
        Ok(())
    }

    /// Who got something went past nobody who waited for it before, still does, and lives.
    fn order(&mut self) -> Checked {
        let line = self.pool.line();
        for (id, resource, _) in self.pool.leases() {
            let ticket = self.line.get(&id).map_or(i64::MAX, |before| before.0);
            let wanted = |model: &str| MODELS.iter().any(|m| m.0 == model && m.1.iter().any(|c| c.0 == resource));
            let lives = |id: &String| self.replicas.iter().any(|replica| replica.waiting.contains_key(id));
            let passed = self.line.iter().find(|(other, (older, model))| {
                *older < ticket && wanted(model) && line.get(*other).is_some_and(|now| now.0 == *older) && lives(other)
            });
            if self.known.insert(id.clone()) {
                prop_assert!(passed.is_none(), "{} went past {:?} for {}", id, passed, resource);
            }
        }
        self.line = line;
        Ok(())
    }

    /// Once nothing befalls anybody, everybody is served and nothing is left.
    fn settle(&mut self) -> Checked {
        self.replicas.iter_mut().for_each(|replica| replica.frozen_until = 0);
        self.advance(QUARANTINE + TTL)?;
        for _ in 0..400 {
            if let Some((at, id)) = self.pick(0, |replica| replica.leases.keys().cloned().collect()) {
                let lease = self.replicas[at].leases.remove(&id).unwrap();
                self.pool.release(&id, lease.held.fence);
                self.hear()?;
                self.check()?;
            } else if self.replicas.iter().any(|replica| !replica.waiting.is_empty()) {
                // A server that missed a farewell has a ghost in line; two heartbeats find what it is granted.
                self.advance(TTL)?;
            } else {
                break;
            }
        }
        let waiting: Vec<_> = self.replicas.iter().flat_map(|replica| replica.waiting.keys()).collect();
        prop_assert!(waiting.is_empty(), "never served: {:?}", waiting);
        (0..REPLICAS).for_each(|at| self.pool.drain(&self.replicas[at].name.clone()));
        self.pool.advance(TTL);
        self.pool.drain("nobody");
        prop_assert_eq!(self.pool.left_over(), Vec::<String>::new());
        Ok(())
    }
}

#[test]
fn whatever_happens_no_resource_bears_too_much() {
    let server = Server::start();
    let pool = std::cell::RefCell::new(Pool::new(&server));
    let cases = std::env::var("PROPTEST_CASES").map_or(48, |cases| cases.parse().unwrap());
    let mut runner = TestRunner::new(Config { cases, failure_persistence: None, ..Config::default() });
    let steps = proptest::collection::vec(step(), 1..80);
    let result = runner.run(&steps, |steps| {
        let mut pool = pool.borrow_mut();
        let mut world = World::new(&mut pool);
        for step in &steps {
            world.run(step)?;
        }
        world.settle()
    });
    result.unwrap();
}
