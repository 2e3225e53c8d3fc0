//! Sockets, connections to providers, signals and logs: what turns the endpoints into a running service.
//!
//! The whole router inside another program:
//!
//! ```
//! use std::{sync::Arc, time::Duration};
//!
//! use llm_router_core::settings::Sources;
//! use llm_router_server::{Models, Running, load};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let sources = Sources::default().flag("server_host", "127.0.0.1").flag("server_port", 0).flag("admin_port", "");
//! let settings = load::settings(sources)?.settings;
//! let models = Models::from_text(
//!     r#"{"active_models": {"chat": ["llama3"]}, "chat": {"llama3": {"providers": [
//!         {"id": "gpu-1", "api_type": "vllm", "api_host": "http://127.0.0.1:9"}]}}}"#,
//! );
//! let (state, warnings) = load::state(settings, &models)?;
//! assert!(warnings.is_empty());
//! let router = Running::start(state, Arc::new(()))?;
//! println!("serving on http://{}", router.address());
//! let drained = router.stop(Duration::from_secs(10)).await; // or until_signal(), as the binary does
//! assert!(drained, "requests were cut");
//! # Ok(())
//! # }
//! ```
//!
//! It has threads of its own, however the program runs; `stop` waits for requests under way, and says whether all had
//! ended by themselves. `examples/embed.rs` sends a request through one, `examples/own_parts.rs` adds a provider type
//! and a strategy, `examples/own_endpoint.rs` a route.
//!
//! # The map
//!
//! - [`load`] reads what a router is made of: [`load::settings`], [`Models`], and of both the
//!   [`State`](llm_router_endpoints::State) to start with. All mistakes are reported at once.
//! - [`Running`] is a router that serves: its address, its end ([`Running::stop`], [`Running::until_signal`]), and what
//!   an operator may ask for: [`Running::reloads_from`] an [`Origin`], [`Running::upgrades_to`] a [`Program`].
//! - Whoever wants to know of requests gives an [`Observer`](llm_router_endpoints::Observer): `()` does not want to, an
//!   [`AccessLog`] writes a line for each to a [`log::Log`].
//! - [`Shared`] is what its threads have in common: the present state, to be replaced by [`Shared::swap`], and the
//!   [`Witness`] that counts and remembers requests.
//! - [`Connections`] is the way to providers, an [`Upstream`](llm_router_endpoints::Upstream); [`fetch`] sends one
//!   request over a connection of its own.
//! - [`Page`] is a page for operators; it registers itself like an endpoint.
//! - [`doctor`] and [`simulate`] are what the subcommands of these names do.

mod access;
mod admin;
mod bodies;
mod conduit;
mod connection;
mod cors;
pub mod doctor;
pub mod fetch;
mod handover;
mod history;
mod http1;
mod listener;
pub mod load;
pub mod log;
mod metrics;
mod otlp;
mod probe;
mod redis;
mod reload;
mod request_id;
pub mod ring;
mod running;
mod service;
pub mod simulate;
mod stamp;
mod tasks;
mod tls;
mod trace;
mod upstream;
mod watch;
mod witness;
mod worker;

pub use access::AccessLog;
pub use admin::{Page, Visit};
pub use handover::{Inherited, Program, UpgradeError};
pub use listener::ListenError;
pub use llm_router_endpoints::{Life, Phase};
pub use load::Models;
pub use reload::{Origin, Reloaded};
pub use running::{Running, StartError};
pub use tls::TlsError;
pub use upstream::{Connections, Trust, TrustError, trust};
pub use witness::Witness;
pub use worker::{Shared, Worker};
