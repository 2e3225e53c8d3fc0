//! Server-sent events (WHATWG HTML, section 9.2), read and written.

use serde::Serialize;

use super::line::{CodecError, Ending, LineCutter};
use crate::json::{Object, object};

/// One event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SseEvent<'a> {
    /// The `event` field; empty where the event has none.
    pub name: &'a str,
    /// The `data` lines, joined by `\n`.
    pub data: &'a [u8],
}

/// Reads server-sent events from bytes that come in any pieces.
///
/// Comments, `id` and `retry` are skipped, as are events without data. A field `error` with an object is an event
/// `error`. An event that its blank line has not ended is not an event yet, so a cut stream never looks whole.
///
/// ```
/// use llm_router_core::codec::{CodecError, DEFAULT_LIMIT, SseDecoder};
///
/// let mut decoder = SseDecoder::new(DEFAULT_LIMIT);
/// let mut seen = Vec::new();
/// for piece in [&b"event: delta\nda"[..], b"ta: {}\n\n", b"data: cut"] {
///     decoder.feed(piece, |event| {
///         seen.push((event.name.to_owned(), event.data.to_vec()));
///         Ok::<(), CodecError>(()) // or an error of your own that a CodecError turns into
///     })?;
/// }
/// assert_eq!(seen, [("delta".to_owned(), b"{}".to_vec())]);
/// assert!(decoder.is_inside(), "the second event was cut short");
/// # Ok::<(), CodecError>(())
/// ```
#[derive(Debug)]
pub struct SseDecoder {
    lines: LineCutter,
    limit: usize,
    name: String,
    data: Vec<u8>,
    has_data: bool,
    first: bool,
}

impl SseDecoder {
    /// A decoder that takes events of at most `limit` bytes.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        Self {
            lines: LineCutter::new(Ending::Any, limit),
            limit,
            name: String::new(),
            data: Vec::new(),
            has_data: false,
            first: true,
        }
    }

    /// Hands every event that `bytes` completes to `sink`.
    ///
    /// # Errors
    /// An event over the limit, or what `sink` returns.
    pub fn feed<E: From<CodecError>>(
        &mut self,
        bytes: &[u8],
        mut sink: impl FnMut(SseEvent<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let Self { lines, limit, name, data, has_data, first } = self;
        lines.feed(bytes, |line| {
            let line = if std::mem::take(first) { line.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(line) } else { line };
            if line.is_empty() {
                let done = if *has_data { sink(SseEvent { name, data }) } else { Ok(()) };
                name.clear();
                data.clear();
                *has_data = false;
                return done;
            }
            let (field, value) = split(line);
            match field {
                b"data" => {
                    if data.len() + value.len() > *limit {
                        return Err(CodecError::TooLong { limit: *limit }.into());
                    }
                    if std::mem::replace(has_data, true) {
                        data.push(b'\n');
                    }
                    data.extend_from_slice(value);
                }
                b"event" => {
                    name.clear();
                    name.push_str(std::str::from_utf8(value).unwrap_or_default());
                }
                // Not in the standard: how llama.cpp told errors for long.
                b"error" if value.starts_with(b"{") => {
                    name.clear();
                    name.push_str("error");
                    data.clear();
                    data.extend_from_slice(value);
                    *has_data = true;
                }
                _ => {}
            }
            Ok(())
        })
    }

    /// How many bytes of an unfinished event wait.
    #[must_use]
    pub fn held(&self) -> usize {
        self.lines.held() + self.data.len()
    }

    /// Whether the stream stands inside an event.
    #[must_use]
    pub fn is_inside(&self) -> bool {
        self.lines.held() > 0 || self.has_data
    }
}

/// Appends an event with `value` as its data.
pub fn write_event(out: &mut Vec<u8>, value: &impl Serialize) {
    out.extend_from_slice(b"data: ");
    serde_json::to_writer(&mut *out, value).expect("our own types are JSON, and a Vec takes every byte");
    out.extend_from_slice(b"\n\n");
}

/// Appends an event whose data is an object with the members that `fill` writes.
pub(crate) fn write_event_of(out: &mut Vec<u8>, fill: impl FnOnce(&mut Object<'_>)) {
    out.extend_from_slice(b"data: ");
    object(out, fill);
    out.extend_from_slice(b"\n\n");
}

/// Appends an event called `name` whose data is an object of this type, with the members that `fill` writes.
pub(crate) fn write_typed_event(out: &mut Vec<u8>, name: &'static str, fill: impl FnOnce(&mut Object<'_>)) {
    out.extend_from_slice(b"event: ");
    out.extend_from_slice(name.as_bytes());
    out.push(b'\n');
    write_event_of(out, |out| {
        out.put("type", name);
        fill(out);
    });
}

/// Appends an event called `name` with `value` as its data.
pub fn write_named_event(out: &mut Vec<u8>, name: &str, value: &impl Serialize) {
    out.extend_from_slice(b"event: ");
    out.extend_from_slice(name.as_bytes());
    out.push(b'\n');
    write_event(out, value);
}

/// A line's field name and value; a comment has an empty name. One space after the colon is not part of the value.
fn split(line: &[u8]) -> (&[u8], &[u8]) {
    match memchr::memchr(b':', line) {
        Some(colon) => {
            let value = &line[colon + 1..];
            (&line[..colon], value.strip_prefix(b" ").unwrap_or(value))
        }
        None => (line, b""),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn events(pieces: &[&[u8]]) -> Vec<(String, String)> {
        let mut decoder = SseDecoder::new(1024);
        let mut got = Vec::new();
        for piece in pieces {
            decoder
                .feed::<CodecError>(piece, |event| {
                    got.push((event.name.to_owned(), String::from_utf8(event.data.to_vec()).unwrap()));
                    Ok(())
                })
                .unwrap();
        }
        got
    }

    fn event(name: &str, data: &str) -> (String, String) {
        (name.to_owned(), data.to_owned())
    }

    #[test]
    fn fields_are_read_as_the_standard_says() {
        let text = "\u{feff}data:no space\n\ndata:  two spaces\r\n\r\n: ping\n\nevent: a\rdata: 1\rdata: 2\r\r\
                    id: 7\nretry: 1\ndata\n\nevent: only a name\n\n";
        assert_eq!(
            events(&[text.as_bytes()]),
            [event("", "no space"), event("", " two spaces"), event("a", "1\n2"), event("", "")]
        );
    }

    #[test]
    fn a_field_for_errors_is_an_event_of_that_name() {
        assert_eq!(
            events(&[b"data: 1\n\nerror: {\"code\":500}\n\n"]),
            [event("", "1"), event("error", "{\"code\":500}")]
        );
        assert!(events(&[b"error: loud\n\n"]).is_empty());
    }

    #[test]
    fn an_event_is_not_there_before_its_blank_line() {
        assert!(events(&[b"data: [DONE]\n"]).is_empty());
        assert_eq!(events(&[b"data: [DONE]\n", b"\n"]), [event("", "[DONE]")]);
    }

    #[test]
    fn too_long_an_event_is_refused_in_one_line_or_in_many() {
        for text in [&b"data: 0123456789"[..], b"data: 0123\ndata: 4567\ndata: 89\n"] {
            let mut decoder = SseDecoder::new(9);
            let end = decoder.feed::<CodecError>(text, |_| Ok(()));
            assert_eq!(end, Err(CodecError::TooLong { limit: 9 }));
        }
    }

    proptest! {
        #[test]
        fn it_does_not_matter_how_bytes_are_split(cuts in prop::collection::vec(0usize..90, 0..10)) {
            let text = "event: x\r\ndata: {\"a\":\"żółć\"}\r\n\r\n: note\n\ndata:\u{1f600}\rdata: b\r\rdata: [DONE]\n\n".as_bytes();
            let mut sorted: Vec<_> = cuts.into_iter().map(|c| c.min(text.len())).collect();
            sorted.sort_unstable();
            let mut at = 0;
            let mut pieces = Vec::new();
            for cut in sorted {
                pieces.push(&text[at..cut]);
                at = cut;
            }
            pieces.push(&text[at..]);
            prop_assert_eq!(events(&pieces), events(&[text]));
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let mut decoder = SseDecoder::new(64);
            let _ = decoder.feed::<CodecError>(&bytes, |_| Ok(()));
        }
    }
}
