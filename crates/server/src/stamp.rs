//! Moments as text: RFC 3339 in UTC, with microseconds.

use std::{
    cell::Cell,
    time::{SystemTime, UNIX_EPOCH},
};

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

fn whole(seconds: u64) -> [u8; 27] {
    let (days, second) = (seconds / 86_400, seconds % 86_400);
    let (year, month, day) = date(days);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    let mut text = *b"0000-00-00T00:00:00.000000Z";
    for (at, width, value) in
        [(0, 4, year), (5, 2, month), (8, 2, day), (11, 2, hour), (14, 2, minute), (17, 2, second)]
    {
        write(&mut text[at..at + width], value);
    }
    text
}

/// The last digits of a number, as many as there are places.
fn write(places: &mut [u8], mut number: u64) {
    for place in places.iter_mut().rev() {
        *place = b'0' + (number % 10) as u8;
        number /= 10;
    }
}

/// Year, month and day so many days after 1970 began, counted in eras of 400 years that begin in March.
fn date(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (era * 400 + year + u64::from(month <= 2), month, day)
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
        ] {
            assert_eq!(rfc3339(UNIX_EPOCH + Duration::from_secs(seconds) + Duration::from_micros(250)), text);
        }
    }
}
