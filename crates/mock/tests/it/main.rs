//! The mock over raw sockets: every answer and every fault as a client sees it, byte by byte.
#![expect(clippy::unwrap_used, reason = "a test that unwraps fails where it should")]

mod anthropic;
mod faults;
mod house;
mod ollama;
mod openai;
mod raw;
mod reading;
mod script;
