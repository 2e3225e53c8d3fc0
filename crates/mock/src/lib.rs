//! A scripted LLM provider: OpenAI, vLLM, llama.cpp, Ollama, LM Studio and Anthropic answers over a real socket, at a
//! chosen pace and with chosen faults. It is the demo back-end, `llm-router mock`, and the upstream of tests and benches.
//!
//! ```
//! # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
//! use llm_router_mock::{Mock, Script};
//! let server = Mock::spawn(Script::parse("token-delay=1ms").unwrap()).await.unwrap();
//! println!("a provider of every dialect at {}", server.url());
//! assert_eq!(server.stats().max_in_flight, 0);
//! # });
//! ```
//!
//! # What it answers
//! The answer depends on the request alone, so that a test can tell it went through unharmed:
//! - tools offered, and the last turn is no tool result: calls of the first two tools (one where calls must not be
//!   parallel, the named one where one is named), with arguments that fit their schemas; a free string is the last word
//!   the user said;
//! - the last turns are tool results: `The tool said: …`, joined by ` and `;
//! - a JSON schema: a document that fits it; plain JSON mode: `{"you_said": …}`;
//! - else `You said: …` with the text of the last user turn, `I see N images. ` in front when the history has any.
//!
//! Tokens are words with the space before them, counted alike in prompts and answers. `max_tokens` cuts the answer and
//! ends it with the dialect's word for it, stop sequences do too. Embeddings are unit vectors that depend on the text
//! alone. The system prompt of each request stands in the request log. See [`Script`] for everything that can be changed.
//!
//! # Running it
//! [`Mock::serve`] runs where the caller puts it and spawns its connections on the caller's runtime: this crate is a tool
//! at the edge of the tree, not part of the router.

mod ask;
mod connection;
mod control;
mod desk;
mod exchange;
mod failure;
mod frames;
mod meter;
mod pace;
mod render;
mod reply;
mod route;
mod script;
mod server;
mod service;
mod shape;
mod wire;
mod words;

pub use meter::{Outcome, Seen, Stats};
pub use script::{Script, ScriptError};
pub use server::{Mock, MockServer};
