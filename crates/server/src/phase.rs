//! The life of the process: running, draining, over.

use tokio::sync::watch;

/// Where the process is in its life. It only goes forward.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// Requests are taken.
    Running,
    /// No new connections; requests under way go on.
    Draining,
    /// Whatever is left is cut.
    Over,
}

/// Sets the phase. Clones are readers' sources.
#[derive(Debug, Clone)]
pub struct Life(watch::Sender<Phase>);

impl Default for Life {
    fn default() -> Self {
        Self(watch::Sender::new(Phase::Running))
    }
}

impl Life {
    /// Goes on to a later phase; never back.
    pub fn advance(&self, to: Phase) {
        self.0.send_if_modified(|phase| {
            let later = to > *phase;
            if later {
                *phase = to;
            }
            later
        });
    }

    /// The present phase.
    #[must_use]
    pub fn phase(&self) -> Phase {
        *self.0.borrow()
    }

    /// Completes when the phase is `wanted` or a later one.
    pub async fn reached(&self, wanted: Phase) {
        // The sender lives as long as `self`, so waiting cannot fail.
        let _ = self.0.subscribe().wait_for(|phase| *phase >= wanted).await;
    }
}
