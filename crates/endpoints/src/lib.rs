//! What each URL of llm-router does. Knows HTTP messages and providers, but opens no socket:
//! the way to a provider is the trait [`Upstream`].
//!
//! A router in memory, whose only provider is a function:
//!
//! ```
//! use std::{path::Path, sync::Arc};
//!
//! use http::{Request, Response};
//! use llm_router_core::{
//!     catalogue::{self, Catalogue, ProcessSecrets},
//!     prompts::Prompts,
//!     settings::{Settings, Sources},
//! };
//! use llm_router_endpoints::{Body, BoxFuture, State, Target, Upstream, UpstreamError, answer, strategies};
//!
//! /// Every provider there is.
//! struct Canned;
//!
//! impl Upstream for Canned {
//!     fn send<'a>(
//!         &'a self,
//!         target: &'a Target,
//!         _: Request<Body>,
//!     ) -> BoxFuture<'a, Result<Response<Body>, UpstreamError>> {
//!         let name = target.upstream_model();
//!         let text = format!(r#"{{"choices":[{{"message":{{"role":"assistant","content":"I am {name}."}}}}]}}"#);
//!         Box::pin(async move { Ok(Response::new(text.into())) })
//!     }
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let models = r#"{"active_models": {"chat": ["a"]}, "chat": {"a": {"providers": [
//!     {"id": "one", "api_type": "openai", "api_host": "http://anywhere", "model_path": "b"}]}}}"#;
//! let strategies = strategies();
//! let settings = Settings::load(Sources { strategies: &strategies, ..Sources::default() })?.settings;
//! let context = catalogue::Context { secrets: &ProcessSecrets, strategies: &strategies };
//! let (catalogue, _warnings) = Catalogue::load(models, "in memory", context)?;
//! let (prompts, _warnings) = Prompts::load(Path::new("prompts"), "en")?; // need not be there
//! let state = Arc::new(State::new(Arc::new(settings), catalogue, prompts)?);
//!
//! let question = r#"{"model":"a","messages":[{"role":"user","content":"Who are you?"}]}"#;
//! let request = Request::post("/v1/chat/completions").body(Body::from(question))?;
//! let answer = answer(&state, Arc::new(Canned), Arc::new(()), request).await;
//! assert_eq!(answer.status(), 200);
//! let text = answer.into_body().read(1 << 20).await?;
//! assert!(String::from_utf8_lossy(&text).contains("I am b."));
//! # Ok(())
//! # }
//! ```
//!
//! # The map
//!
//! - [`State`] is one snapshot of settings, models, prompts, routes and balancers; a [`Pool`] is a model and the
//!   balancer over its providers, each made ready as a [`Target`]. [`answer`] answers a request from it.
//! - An [`Endpoint`] has [routes](route::Route) and answers a [`Call`], or says why not with an [`Error`]. Three ways
//!   to write one: implement it; declare a [`Passthrough`]; or write a [`text::Prompted`], which asks a model with a
//!   prompt. It registers itself with `inventory::submit! { Registration(&…) }`, in this crate or any other.
//! - [`forward`] is the way to a provider: it picks one, sends, takes another when the first fails, and hands the
//!   answer on in a [`Body`] that settles the lease at its end.
//! - [`Upstream`] carries one request to one target; `llm-router-server` has the one with sockets.
//! - An [`Observer`] is told the [`Facts`] of every request when it is over; a [`Record`] gathers them.
//! - [`Memory`] bounds what bodies may take in all; [`Life`] tells requests under way when the process ends.

mod affinity;
mod answer;
mod attempts;
mod body;
mod boundary;
mod call;
mod capture;
mod client_key;
mod coding;
mod detour;
mod endpoint;
pub mod error;
mod forward;
mod gather;
mod headers;
mod hedge;
mod images;
mod joined;
mod judge;
mod lanes;
mod leaving;
mod life;
mod lists;
mod memory;
pub mod moment;
mod operator;
mod passthrough;
mod phases;
mod ping;
mod preamble;
mod prepare;
pub mod probes;
mod record;
mod redact;
mod relay;
pub mod route;
mod several;
mod shared_leases;
mod state;
mod target;
pub mod text;
mod trace;
mod upstream;
mod view;
mod waiting;
mod wish;

pub use answer::answer;
pub use body::{Body, BodyError, Frames};
pub use call::Call;
pub use capture::{Captured, CapturedBody};
pub use client_key::ClientKey;
pub use endpoint::{Endpoint, Registration, all};
pub use error::Error;
pub use forward::forward;
pub use headers::REQUEST_ID;
pub use images::ImageFault;
pub use life::{Life, Phase, Until};
pub use memory::{Held, Memory};
pub use passthrough::Passthrough;
pub use phases::{Hedge, Phases, Trouble, Try};
pub use record::{Facts, Observer, Outcome, Record};
pub use shared_leases::SharedLeases;
pub use state::{Lease, Pool, State, StateError, strategies};
pub use target::Target;
pub use trace::Trace;
pub use upstream::{BoxFuture, Connected, FetchFault, Remote, Upstream, UpstreamError};
