//! Why a benchmark could not be run, or did not go well.

use std::io;
use std::net::SocketAddr;

/// An end without a usable measurement.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The host of a target could not be resolved.
    #[error("{target}: no address: {reason}")]
    NoAddress {
        /// Name of the target.
        target: String,
        /// What the resolver said.
        reason: String,
    },
    /// A target is not on this machine.
    #[error("{target}: {address} is not a loopback address; a load on other machines needs --allow-remote")]
    NotLoopback {
        /// Name of the target.
        target: String,
        /// The first address that is not loopback.
        address: SocketAddr,
    },
    /// The process given for a target does not exist, or this system has no `/proc`.
    #[error("{target}: no process {pid} under /proc")]
    NoProcess {
        /// Name of the target.
        target: String,
        /// The process id given.
        pid: u32,
    },
    /// An option names a target that there is none of.
    #[error("no target is named {name:?}; there are {names}")]
    NoTarget {
        /// The name given.
        name: String,
        /// Those there are.
        names: String,
    },
    /// Some answers were wrong; the report says which.
    #[error("{0} wrong answers")]
    WrongAnswers(u64),
    /// A socket or the output failed.
    #[error("{what}")]
    Io {
        /// What was tried.
        what: &'static str,
        /// What the system said.
        source: io::Error,
    },
}

impl Error {
    /// For `map_err`: says what was tried.
    pub(crate) fn io(what: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { what, source }
    }
}
