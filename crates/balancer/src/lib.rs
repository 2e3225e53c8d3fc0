//! Picks one of several targets, holds it, and learns from how it went.

pub mod signal;
pub mod store;
