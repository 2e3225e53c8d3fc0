//! Picks one of several targets, holds it, and learns from how it went.
//!
//! ```
//! use llm_router_balancer::{AnyStrategy, Balancer, Demand, Endpoint, Failure};
//!
//! let balancer = Balancer::builder()
//!     .strategy(AnyStrategy::from_name("weighted")?)
//!     .endpoint(Endpoint::new("left", "10.0.0.1:80"))
//!     .endpoint(Endpoint::new("right", "10.0.0.2:80"))
//!     .build()?;
//!
//! let mut lease = balancer.pick(&Demand::default())?; // chosen and reserved
//! println!("send it to {}", lease.target());
//! lease.first_token(); // the answer begins: latency is learned
//! lease.succeed(); // the answer is complete: the place is free
//!
//! let lease = balancer.pick(&Demand::default())?;
//! lease.fail(Failure::Connect); // learned as well; five in a row and the endpoint rests
//! drop(balancer.pick(&Demand::default())?); // given up: counts for nothing
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # How it is made
//!
//! - An [`Endpoint`] is a target of any type and what is known about it beforehand. A [`Balancer`] holds the endpoints
//!   that can stand in for each other; several share a [`Fleet`] when they use the same hosts.
//! - A [`Strategy`] chooses: a pure function over a [`View`]. Health, limits and the line stay outside of it. By name:
//!   [`AnyStrategy::from_name`]; [`Registry`] lists those there are and takes others, and so does a
//!   [`Registration`](strategy::Registration), for the whole program.
//! - [`Balancer::pick`] chooses and reserves in one call and never waits. [`Balancer::acquire`] may wait in line, up to
//!   the deadline of the [`Demand`]; a place that becomes free is handed to who is next.
//! - A [`Lease`] reports back: the time to the first token, the end, or a [`Failure`]. Dropped, it counts as given up.
//! - A breaker for each endpoint opens after failures in a row or by their share in a window, and closes by one probe.
//!   The last endpoint is never given up: where all are paused, those serve that did not ask for it themselves, as by
//!   [`Failure::Overloaded`]. See [`HealthSettings`].
//! - Permits are counted in this process, or by a [`LeaseStore`] for several (feature `redis`). Everything else stays
//!   local: what is in flight is multiplied by the replicas, see [`Balancer::set_peers`].
//! - Retries and hedges have a budget: [`Balancer::may_retry`], [`Balancer::may_hedge`], [`Lease::hedge_at`].
//!
//! | strategy | chooses |
//! |---|---|
//! | `balanced` | everyone in turn |
//! | `weighted` | turns by weight; after any number of them nobody is more than `1 - 1/(2n - 2)` from its share |
//! | `dynamic_weighted` | least latency times load, by weight; a failure counts as a slow answer |
//! | `adaptive` | least expected time to the first token; speed, busy time and places are learned |
//! | `least_loaded` | fewest in flight, by weight |
//! | `first_available` | one at a time for each endpoint, or up to its limit; the rest in line |
//! | `first_available_optim` | the same, and prefers an endpoint that is ready for the class of the request |
//! | `sticky` | the same key to the same endpoint, within 1.25 times its share |
//!
//! # Wait for a place, and try again
//!
//! ```
//! use std::time::Duration;
//! use llm_router_balancer::{AnyStrategy, Balancer, Demand, EndpointConfig, Failure, Tried};
//!
//! # async fn ask(_: &str) -> Result<String, Failure> { Ok("hello".to_owned()) }
//! # async fn example() -> Result<String, Box<dyn std::error::Error>> {
//! let host = |id: &str| {
//!     let mut config = EndpointConfig::new(id);
//!     config.max_concurrency = std::num::NonZeroU32::new(4); // the fifth request waits here, not there
//!     config.with(format!("http://{id}:8080"))
//! };
//! let hosts = Balancer::builder()
//!     .strategy(AnyStrategy::from_name("adaptive")?)
//!     .endpoint(host("a"))
//!     .endpoint(host("b"))
//!     .build()?;
//!
//! let mut tried = Tried::default();
//! loop {
//!     let deadline = Some(hosts.now() + Duration::from_secs(30)); // of the waiting in line
//!     let key = Demand::key_of("customer 7"); // customers take turns in line
//!     let lease = hosts.acquire(&Demand { size: 120, key, deadline, tried, ..Demand::default() }).await?;
//!     tried.insert(lease.key()); // another try goes elsewhere
//!     match ask(lease.target()).await {
//!         Ok(answer) => {
//!             lease.succeed();
//!             return Ok(answer);
//!         }
//!         Err(failure) => {
//!             lease.fail(failure);
//!             if !hosts.may_retry() {
//!                 return Err(failure.name().into()); // help must not become the load
//!             }
//!         }
//!     }
//! }
//! # }
//! # let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
//! # assert_eq!(runtime.block_on(example()).unwrap(), "hello");
//! ```
//!
//! # Health
//!
//! How a lease ends is what health is learned from: five failures in a row, or half of those in twenty seconds, and the
//! endpoint is left alone, for a second at first; then one request finds out. [`Failure`] says which endings blame the
//! endpoint: a mistake of the client's never does. Beside that a program may tell what it knows:
//!
//! ```
//! use llm_router_balancer::{Balancer, Demand, Endpoint, Failure, Reason, Standing};
//!
//! let pool = Balancer::builder().endpoint(Endpoint::new("a", ())).endpoint(Endpoint::new("b", ())).build()?;
//! for _ in 0..10 {
//!     let lease = pool.pick(&Demand::default())?;
//!     if lease.endpoint().id() == "a" { lease.fail(Failure::Connect) } else { lease.succeed() }
//! }
//! assert!(matches!(pool.status()[0].standing, Standing::Paused { reason: Reason::Failing, .. }));
//! assert_eq!(pool.pick(&Demand::default())?.endpoint().id(), "b");
//!
//! pool.probe_result("a", true); // an active probe of yours: the next request may find out
//! pool.drain("b"); // by hand: no new leases
//! assert_eq!(pool.pick(&Demand::default())?.endpoint().id(), "a");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Several processes
//!
//! [`BalancerBuilder::store`] has a [`LeaseStore`] grant the permits, so that limits hold over all processes; the
//! module `store::redis` has one, and a program to begin with. [`LocalStore`] stands in for it in tests.
//!
//! # Time
//!
//! The crate knows no runtime. Time comes from a [`Clock`]; a program with a runtime implements it over its own timer,
//! as shown there. [`SystemClock`] starts one thread for all timers of the process when somebody first has to wait, and
//! works with every runtime. [`ManualClock`] is for tests and simulations.
//!
//! # Bounds
//!
//! A balancer holds up to [`Mask::CAPACITY`] (4,096) endpoints and lets [`QueueSettings::max_waiting`] requests wait.
//! Limits hold for this process alone, but under strategies that need permits (`first_available`,
//! `first_available_optim`) with a store.
//!
//! While nobody waits in line, threads share no lock when they pick. Each remembers which endpoints may serve until the
//! health of one changes, so that turns by weight cost the same however many there are, with limits or without; tags
//! and tried endpoints cost an operation for each 64 endpoints. Strategies that compare look at every endpoint. A lease
//! allocates nothing, unless it waits, is explained, comes from a store, or is the first after such a change. A target
//! that was replaced is dropped with its last lease.
//!
//! # Features
//!
//! `redis`: leases that several processes share. `sim`: the simulator; what it finds stands in `docs/SIMULATION.md`.
//! What a pick costs, and what the leases were put through, stands in `docs/FIGURES.md`.

mod acquire;
mod balancer;
mod budget;
mod builder;
mod clock;
mod demand;
mod endpoint;
mod error;
mod ewma;
mod explain;
mod failure;
mod fleet;
mod hash;
mod health;
mod hearsay;
mod hedge;
mod known;
mod latest;
mod lease;
mod lineup;
mod mask;
mod observe;
mod pool;
mod report;
mod select;
pub mod signal;
#[cfg(feature = "sim")]
pub mod sim;
mod state;
pub mod store;
mod stored;
pub mod strategy;
mod sync;
mod view;
mod window;

pub use balancer::Balancer;
pub use budget::{Budget, BudgetSettings};
pub use builder::{BalancerBuilder, BuildError, check_endpoints};
pub use clock::{Clock, ManualClock, Sleep, SystemClock, Tick};
pub use demand::{Demand, Tried};
pub use endpoint::{Endpoint, EndpointConfig, EndpointKey, Tag};
pub use error::{AcquireError, PickError};
pub use explain::{Considered, Explanation, Verdict};
pub use failure::Failure;
pub use fleet::Fleet;
pub use health::{HealthSettings, Reason};
pub use lease::Lease;
pub use mask::{Indices, Mask};
pub use observe::{EndpointStatus, Observer, Outcome, Standing};
pub use pool::QueueSettings;
pub use signal::Signal;
pub use store::{LeaseStore, LocalStore};
pub use strategy::{AnyStrategy, Choice, Needs, Registry, Strategy, UnknownStrategy};
pub use view::{Member, View};
