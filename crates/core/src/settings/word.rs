//! The words a setting may be written with: yes and no, whole numbers, durations.

use std::time::Duration;

/// Words for yes, in any letter case; those of the Python version.
pub const TRUE_WORDS: [&str; 6] = ["true", "1", "t", "y", "yes", "tak"];
/// Words for no, in any letter case; the empty text is one too.
pub const FALSE_WORDS: [&str; 7] = ["false", "0", "f", "n", "no", "nie", ""];

/// Reads a word for yes or no. Letter case and surrounding blanks do not matter.
#[must_use]
pub fn boolean(text: &str) -> Option<bool> {
    let word = text.trim();
    let is = |words: &[&str]| words.iter().any(|w| w.eq_ignore_ascii_case(word));
    if is(&TRUE_WORDS) {
        return Some(true);
    }
    is(&FALSE_WORDS).then_some(false)
}

/// Reads a whole number as Python's `int()` does: surrounding blanks, a sign, and single `_` between digits.
#[must_use]
pub fn whole(text: &str) -> Option<i64> {
    let text = text.trim();
    let (negative, digits) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    let mut value: i64 = 0;
    let mut after_digit = false;
    for byte in digits.bytes() {
        match byte {
            b'0'..=b'9' => {
                let digit = i64::from(byte - b'0');
                value = value.checked_mul(10)?.checked_add(digit)?;
                after_digit = true;
            }
            b'_' if after_digit => after_digit = false,
            _ => return None,
        }
    }
    // Empty, or a trailing underscore.
    if !after_digit {
        return None;
    }
    Some(if negative { -value } else { value })
}

/// Reads a duration: a number of seconds, or a number with the unit `ms`, `s`, `m` or `h`. A fraction is allowed.
#[must_use]
pub fn duration(text: &str) -> Option<Duration> {
    let text = text.trim();
    if let Some(seconds) = whole(text) {
        return u64::try_from(seconds).ok().map(Duration::from_secs);
    }
    let split = text.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let scale = match unit {
        "ms" => 0.001,
        "" | "s" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        _ => return None,
    };
    let number = number.trim_end();
    let plain = number.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    if !plain {
        return None;
    }
    let number: f64 = number.parse().ok()?;
    // A microsecond grid keeps `0.1` from becoming 100.000001 ms.
    let micros = (number * scale * 1e6).round();
    (micros <= 1e18).then(|| Duration::from_micros(micros as u64))
}

/// Writes a duration in the form [`duration`] reads, in seconds.
#[must_use]
pub fn seconds(duration: Duration) -> String {
    if duration.subsec_nanos() == 0 { duration.as_secs().to_string() } else { duration.as_secs_f64().to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_words_of_the_python_version_are_yes() {
        for word in ["true", "1", "t", "y", "yes", "tak", "TRUE", "Tak", " yes "] {
            assert_eq!(boolean(word), Some(true), "{word}");
        }
        for word in ["false", "0", "F", "n", "NO", "nie", "", "  "] {
            assert_eq!(boolean(word), Some(false), "{word}");
        }
        for word in ["on", "off", "2", "truee", "-1"] {
            assert_eq!(boolean(word), None, "{word}");
        }
    }

    #[test]
    fn numbers_are_read_as_python_reads_them() {
        for (text, value) in [(" 8080 ", 8080), ("+5", 5), ("-3", -3), ("10_000", 10_000), ("007", 7)] {
            assert_eq!(whole(text), Some(value), "{text}");
        }
        for text in ["", " ", "1.5", "_1", "1_", "1__0", "0x10", "ten", "-", "99999999999999999999", "１"] {
            assert_eq!(whole(text), None, "{text}");
        }
    }

    #[test]
    fn durations_have_units_and_fractions() {
        for (text, millis) in
            [("300", 300_000), ("0.1", 100), ("250ms", 250), ("1.5 s", 1500), ("2m", 120_000), ("1h", 3_600_000)]
        {
            assert_eq!(duration(text), Some(Duration::from_millis(millis)), "{text}");
        }
        for text in ["", "-1", "5 days", "s", "1e9", "inf", "nan", "1.2.3", "99999999999999999999h"] {
            assert_eq!(duration(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text in ".*") {
            let _ = (boolean(&text), whole(&text), duration(&text));
        }

        #[test]
        fn a_written_number_is_read_back(value in any::<i32>(), millis in 0u64..10_000_000) {
            prop_assert_eq!(whole(&value.to_string()), Some(i64::from(value)));
            let time = Duration::from_millis(millis);
            prop_assert_eq!(duration(&seconds(time)), Some(time));
        }
    }
}
