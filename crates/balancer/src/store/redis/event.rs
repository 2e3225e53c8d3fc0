//! What happens to a store, told once per change.

/// A change worth a line in a log. Says nothing secret.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum StoreEvent {
    /// Redis answers.
    Up,
    /// Redis does not answer, or refuses to write.
    Down {
        /// What it said, or what the connection said.
        reason: String,
    },
    /// Another server process answers: a restart or a promotion. It grants nothing for a while.
    Quarantine {
        /// For so long, in ms.
        left_ms: u64,
    },
    /// Leases that were held are no longer.
    Lost {
        /// How many.
        leases: usize,
    },
    /// The number of processes that share the pool changed.
    Peers {
        /// How many there are, this one included.
        count: u32,
    },
    /// Redis would throw leases away when its memory is full.
    Evicts {
        /// Its `maxmemory-policy`.
        policy: String,
    },
}

impl std::fmt::Display for StoreEvent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Up => write!(f, "redis answers"),
            Self::Down { reason } => write!(f, "redis does not answer: {reason}"),
            Self::Quarantine { left_ms } => write!(f, "redis was replaced; it grants nothing for {left_ms} ms"),
            Self::Lost { leases } => write!(f, "{leases} leases were lost"),
            Self::Peers { count: 1 } => write!(f, "no other process shares the pool"),
            Self::Peers { count } => write!(f, "{count} processes share the pool"),
            Self::Evicts { policy } => write!(f, "redis evicts leases: maxmemory-policy {policy}"),
        }
    }
}
