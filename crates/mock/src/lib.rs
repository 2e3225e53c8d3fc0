//! A scripted LLM provider: OpenAI, vLLM, llama.cpp, Ollama, LM Studio and Anthropic answers over a real socket, at a
//! chosen pace and with chosen faults. It is the demo back-end, `llm-router mock`, and the upstream of tests and
//! benches.
//!
//! ```
//! use std::time::Duration;
//!
//! use llm_router_mock::{Mock, Script};
//! use tokio::{io::AsyncWriteExt as _, net::TcpStream};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let mock = Mock::spawn(Script::parse("token-delay=1ms fail-first=1 status=503")?).await?;
//! println!("a provider of every dialect at {}", mock.url());
//!
//! // The client under test asks; this one is a socket.
//! let mut client = TcpStream::connect(mock.addr()).await?;
//! client.write_all(b"POST /v1/completions HTTP/1.1\r\nhost: x\r\ncontent-length: 25\r\n\r\n").await?;
//! client.write_all(br#"{"model":"a","prompt":""}"#).await?;
//!
//! let stats = mock.wait_for(Duration::from_secs(10), |stats| stats.finished == 1).await.map_err(|_| "no request")?;
//! assert_eq!(stats.max_in_flight, 1);
//! let seen = &mock.requests()[0]; // what was asked, and what became of it
//! assert_eq!((seen.target.as_str(), seen.status), ("/v1/completions", Some(503)));
//! mock.set_script(Script::parse("cut=event:3")?); // from now on every stream breaks off
//! # Ok(())
//! # }
//! ```
//!
//! `examples/tests/scripted_provider.rs` has whole tests.
//!
//! # The map
//! - [`Mock::spawn`] serves on a free port in the current runtime; [`Mock::bind`] and [`Mock::serve`] where you say.
//! - [`MockServer`] is the handle on it: its address, [`Stats`] and the requests [`Seen`], and [`MockServer::wait_for`]
//!   to wait for a count, bounded. Another [`Script`] may take the place of the first at any time.
//! - [`Script`] says what it answers, how slowly, and what it breaks; [`Script::grammar`] is the reference.
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
//! alone. The system prompt of each request stands in [`Seen::system`]. See [`Script`] for everything that can be
//! changed.
//!
//! # Running it
//! [`Mock::serve`] runs where the caller puts it and spawns its connections on the caller's runtime: this crate is a
//! tool at the edge of the tree, not part of the router.

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
