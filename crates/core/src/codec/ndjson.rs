//! One JSON object a line, as Ollama streams.

use serde::Serialize;

use super::line::{CodecError, Ending, LineCutter};
use crate::json::{Object, object};

/// Reads lines of JSON from bytes that come in any pieces.
#[derive(Debug)]
pub struct NdjsonDecoder {
    lines: LineCutter,
}

impl NdjsonDecoder {
    /// A decoder that takes lines of at most `limit` bytes.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        Self { lines: LineCutter::new(Ending::LineFeed, limit) }
    }

    /// Hands every line that `bytes` completes to `sink`; empty lines are skipped.
    ///
    /// # Errors
    /// A line over the limit, or what `sink` returns.
    pub fn feed<E: From<CodecError>>(
        &mut self,
        bytes: &[u8],
        mut sink: impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        self.lines.feed(bytes, |line| match line.trim_ascii() {
            [] => Ok(()),
            line => sink(line),
        })
    }

    /// How many bytes of an unfinished line wait.
    #[must_use]
    pub fn held(&self) -> usize {
        self.lines.held()
    }

    /// Whether the stream stands inside a line.
    #[must_use]
    pub fn is_inside(&self) -> bool {
        self.lines.held() > 0
    }
}

/// Appends `value` as one line.
pub fn write_line(out: &mut Vec<u8>, value: &impl Serialize) {
    serde_json::to_writer(&mut *out, value).expect("our own types are JSON, and a Vec takes every byte");
    out.push(b'\n');
}

/// Appends an object with the members that `fill` writes as one line.
pub(crate) fn write_line_of(out: &mut Vec<u8>, fill: impl FnOnce(&mut Object<'_>)) {
    object(out, fill);
    out.push(b'\n');
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn lines(pieces: &[&[u8]]) -> Vec<String> {
        let mut decoder = NdjsonDecoder::new(64);
        let mut got = Vec::new();
        for piece in pieces {
            decoder
                .feed::<CodecError>(piece, |line| {
                    got.push(String::from_utf8(line.to_vec()).unwrap());
                    Ok(())
                })
                .unwrap();
        }
        got
    }

    #[test]
    fn blank_lines_and_carriage_returns_do_not_matter() {
        assert_eq!(lines(&[b"{\"a\":1}\r\n\n  \r\n{\"b\":2}\n{\"c\""]), ["{\"a\":1}", "{\"b\":2}"]);
    }

    #[test]
    fn a_line_without_end_is_refused_at_the_limit() {
        let mut decoder = NdjsonDecoder::new(8);
        let end = decoder.feed::<CodecError>(b"0123456789", |_| Ok(()));
        assert_eq!(end, Err(CodecError::TooLong { limit: 8 }));
    }

    proptest! {
        #[test]
        fn it_does_not_matter_how_bytes_are_split(cuts in prop::collection::vec(0usize..60, 0..8)) {
            let text = "{\"a\":\"żółć\"}\r\n\n{\"b\":\"\u{1f600}\"}\n{\"c\":3}\n".as_bytes();
            let mut at = 0;
            let mut pieces = Vec::new();
            let mut sorted: Vec<_> = cuts.into_iter().map(|c| c.min(text.len())).collect();
            sorted.sort_unstable();
            for cut in sorted {
                pieces.push(&text[at..cut]);
                at = cut;
            }
            pieces.push(&text[at..]);
            prop_assert_eq!(lines(&pieces), lines(&[text]));
        }
    }
}
