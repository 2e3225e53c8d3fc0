//! The integration tests of the core crate.

mod json;
mod translate;
