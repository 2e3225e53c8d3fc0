//! Comments that keep a silent stream of server-sent events alive: between events, never inside one.

use bytes::Bytes;

/// Where a stream of server-sent events stands: at the end of an event, or inside one.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Boundary {
    last: [u8; 4],
}

impl Default for Boundary {
    /// Before the first byte a comment can stand.
    fn default() -> Self {
        Self { last: *b"\0\0\n\n" }
    }
}

impl Boundary {
    /// A line that begins with a colon says nothing (HTML standard, 9.2.6).
    pub(crate) const COMMENT: Bytes = Bytes::from_static(b": keep-alive\n\n");

    /// Notes bytes that went to the client.
    pub(crate) fn passed(&mut self, data: &[u8]) {
        if let Some((_, last)) = data.split_last_chunk::<4>() {
            self.last = *last;
            return;
        }
        for byte in data {
            self.last.rotate_left(1);
            self.last[3] = *byte;
        }
    }

    /// Whether an event has just ended.
    pub(crate) fn is_here(self) -> bool {
        self.last.ends_with(b"\n\n") || self.last == *b"\r\n\r\n" || self.last.ends_with(b"\r\r")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_comment_may_stand_between_events_alone() {
        for (text, good) in
            [("", true), ("data: 1\n\n", true), ("data: 1\r\n\r\n", true), ("data: 1\n", false), ("da", false)]
        {
            let (mut whole, mut bytewise) = (Boundary::default(), Boundary::default());
            whole.passed(text.as_bytes());
            text.bytes().for_each(|byte| bytewise.passed(&[byte]));
            assert_eq!((whole.is_here(), bytewise.is_here()), (good, good), "{text:?}");
        }
    }
}
