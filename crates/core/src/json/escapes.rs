//! Escapes in JSON strings (RFC 8259, 7): finds them many bytes at a time, and takes them away or puts them in.

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGHS: u64 = 0x8080_8080_8080_8080;

/// How many of eight bytes of text stand before the first control character, quote or backslash; `None` when all do.
#[inline]
pub(super) fn plain_of(word: u64) -> Option<usize> {
    let quote = word ^ (ONES * u64::from(b'"'));
    let slash = word ^ (ONES * u64::from(b'\\'));
    // The lowest set high bit marks the first byte that is below 0x20, a quote or a backslash.
    let stop = ((word.wrapping_sub(ONES * 0x20) & !word)
        | (quote.wrapping_sub(ONES) & !quote)
        | (slash.wrapping_sub(ONES) & !slash))
        & HIGHS;
    (stop != 0).then(|| stop.trailing_zeros() as usize / 8)
}

/// Whether any of the first `count` bytes of eight is beyond ASCII.
#[inline]
pub(super) fn beyond_ascii(word: u64, count: usize) -> bool {
    word & HIGHS & !u64::MAX.checked_shl(count as u32 * 8).unwrap_or(0) != 0
}

/// What stands between the quotes of a JSON string that was checked, without its escapes. A lone half of a surrogate
/// pair becomes U+FFFD.
pub(super) fn unescaped(raw: &str) -> String {
    let mut text = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some(at) = memchr::memchr(b'\\', rest.as_bytes()) {
        text.push_str(&rest[..at]);
        let (meant, length) = escape(&rest[at..]);
        text.push(meant);
        rest = &rest[at + length..];
    }
    text.push_str(rest);
    text
}

/// The character that the escape at the beginning means, and how long the escape is.
fn escape(text: &str) -> (char, usize) {
    let meant = match text.as_bytes().get(1) {
        Some(b'n') => '\n',
        Some(b't') => '\t',
        Some(b'r') => '\r',
        Some(b'b') => '\u{8}',
        Some(b'f') => '\u{c}',
        Some(b'u') => return by_number(text),
        Some(&itself @ (b'"' | b'/' | b'\\')) => char::from(itself),
        _ => return (char::REPLACEMENT_CHARACTER, 1),
    };
    (meant, 2)
}

/// As with [`escape`], for one such as `\u00e9`, or two that are a surrogate pair.
fn by_number(text: &str) -> (char, usize) {
    let unit = |at: usize| u16::from_str_radix(text.get(at..at + 4)?, 16).ok();
    let Some(first) = unit(2) else { return (char::REPLACEMENT_CHARACTER, 1) };
    let second = text.get(6..8).filter(|begin| *begin == "\\u").and_then(|_| unit(8));
    match char::decode_utf16([first].into_iter().chain(second)).next() {
        Some(Ok(meant)) => (meant, 6 * meant.len_utf16()),
        _ => (char::REPLACEMENT_CHARACTER, 6),
    }
}

/// Appends a text without quotes, with escapes where it needs them.
pub(super) fn write_escaped(text: &str, out: &mut Vec<u8>) {
    let bytes = text.as_bytes();
    let (mut written, mut at) = (0, 0);
    while let Some(&byte) = bytes.get(at) {
        if let Some(word) = bytes[at..].first_chunk() {
            let plain = plain_of(u64::from_le_bytes(*word));
            at += plain.unwrap_or(8);
            if plain.is_none() {
                continue;
            }
        } else if !matches!(byte, b'"' | b'\\' | 0..0x20) {
            at += 1;
            continue;
        }
        out.extend_from_slice(&bytes[written..at]);
        write_escape(bytes[at], out);
        at += 1;
        written = at;
    }
    out.extend_from_slice(&bytes[written..]);
}

fn write_escape(byte: u8, out: &mut Vec<u8>) {
    let short = match byte {
        b'\n' => b'n',
        b'\t' => b't',
        b'\r' => b'r',
        0x08 => b'b',
        0x0c => b'f',
        b'"' | b'\\' => byte,
        _ => {
            let digit = |number: u8| b"0123456789abcdef"[usize::from(number & 0xf)];
            return out.extend_from_slice(&[b'\\', b'u', b'0', b'0', digit(byte >> 4), digit(byte)]);
        }
    };
    out.extend_from_slice(&[b'\\', short]);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn escapes_of_every_kind_are_taken_away() {
        for (raw, wanted) in [
            ("", ""),
            (r"plain \n\t\r\b\f\/\\\u0022 end", "plain \n\t\r\u{8}\u{c}/\\\" end"),
            (r"\u00e9\u20AC\ud83e\udd80ü", "é€🦀ü"),
            (r"\ud83e|\ud83e\u0041\udd80", "\u{fffd}|\u{fffd}A\u{fffd}"),
            (r"\ud83e\ud83e\udd80", "\u{fffd}🦀"),
            // None of these stand in a checked text.
            (r"\ü \x \u12 \", "\u{fffd}ü \u{fffd}x \u{fffd}u12 \u{fffd}"),
        ] {
            assert_eq!(unescaped(raw), wanted, "{raw}");
        }
    }

    proptest! {
        #[test]
        fn texts_come_back_and_are_written_as_serde_json_writes_them(
            text in "([\\x00-\\x7f]|\\PC){0,60}",
            long in "[a-z\\n]{0,9}",
        ) {
            let text = text + &long.repeat(9);
            let mut out = Vec::new();
            write_escaped(&text, &mut out);
            let written = String::from_utf8(out).expect("text stays text");
            prop_assert_eq!(format!("\"{}\"", written), serde_json::to_string(&text).expect("a text"));
            prop_assert_eq!(unescaped(&written), text);
        }

        #[test]
        fn nothing_makes_it_panic(raw in "([ud0-9a-f\\\\]|\\PC){0,40}") {
            let _ = unescaped(&raw);
        }
    }
}
