//! What a request, a model, a provider, a prompt and the settings are; nothing in flight. Translates between the APIs
//! of OpenAI, Ollama, LM Studio and Anthropic: bytes in, bytes out, without I/O.
//!
//! ```
//! use llm_router_core::{
//!     api_type,
//!     operation::Operation,
//!     translate::{Context, Policy, Translation, translate},
//! };
//!
//! // A client speaks Ollama's API, its provider Anthropic's.
//! let body = br#"{"model":"mine","stream":false,"options":{"seed":3},"messages":[{"role":"user","content":"Hello!"}]}"#;
//! let context = Context {
//!     public_model: "mine",              // the client's name for the model, and the provider's
//!     upstream_model: "claude-sonnet-4-5",
//!     now: 1_700_000_000,                // seconds since 1970, for answers that tell the time
//!     seed: "request-17",                // what made-up ids are made of
//!     policy: Policy::Drop,              // of what the provider's API cannot carry
//!     images: &[],
//! };
//! let anthropic = api_type::find("anthropic").ok_or("it is built in")?;
//! let Translation::Send(mut sent) = translate(Operation::OllamaChat, anthropic, body, &context)? else {
//!     return Err("no provider is needed for it".into());
//! };
//! assert!(sent.body.starts_with(br#"{"model":"claude-sonnet-4-5""#));
//! assert_eq!(sent.losses.fields(), ["options.seed"]);
//!
//! let answer = br#"{"id":"m","type":"message","role":"assistant","model":"c","stop_reason":"end_turn",
//!     "content":[{"type":"text","text":"Hi."}],"usage":{"input_tokens":9,"output_tokens":2}}"#;
//! let answer = String::from_utf8(sent.reply.whole(answer)?)?;
//! assert!(answer.contains(r#""message":{"role":"assistant","content":"Hi."}"#), "{answer}");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # The map
//!
//! - [`translate`]: a request for another API, and its answer back, whole ([`ReplyTranslator::whole`]) or piece by
//!   piece ([`ReplyTranslator::frame`]). It goes through one form of all of them, [`canonical`]; [`dialect`] has the
//!   errors and the family of each API.
//! - [`operation::Operation`] is one request format with its answer format; an [`api_type::ApiType`] says which of them
//!   a kind of server offers, where, and how it wants its key. A crate adds its own with `inventory::submit!`.
//! - [`settings::Settings`] and [`catalogue::Catalogue`] are read from texts and checked as a whole; what is wrong
//!   comes back all at once, as [`problem::Problems`]. [`secret::Secret`] keeps keys out of logs.
//! - [`prompts::Prompts`]: system prompts by name and language, built in or from a folder.
//! - [`codec`]: server-sent events and lines of JSON. [`json`]: a look at a body, and a new model name in it, without a
//!   tree.
//!
//! [`ReplyTranslator::whole`]: translate::ReplyTranslator::whole
//! [`ReplyTranslator::frame`]: translate::ReplyTranslator::frame

pub mod api_type;
pub mod canonical;
pub mod catalogue;
pub mod codec;
pub mod dialect;
pub mod json;
pub mod operation;
pub mod problem;
pub mod prompts;
pub mod secret;
pub mod settings;
pub mod translate;
