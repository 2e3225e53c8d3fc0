//! The balancer from outside, on a clock that the tests move.

#![expect(clippy::unwrap_used, reason = "the helpers of tests may unwrap as the tests do")]

mod changes;
mod conservation;
mod examples;
mod fairness;
mod health;
mod line;
mod many;
mod residency;
#[cfg(feature = "sim")]
mod sim;
mod store;
mod strategies;
mod support;
