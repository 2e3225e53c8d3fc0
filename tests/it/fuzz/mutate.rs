//! Makes bad inputs of good ones: by bytes, by joining two, and, where an input is JSON, by its values.

use fastrand::Rng;
use serde_json::{Map, Value};

/// Texts that readers of HTTP, JSON and event streams stumble over.
const WORDS: [&[u8]; 40] = [
    b"\r\n",
    b"\r\n\r\n",
    b"\n\n",
    b"\r",
    b"\0",
    b"data: ",
    b"data:",
    b"event: error\n",
    b"[DONE]",
    b": ",
    b"\xef\xbb\xbf",
    b"\xff",
    b"\xed\xa0\x80",
    b"\\ud800",
    b"\\u0000",
    b"\"",
    b"\\",
    b"{",
    b"}",
    b"[",
    b"]",
    b",",
    b"null",
    b"-",
    b"1e999",
    b"18446744073709551616",
    b"\"model\":\"x\",",
    b"\"stream\":true,",
    b"\"error\":{},",
    b"\"done\":true",
    b"content-length: 5\r\n",
    b"transfer-encoding: chunked\r\n",
    b"0\r\n\r\n",
    b"ffffffffffffffff",
    b"HTTP/1.1 200 OK\r\n",
    b"HTTP/1.1 100 Continue\r\n\r\n",
    b"connection: close\r\n",
    b"%",
    b"://",
    b";",
];

/// Field names that mean something somewhere.
const FIELDS: [&str; 24] = [
    "model",
    "stream",
    "messages",
    "role",
    "content",
    "tool_calls",
    "id",
    "name",
    "arguments",
    "function",
    "type",
    "index",
    "delta",
    "choices",
    "finish_reason",
    "usage",
    "error",
    "message",
    "text",
    "thinking",
    "input",
    "done",
    "tools",
    "stream_options",
];

/// The largest input, in bytes.
const LARGEST: usize = 32 * 1024;

/// An input like this one, but for something.
pub(super) fn mutate(random: &mut Rng, seeds: &[Vec<u8>], input: &[u8]) -> Vec<u8> {
    let mut bytes = input.to_vec();
    for _ in 0..=random.usize(..4) {
        bytes = match random.u8(..10) {
            0..4 => by_value(random, &bytes).unwrap_or_else(|| by_byte(random, bytes)),
            4 => {
                let other = random.usize(..seeds.len());
                join(random, &bytes, &seeds[other])
            }
            _ => by_byte(random, bytes),
        };
    }
    bytes.truncate(LARGEST);
    bytes
}

fn by_byte(random: &mut Rng, mut bytes: Vec<u8>) -> Vec<u8> {
    let at = random.usize(..=bytes.len());
    let end = (at + random.usize(..1 + 16.min(bytes.len()))).min(bytes.len());
    match random.u8(..7) {
        0 if at < bytes.len() => bytes[at] ^= 1 << random.u8(..8),
        1 if at < bytes.len() => bytes[at] = random.u8(..),
        2 => drop(bytes.drain(at..end)),
        3 => {
            let again = bytes[at..end].repeat(1 + random.usize(..40));
            bytes.splice(at..at, again);
        }
        4 => bytes.truncate(at),
        _ => drop(bytes.splice(at..end.min(at + random.usize(..2)), random.choice(WORDS).unwrap_or_default().to_vec())),
    }
    bytes
}

fn join(random: &mut Rng, one: &[u8], other: &[u8]) -> Vec<u8> {
    let (head, tail) = (random.usize(..=one.len()), random.usize(..=other.len()));
    [&one[..head], &other[tail..]].concat()
}

/// Changes a value of a body of JSON, or of one line of a stream.
fn by_value(random: &mut Rng, bytes: &[u8]) -> Option<Vec<u8>> {
    let (before, json, after) = document(random, bytes)?;
    let mut value: Value = serde_json::from_slice(json).ok()?;
    change(random, &mut value);
    Some([before, value.to_string().as_bytes(), after].concat())
}

/// A JSON document in an input, and what stands around it.
fn document<'a>(random: &mut Rng, bytes: &'a [u8]) -> Option<(&'a [u8], &'a [u8], &'a [u8])> {
    if serde_json::from_slice::<Value>(bytes).is_ok() {
        return Some((b"", bytes, b""));
    }
    let lines: Vec<usize> =
        bytes.iter().enumerate().filter(|(_, byte)| **byte == b'\n').map(|(at, _)| at).chain([bytes.len()]).collect();
    let line = random.usize(..lines.len());
    let start = if line == 0 { 0 } else { lines[line - 1] + 1 };
    let open = start + bytes.get(start..lines[line])?.iter().position(|byte| *byte == b'{')?;
    Some((&bytes[..open], &bytes[open..lines[line]], &bytes[lines[line]..]))
}

fn change(random: &mut Rng, value: &mut Value) {
    let deeper = random.u8(..4) > 0;
    match value {
        Value::Object(fields) if deeper && !fields.is_empty() => {
            let at = random.usize(..fields.len());
            if let Some(inner) = fields.values_mut().nth(at) {
                change(random, inner);
            }
        }
        Value::Array(items) if deeper && !items.is_empty() => {
            let at = random.usize(..items.len());
            change(random, &mut items[at]);
        }
        Value::Object(fields) => {
            let name = random.choice(FIELDS).unwrap_or_default();
            match (random.u8(..3), fields.keys().next().cloned()) {
                (0, Some(first)) => drop(fields.remove(&first)),
                _ => drop(fields.insert(name.to_owned(), other(random))),
            }
        }
        Value::Array(items) => match random.u8(..3) {
            0 => items.truncate(random.usize(..=items.len())),
            1 if !items.is_empty() => items.push(items[random.usize(..items.len())].clone()),
            _ => items.push(other(random)),
        },
        scalar => *scalar = other(random),
    }
}

fn other(random: &mut Rng) -> Value {
    match random.u8(..12) {
        0 => Value::Null,
        1 => Value::Bool(random.bool()),
        2 => Value::from(random.i64(..)),
        3 => Value::from(-1),
        4 => Value::from(random.f64() * 1e300),
        5 => Value::from(""),
        6 => Value::from("a\u{0}\r\n\u{1F600}\u{e9}"),
        7 => Value::Array(Vec::new()),
        8 => Value::Object(Map::new()),
        9 => Value::from(random.choice(FIELDS).unwrap_or_default()),
        10 => (0..random.u8(..200)).fold(Value::from(1), |inner, _| Value::Array(vec![inner])),
        _ => Value::from(r#"{"a":1"#),
    }
}
