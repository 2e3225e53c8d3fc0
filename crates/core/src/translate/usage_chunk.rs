//! Asks an OpenAI-compatible provider for usage numbers in a stream, and takes the extra chunk out again for a client
//! that did not ask.

use memchr::{memchr, memmem};
use serde::{Deserialize, de::IgnoredAny};
use serde_json::{Map, Value};

use crate::{canonical::Usage, dialect::openai, json::Peek};

/// The body with `stream_options.include_usage` set; `None` where the client set it already.
///
/// For bodies of chat completions and completions that stream; other fields keep their bytes.
#[must_use]
pub fn ask_usage(peek: &Peek<'_>) -> Option<Vec<u8>> {
    let body = peek.body();
    let Some(given) = peek.stream_options() else {
        if memmem::find(body, b"\"stream_options\"").is_some() {
            return replace_null(body);
        }
        let open = memchr(b'{', body)? + 1;
        let mut out = Vec::with_capacity(body.len() + 48);
        out.extend_from_slice(&body[..open]);
        out.extend_from_slice(br#""stream_options":{"include_usage":true},"#);
        out.extend_from_slice(&body[open..]);
        return Some(out);
    };
    let mut options: Map<String, Value> = serde_json::from_slice(given).ok()?;
    if options.insert("include_usage".to_owned(), true.into()) == Some(Value::Bool(true)) {
        return None;
    }
    let start = given.as_ptr() as usize - body.as_ptr() as usize;
    let mut out = Vec::with_capacity(body.len() + 24);
    out.extend_from_slice(&body[..start]);
    out.extend_from_slice(Value::Object(options).to_string().as_bytes());
    out.extend_from_slice(&body[start + given.len()..]);
    Some(out)
}

/// For a body that says `"stream_options": null`, which is rare enough to be parsed and written again.
fn replace_null(body: &[u8]) -> Option<Vec<u8>> {
    let mut value: Map<String, Value> = serde_json::from_slice(body).ok()?;
    value.insert("stream_options".to_owned(), serde_json::json!({"include_usage": true}));
    Some(Value::Object(value).to_string().into_bytes())
}

/// An event longer than this, in bytes, is no chunk of numbers, and is not waited for.
const LONGEST: usize = 64 * 1024;

/// Takes the chunk that holds nothing but usage numbers out of a stream of server-sent events.
#[derive(Debug, Default)]
pub struct UsageFilter {
    /// An event that is not complete yet.
    pending: Vec<u8>,
    usage: Option<Usage>,
}

#[derive(Deserialize)]
struct Chunk {
    choices: Vec<IgnoredAny>,
    usage: openai::UsageWire,
}

impl UsageFilter {
    /// Takes the next bytes, and appends what the client is to see: whole events, byte for byte.
    pub fn feed(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        let searched = self.pending.len();
        self.pending.extend_from_slice(bytes);
        let mut start = 0;
        let mut from = searched.saturating_sub(3);
        while let Some(end) = event_end(&self.pending, from.max(start)) {
            let event = &self.pending[start..end];
            match usage_of(event) {
                Some(usage) => self.usage = Some(usage),
                None => out.extend_from_slice(event),
            }
            start = end;
            from = end;
        }
        self.pending.drain(..start);
        if self.pending.len() > LONGEST {
            out.append(&mut self.pending);
        }
    }

    /// The stream has ended: appends what is left of an event that was cut short.
    pub fn finish(&mut self, out: &mut Vec<u8>) {
        out.append(&mut self.pending);
    }

    /// Bytes that are kept until their event is complete.
    #[must_use]
    pub fn held(&self) -> usize {
        self.pending.len()
    }

    /// The usage numbers that were taken out.
    #[must_use]
    pub fn usage(&self) -> Option<Usage> {
        self.usage
    }
}

/// Where the first event that ends after `from` ends: behind its blank line.
fn event_end(bytes: &[u8], from: usize) -> Option<usize> {
    let mut at = from;
    while let Some(found) = memchr(b'\n', &bytes[at..]) {
        at += found + 1;
        match &bytes[at..] {
            [b'\n', ..] => return Some(at + 1),
            [b'\r', b'\n', ..] => return Some(at + 2),
            _ => {}
        }
    }
    None
}

/// The usage numbers of a chunk that has nothing else.
fn usage_of(event: &[u8]) -> Option<Usage> {
    let after = event[memmem::rfind(event, b"\"usage\"")? + 7..].trim_ascii_start().strip_prefix(b":")?;
    if !after.trim_ascii_start().starts_with(b"{") {
        return None;
    }
    let data = &event[memmem::find(event, b"data:")? + 5..];
    let chunk: Chunk = serde_json::from_slice(data.trim_ascii()).ok()?;
    chunk.choices.is_empty().then(|| chunk.usage.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wish_is_put_in_once_and_the_rest_stays() {
        let ask = |body: &str| ask_usage(&Peek::new(body.as_bytes()).unwrap()).map(|b| String::from_utf8(b).unwrap());
        assert_eq!(
            ask(r#" { "model":"m", "stream":true}"#).as_deref(),
            Some(r#" {"stream_options":{"include_usage":true}, "model":"m", "stream":true}"#)
        );
        assert_eq!(
            ask(r#"{"model":"m","stream_options":{"a":1,"include_usage":false},"x":1.50}"#).as_deref(),
            Some(r#"{"model":"m","stream_options":{"a":1,"include_usage":true},"x":1.50}"#)
        );
        assert_eq!(ask(r#"{"model":"m","stream_options":{"include_usage":true}}"#), None);
        assert_eq!(
            ask(r#"{"model":"m","stream_options":null}"#).as_deref(),
            Some(r#"{"model":"m","stream_options":{"include_usage":true}}"#)
        );
    }

    #[test]
    fn an_endless_event_is_not_waited_for() {
        let (mut filter, mut out) = (UsageFilter::default(), Vec::new());
        for _ in 0..1_000 {
            filter.feed(&[b'x'; 1_000], &mut out);
            assert!(filter.held() <= LONGEST);
        }
        filter.finish(&mut out);
        assert_eq!(out.len(), 1_000_000);
    }

    #[test]
    fn only_the_extra_chunk_goes_and_everything_else_stays_byte_for_byte() {
        let kept = ": hi\r\n\r\ndata: {\"choices\":[{\"delta\":{}}],\"usage\":null}\n\n\
                    data: {\"choices\":[{\"delta\":{}}],\"usage\":{\"prompt_tokens\":1}}\n\n";
        let extra = "data: {\"choices\": [],\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":4}}\n\n";
        let text = format!("{kept}{extra}data: [DONE]\n\ndata: cut");
        for step in 1..text.len() {
            let (mut filter, mut out) = (UsageFilter::default(), Vec::new());
            text.as_bytes().chunks(step).for_each(|piece| filter.feed(piece, &mut out));
            filter.finish(&mut out);
            assert_eq!(String::from_utf8(out).unwrap(), format!("{kept}data: [DONE]\n\ndata: cut"));
            assert_eq!(filter.usage().unwrap().total(), 7);
        }
    }
}
