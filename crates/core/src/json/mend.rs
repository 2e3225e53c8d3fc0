//! Reads JSON that other programs take and serde_json refuses: escaped halves of characters.

use serde_json::Value;

/// The length of an escape by number, such as `\u00e9`.
const ESCAPE: usize = 6;

/// Reads a JSON value. A half of a surrogate pair that stands alone becomes U+FFFD, as in browsers, Go and Ollama:
/// clients that cut a text in the middle of an emoji send such halves.
///
/// # Errors
/// It is no JSON even so.
pub fn read_value(body: &[u8]) -> Result<Value, serde_json::Error> {
    serde_json::from_slice(body).or_else(|error| match mended(body) {
        Some(body) => serde_json::from_slice(&body),
        None => Err(error),
    })
}

/// The text with every lone surrogate replaced by U+FFFD; `None` where it has none.
fn mended(json: &[u8]) -> Option<Vec<u8>> {
    let mut out: Option<Vec<u8>> = None;
    let mut at = 0;
    while let Some(found) = memchr::memchr(b'\\', &json[at..]) {
        at += found;
        let Some(unit) = unit(&json[at..]) else {
            // Another escape: its second byte may be a backslash too.
            at = json.len().min(at + 2);
            continue;
        };
        let paired = (0xD800..0xDC00).contains(&unit)
            && json.get(at + ESCAPE..).and_then(self::unit).is_some_and(|next| (0xDC00..0xE000).contains(&next));
        if paired {
            at += 2 * ESCAPE;
            continue;
        }
        if (0xD800..0xE000).contains(&unit) {
            out.get_or_insert_with(|| json.to_vec())[at..at + ESCAPE].copy_from_slice(b"\\ufffd");
        }
        at += ESCAPE;
    }
    out
}

/// The UTF-16 unit that these bytes begin with, written as an escape.
fn unit(bytes: &[u8]) -> Option<u32> {
    let digits = bytes.strip_prefix(b"\\u")?.get(..4)?;
    digits.iter().try_fold(0, |unit, digit| Some(unit * 16 + char::from(*digit).to_digit(16)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_alone_are_replaced_and_everything_else_stays() {
        for (text, wanted) in [
            (r#"["a\ud83d"]"#, "a\u{fffd}"),
            (r#"["\uDE00b"]"#, "\u{fffd}b"),
            (r#"["\ud83d\ud83d\ude00"]"#, "\u{fffd}\u{1f600}"),
            (r#"["\ud83d\n\u0041"]"#, "\u{fffd}\nA"),
            (r#"["\\ud83d\ud83d"]"#, "\\ud83d\u{fffd}"),
            (r#"["\ud83d\ude00"]"#, "\u{1f600}"),
        ] {
            assert_eq!(read_value(text.as_bytes()).unwrap(), serde_json::json!([wanted]), "{text}");
        }
        assert_eq!(mended(br#"["\\ud83d \ud83d\ude00 \u00e9 \n"]"#), None);
    }

    #[test]
    fn what_is_no_json_stays_none() {
        for text in [r#"["\ud83"#, r#"["\ud83d"#, "\\", "\\u", r#"{"a":}"#, r#"["\ud83x"]"#] {
            assert!(read_value(text.as_bytes()).is_err(), "{text}");
        }
    }
}
