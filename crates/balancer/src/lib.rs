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
mod hedge;
mod lease;
mod mask;
mod observe;
mod pool;
mod report;
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
