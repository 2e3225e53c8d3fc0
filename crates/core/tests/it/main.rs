//! The integration tests of the core crate.

mod echo;
mod golden;
mod json;
mod odd_providers;
mod picky_models;
mod round_trip;
mod token_limits;
mod translate;
mod vanish;
