//! Cuts bytes into lines, however they are split on the way here.

use memchr::{memchr, memchr2};

/// Why bytes of a stream cannot be read on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CodecError {
    /// A line or an event is longer than allowed.
    #[error("an event in the stream is longer than {limit} bytes")]
    TooLong {
        /// The most bytes an event may have.
        limit: usize,
    },
}

/// Which bytes end a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    /// `\n`, `\r\n` or `\r` (server-sent events).
    Any,
    /// `\n` only (lines of JSON).
    LineFeed,
}

/// Holds the beginning of a line until its end comes.
#[derive(Debug)]
pub(super) struct LineCutter {
    ending: Ending,
    limit: usize,
    held: Vec<u8>,
    skip_line_feed: bool,
}

impl LineCutter {
    pub(super) fn new(ending: Ending, limit: usize) -> Self {
        Self { ending, limit, held: Vec::new(), skip_line_feed: false }
    }

    /// How many bytes of an unfinished line wait.
    pub(super) fn held(&self) -> usize {
        self.held.len()
    }

    /// Hands every line that `bytes` completes to `sink`, without its ending.
    pub(super) fn feed<E: From<CodecError>>(
        &mut self,
        mut bytes: &[u8],
        mut sink: impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        while !bytes.is_empty() {
            if std::mem::take(&mut self.skip_line_feed) && bytes[0] == b'\n' {
                bytes = &bytes[1..];
                continue;
            }
            let Some(end) = self.find(bytes) else {
                self.check(bytes.len())?;
                self.held.extend_from_slice(bytes);
                return Ok(());
            };
            self.check(end)?;
            let (line, after) = (&bytes[..end], &bytes[end + 1..]);
            self.skip_line_feed = bytes[end] == b'\r';
            bytes = after;
            if self.held.is_empty() {
                sink(line)?;
            } else {
                self.held.extend_from_slice(line);
                let done = sink(&self.held);
                self.held.clear();
                done?;
            }
        }
        Ok(())
    }

    fn find(&self, bytes: &[u8]) -> Option<usize> {
        match self.ending {
            Ending::Any => memchr2(b'\n', b'\r', bytes),
            Ending::LineFeed => memchr(b'\n', bytes),
        }
    }

    fn check(&self, more: usize) -> Result<(), CodecError> {
        if self.held.len() + more > self.limit {
            return Err(CodecError::TooLong { limit: self.limit });
        }
        Ok(())
    }
}
