//! The mock over raw sockets: every answer and every fault as a client sees it, byte by byte.

mod anthropic;
mod ollama;
mod openai;
mod raw;
mod script;
