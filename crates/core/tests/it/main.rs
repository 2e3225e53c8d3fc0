//! The integration tests of the core crate.

mod golden;
mod json;
mod round_trip;
mod translate;
mod vanish;
