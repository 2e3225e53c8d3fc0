//! The integration tests of the core crate.

mod golden;
mod json;
mod translate;
mod vanish;
