//! Whether the clock is right, by what providers write into `Date`.

use jiff::{Timestamp, fmt::rfc2822};

use super::{Finding, Grade};

/// From here on traces and TLS suffer, in seconds.
const MOST: i64 = 60;

/// How far this clock is ahead of a `Date` header, in seconds; `None` when the header is not one (RFC 9110, 5.6.7,
/// whose form is that of RFC 2822).
pub(super) fn ahead(date: &str) -> Option<i64> {
    Some(Timestamp::now().as_second() - seconds(date)?)
}

/// `Sun, 06 Nov 1994 08:49:37 GMT` as seconds since 1970.
fn seconds(date: &str) -> Option<i64> {
    rfc2822::DateTimeParser::new().parse_timestamp(date).ok().map(Timestamp::as_second)
}

/// What the clocks of some providers say together: one of them may be wrong itself.
pub(super) fn judge(ahead: &[i64]) -> Option<Finding> {
    let mut sorted = ahead.to_vec();
    sorted.sort_unstable();
    let median = *sorted.get(sorted.len() / 2)?;
    if median.abs() <= MOST {
        return Some(Finding::good("clock", "agrees with the providers' clocks"));
    }
    let side = if median > 0 { "ahead of" } else { "behind" };
    let said = format!("{} s {side} the providers' clocks", median.abs());
    Some(Finding::bad(Grade::Warning, "clock", said, "set the clock by NTP; certificates and traces depend on it"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_read_as_the_standard_writes_them() {
        assert_eq!(seconds("Sun, 06 Nov 1994 08:49:37 GMT"), Some(784_111_777));
        assert_eq!(seconds("Thu, 29 Feb 2024 00:00:00 GMT"), Some(1_709_164_800));
        assert_eq!(seconds("yesterday"), None);
        assert_eq!(judge(&[1, 3600, 3601]).unwrap().grade, Grade::Warning);
        assert_eq!(judge(&[0, 2, 9999]).unwrap().grade, Grade::Good);
        assert!(judge(&[]).is_none());
    }
}
