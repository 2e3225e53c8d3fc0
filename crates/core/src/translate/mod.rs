//! Carries a request from one dialect to another, and its answer back.
