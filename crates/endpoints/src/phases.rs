//! When things happened to a request, and what failed on its way: what metrics, log lines and traces are made of.

use std::{sync::Arc, time::Duration};

use crate::upstream::UpstreamError;

/// When things happened. Moments are counted from the request's start.
#[derive(Debug, Clone, Copy, Default)]
pub struct Phases {
    /// How long the client's body was waited for.
    pub body: Duration,
    /// How long the request stood in line for a provider, over all attempts.
    pub queued: Duration,
    /// How long pictures that the client gave by URL were fetched.
    pub fetched: Duration,
    /// How long connecting to the last provider took; zero over a kept connection.
    pub connect: Duration,
    /// When the head of the last provider's answer was there.
    pub head: Option<Duration>,
    /// When the first byte of the answer's body was handed to the client's connection.
    pub handed: Option<Duration>,
    /// When the last piece of the answer's body so far came.
    pub last_byte: Option<Duration>,
    /// Pieces of the answer's body that came one after another.
    pub pieces: u32,
    /// The longest time between two of them.
    pub longest_gap: Duration,
}

impl Phases {
    /// Notes a piece of the answer.
    pub(crate) fn piece(&mut self, at: Duration) {
        if let Some(last) = self.last_byte {
            self.longest_gap = self.longest_gap.max(at.saturating_sub(last));
        }
        self.last_byte = Some(at);
        self.pieces = self.pieces.saturating_add(1);
    }
}

/// One attempt that failed.
#[derive(Debug, Clone)]
pub struct Try {
    /// The provider that was asked.
    pub provider: Arc<str>,
    /// What went wrong.
    pub trouble: Trouble,
    /// When it was asked, from the request's start.
    pub began: Duration,
    /// How long it took to fail.
    pub took: Duration,
}

/// A second attempt beside a slow first one.
#[derive(Debug, Clone)]
pub struct Hedge {
    /// Whether the second provider took the place of the first.
    pub won: bool,
    /// The provider that was asked in vain, where it did not fail by itself: one of the two, while neither has answered
    /// the second.
    pub given_up: Option<Arc<str>>,
    /// When the second one was asked, from the request's start.
    pub began: Duration,
}

/// What can go wrong with an attempt. A closed set: it is a metric label.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// No connection.
    Connect,
    /// No connection, head or byte in time.
    Timeout,
    /// The connection broke before the answer.
    Reset,
    /// What came is not an answer of its kind.
    Garbled,
    /// The answer broke off after its beginning had gone to the client.
    Truncated,
    /// Refused with this status.
    Status(u16),
}

impl Trouble {
    /// The words for all there are; statuses that providers seldom use share one.
    pub const NAMES: [&'static str; 12] = [
        "connection_error",
        "timeout",
        "reset",
        "garbled",
        "truncated",
        "429",
        "500",
        "502",
        "503",
        "504",
        "529",
        "5xx",
    ];

    /// Its place among [`Trouble::NAMES`].
    #[must_use]
    pub fn index(self) -> usize {
        match self {
            Self::Connect => 0,
            Self::Timeout => 1,
            Self::Reset => 2,
            Self::Garbled => 3,
            Self::Truncated => 4,
            Self::Status(429) => 5,
            Self::Status(500) => 6,
            Self::Status(502) => 7,
            Self::Status(503) => 8,
            Self::Status(504) => 9,
            Self::Status(529) => 10,
            Self::Status(_) => 11,
        }
    }

    /// The word for it in logs and metrics.
    #[must_use]
    pub fn name(self) -> &'static str {
        Self::NAMES[self.index()]
    }
}

impl From<&UpstreamError> for Trouble {
    fn from(error: &UpstreamError) -> Self {
        match error {
            UpstreamError::Connect(_) => Self::Connect,
            UpstreamError::ConnectTimeout(_) | UpstreamError::HeadTimeout(_) | UpstreamError::FirstTokenTimeout(_) => {
                Self::Timeout
            }
            UpstreamError::Broken(_) | UpstreamError::Stale(_) => Self::Reset,
            UpstreamError::Garbled(_) | UpstreamError::Unreadable(_) | UpstreamError::Redirect(_) => Self::Garbled,
            UpstreamError::Refused(info) => Self::Status(info.status),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_gap_is_the_longest_silence_between_pieces() {
        let mut phases = Phases::default();
        for at in [10, 12, 40, 41] {
            phases.piece(Duration::from_millis(at));
        }
        assert_eq!((phases.pieces, phases.longest_gap), (4, Duration::from_millis(28)));
        assert_eq!(phases.last_byte, Some(Duration::from_millis(41)));
    }

    #[test]
    fn every_trouble_has_a_word_of_the_closed_set() {
        for status in 400..=599 {
            assert!(Trouble::NAMES.contains(&Trouble::Status(status).name()));
        }
        assert_eq!(Trouble::Status(503).name(), "503");
        assert_eq!(Trouble::Status(520).name(), "5xx");
    }
}
