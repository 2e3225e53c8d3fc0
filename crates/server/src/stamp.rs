//! Moments as text: RFC 3339 in UTC, with microseconds.

use std::{
    cell::Cell,
    time::{SystemTime, UNIX_EPOCH},
};

use jiff::Timestamp;

/// `2026-11-23T04:29:48.123456Z`.
pub(crate) fn rfc3339(moment: SystemTime) -> String {
    String::from_utf8_lossy(&digits(moment)).into_owned()
}

/// The same in ASCII. What changes once a second is made once a second.
pub(crate) fn digits(moment: SystemTime) -> [u8; 27] {
    thread_local! {
        static LAST: Cell<(u64, [u8; 27])> = const { Cell::new((u64::MAX, [0; 27])) };
    }
    let since = moment.duration_since(UNIX_EPOCH).unwrap_or_default();
    let (second, mut text) = LAST.get();
    if second != since.as_secs() {
        text = whole(since.as_secs());
        LAST.set((since.as_secs(), text));
    }
    write(&mut text[20..26], u64::from(since.subsec_micros()));
    text
}

/// The moment so many seconds after 1970 began; 1970 for those beyond the year 9999.
fn whole(seconds: u64) -> [u8; 27] {
    let moment = i64::try_from(seconds).ok().and_then(|seconds| Timestamp::from_second(seconds).ok());
    let text = format!("{:.6}", moment.unwrap_or_default());
    text.as_bytes().try_into().expect("years of four digits make texts of one length")
}

/// The last digits of a number, as many as there are places.
pub(crate) fn write(places: &mut [u8], mut number: u64) {
    for place in places.iter_mut().rev() {
        *place = b'0' + (number % 10) as u8;
        number /= 10;
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn moments_are_what_the_calendar_says() {
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00.000250Z"),
            (951_782_400, "2000-02-29T00:00:00.000250Z"),
            (1_798_761_599, "2026-12-31T23:59:59.000250Z"),
            (4_107_542_400, "2100-03-01T00:00:00.000250Z"),
            (253_402_207_200, "9999-12-30T22:00:00.000250Z"),
            (u64::MAX >> 2, "1970-01-01T00:00:00.000250Z"),
        ] {
            assert_eq!(rfc3339(UNIX_EPOCH + Duration::from_secs(seconds) + Duration::from_micros(250)), text);
        }
    }
}
