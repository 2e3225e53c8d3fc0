//! What each URL of llm-router does. Knows HTTP messages and providers, but opens no socket:
//! the way to a provider is the trait [`Upstream`].

mod affinity;
mod attempts;
mod body;
mod boundary;
mod call;
mod endpoint;
pub mod error;
mod forward;
mod headers;
mod judge;
mod keep_alive;
mod life;
mod lists;
mod passthrough;
mod phases;
mod ping;
mod preamble;
mod prepare;
pub mod probes;
mod record;
mod relay;
pub mod route;
mod shared_leases;
mod state;
mod target;
pub mod text;
mod trace;
mod upstream;
mod view;
mod waiting;

pub use body::{Body, BodyError, Frames};
pub use call::Call;
pub use endpoint::{Endpoint, Registration, all};
pub use error::Error;
pub use forward::forward;
pub use headers::REQUEST_ID;
pub use life::{Life, Phase};
pub use passthrough::Passthrough;
pub use phases::{Phases, Trouble, Try};
pub use record::{Facts, Observer, Outcome, Record};
pub use shared_leases::SharedLeases;
pub use state::{Lease, Pool, State, StateError, strategies};
pub use target::Target;
pub use trace::Trace;
pub use upstream::{BoxFuture, Connected, Upstream, UpstreamError};
