//! Discrete events: calls arrive, the real balancer places them, servers serve them.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};

use super::outcome::Outcomes;
use super::router::{Held, Router, endpoints};
use super::scenario::{Call, Scenario};
use super::server::{Memory, NOTICE, Reception};
use crate::clock::{Clock, ManualClock, Tick};
use crate::demand::{Demand, Tried};
use crate::error::{AcquireError, PickError};
use crate::failure::Failure;
use crate::sync::lock;

/// A call is sent again at most so often.
const MOST_RETRIES: u32 = 3;

type Waiting<'a> = Pin<Box<dyn Future<Output = Result<Held, AcquireError>> + Send + 'a>>;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    First { job: usize, epoch: u32 },
    Done { job: usize, epoch: u32 },
    Fail { job: usize },
    Crash { server: usize },
    Churn,
}

struct Job<'a> {
    router: usize,
    tried: Tried,
    retries: u32,
    held: Option<Held>,
    waiting: Option<Waiting<'a>>,
    first: Option<f64>,
    failure: Option<Failure>,
    /// Events of an earlier try are stale.
    epoch: u32,
}

struct Live<'a> {
    memory: Memory<'a>,
    serving: Vec<usize>,
    queue: VecDeque<usize>,
}

/// One run of one strategy.
pub(crate) struct Engine<'a> {
    scenario: &'a Scenario,
    calls: &'a [Call],
    models: &'a [String],
    routers: &'a [Router],
    clock: ManualClock,
    servers: Vec<Live<'a>>,
    jobs: Vec<Job<'a>>,
    events: BinaryHeap<Reverse<(u64, u64, Event)>>,
    sequence: u64,
    ready: Arc<Mutex<VecDeque<usize>>>,
    alive: usize,
    outcomes: Outcomes,
}

impl<'a> Engine<'a> {
    pub(crate) fn new(
        scenario: &'a Scenario,
        calls: &'a [Call],
        models: &'a [String],
        routers: &'a [Router],
        clock: ManualClock,
        outcomes: Outcomes,
    ) -> Self {
        let live = |server| Live { memory: Memory::new(server), serving: Vec::new(), queue: VecDeque::new() };
        Self {
            scenario,
            calls,
            models,
            routers,
            clock,
            servers: scenario.servers.iter().map(live).collect(),
            jobs: Vec::with_capacity(calls.len()),
            events: BinaryHeap::new(),
            sequence: 0,
            ready: Arc::default(),
            alive: 0,
            outcomes,
        }
    }

    /// Serves all calls; `router_of` says which replica each goes to.
    pub(crate) fn run(mut self, mut router_of: impl FnMut() -> usize) -> Outcomes {
        for server in 0..self.servers.len() {
            self.schedule_crash(server, 0.0);
        }
        if let Some(span) = self.scenario.churn {
            self.at(span, Event::Churn);
        }
        let mut next = 0;
        while next < self.calls.len() || self.alive > 0 {
            let call = self.calls.get(next).map_or(u64::MAX, |call| nanos(call.at));
            let event = self.events.peek().map_or(u64::MAX, |Reverse((at, ..))| *at);
            let wake = self.clock.next_wake().map_or(u64::MAX, Tick::as_nanos);
            let now = call.min(event).min(wake);
            if now == u64::MAX {
                break;
            }
            self.clock.set(Tick::from_nanos(now));
            if event == now {
                let Some(Reverse((_, _, event))) = self.events.pop() else { break };
                self.handle(event);
            } else if call == now {
                self.arrive(router_of());
                next += 1;
            }
            self.poll_ready();
        }
        self.outcomes.loads += self.servers.iter().map(|server| server.memory.loads).sum::<u64>();
        self.outcomes
    }

    fn now(&self) -> f64 {
        self.clock.now().as_nanos() as f64 * 1e-9
    }

    fn at(&mut self, seconds: f64, event: Event) {
        self.sequence += 1;
        let at = nanos(seconds).max(self.clock.now().as_nanos());
        self.events.push(Reverse((at, self.sequence, event)));
    }

    fn arrive(&mut self, router: usize) {
        let job = Job {
            router,
            tried: Tried::default(),
            retries: 0,
            held: None,
            waiting: None,
            first: None,
            failure: None,
            epoch: 0,
        };
        self.jobs.push(job);
        self.alive += 1;
        self.ask(self.jobs.len() - 1);
    }

    /// Asks the balancer for a server.
    fn ask(&mut self, job: usize) {
        let call = &self.calls[job];
        let demand = Demand {
            class: &self.models[call.model as usize],
            size: call.prompt,
            affinity: call.conversation,
            tried: self.jobs[job].tried,
            ..Demand::default()
        };
        let router: &'a Router = &self.routers[self.jobs[job].router];
        self.jobs[job].waiting = Some(Box::pin(async move { router.acquire(&demand).await }));
        self.poll(job);
    }

    fn poll_ready(&mut self) {
        while let Some(job) = { lock(&self.ready).pop_front() } {
            self.poll(job);
        }
    }

    fn poll(&mut self, job: usize) {
        let Some(mut waiting) = self.jobs[job].waiting.take() else { return };
        let waker = Waker::from(Arc::new(Ready { job, queue: Arc::clone(&self.ready) }));
        match waiting.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Pending => self.jobs[job].waiting = Some(waiting),
            Poll::Ready(Ok(held)) => self.connect(job, held),
            Poll::Ready(Err(AcquireError::Pick(PickError::Exhausted))) => {
                self.jobs[job].tried.clear();
                self.again(job);
            }
            Poll::Ready(Err(_)) => self.give_up(job),
        }
    }

    fn connect(&mut self, job: usize, held: Held) {
        let (server, now) = (*held.target(), self.now());
        self.jobs[job].held = Some(held);
        self.jobs[job].failure = match self.servers[server].memory.receive(now) {
            Reception::Accepted => {
                self.servers[server].queue.push_back(job);
                self.start_next(server);
                return;
            }
            Reception::Dead => Some(Failure::Connect),
            Reception::TooMany(wait) => {
                Some(Failure::Overloaded { retry_after: wait.map(std::time::Duration::from_secs_f64) })
            }
        };
        self.at(now + NOTICE, Event::Fail { job });
    }

    /// Gives free places of a server to those that wait at it.
    fn start_next(&mut self, server: usize) {
        let now = self.now();
        while self.servers[server].serving.len() < self.servers[server].memory.server.slots as usize {
            let Some(job) = self.servers[server].queue.pop_front() else { return };
            let live = &mut self.servers[server];
            let (first, end) = live.memory.plan(&self.calls[job], now);
            live.memory.serve(&self.calls[job]);
            live.serving.push(job);
            let epoch = self.jobs[job].epoch;
            self.at(first, Event::First { job, epoch });
            self.at(end, Event::Done { job, epoch });
        }
    }

    fn handle(&mut self, event: Event) {
        let now = self.now();
        match event {
            Event::First { job, epoch } if self.jobs[job].epoch == epoch => {
                self.jobs[job].first = Some(now);
                self.jobs[job].held.iter_mut().for_each(crate::Lease::first_token);
            }
            Event::Done { job, epoch } if self.jobs[job].epoch == epoch => self.done(job),
            Event::First { .. } | Event::Done { .. } => {}
            Event::Fail { job } => {
                let failure = self.jobs[job].failure.take().unwrap_or(Failure::Server);
                self.fail(job, failure);
            }
            Event::Crash { server } => self.crash(server),
            Event::Churn => self.churn(),
        }
    }

    fn done(&mut self, job: usize) {
        let Some(held) = self.jobs[job].held.take() else { return };
        let server = *held.target();
        held.succeed();
        self.servers[server].serving.retain(|other| *other != job);
        let call = &self.calls[job];
        self.outcomes.served(call.at, self.jobs[job].first.unwrap_or(call.at) - call.at);
        self.alive -= 1;
        self.start_next(server);
    }

    fn fail(&mut self, job: usize, failure: Failure) {
        let Some(held) = self.jobs[job].held.take() else { return };
        self.jobs[job].epoch += 1;
        self.jobs[job].tried.insert(held.key());
        held.fail(failure);
        // Nothing is sent again once the answer has begun.
        if self.jobs[job].first.is_some() { self.give_up(job) } else { self.again(job) }
    }

    fn again(&mut self, job: usize) {
        let may = self.jobs[job].retries < MOST_RETRIES && self.routers[self.jobs[job].router].may_retry();
        if may {
            self.jobs[job].retries += 1;
            self.ask(job);
        } else {
            self.give_up(job);
        }
    }

    fn give_up(&mut self, job: usize) {
        self.outcomes.failed(self.calls[job].at);
        self.alive -= 1;
    }

    fn crash(&mut self, server: usize) {
        let live = &mut self.servers[server];
        live.memory.crash();
        let mut broken: Vec<usize> = live.serving.drain(..).collect();
        broken.extend(live.queue.drain(..));
        for job in broken {
            let failure = if self.jobs[job].first.is_some() { Failure::Truncated } else { Failure::Reset };
            self.fail(job, failure);
        }
        let now = self.now();
        self.schedule_crash(server, now);
    }

    fn schedule_crash(&mut self, server: usize, after: f64) {
        if let Some(at) = self.servers[server].memory.next_crash(after) {
            self.at(at, Event::Crash { server });
        }
    }

    fn churn(&mut self) {
        let now = self.now();
        for router in self.routers {
            router.set_endpoints(endpoints(self.scenario, now));
        }
        if let Some(span) = self.scenario.churn {
            self.at(now + span, Event::Churn);
        }
    }
}

fn nanos(seconds: f64) -> u64 {
    (seconds * 1e9) as u64
}

struct Ready {
    job: usize,
    queue: Arc<Mutex<VecDeque<usize>>>,
}

impl Wake for Ready {
    fn wake(self: Arc<Self>) {
        lock(&self.queue).push_back(self.job);
    }
}
