//! The name of a request: the client's own, or one of ours.

use http::HeaderValue;

/// The longest name taken from a client, in bytes.
const LONGEST: usize = 128;

/// The client's `x-request-id`, if it sent one that is short and printable; else 16 hexadecimal digits.
pub(crate) fn of(sent: Option<&HeaderValue>) -> String {
    let own = sent.and_then(|value| value.to_str().ok());
    match own.filter(|id| (1..=LONGEST).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_graphic())) {
        Some(id) => id.to_owned(),
        None => hexadecimal(fastrand::u64(..)),
    }
}

fn hexadecimal(number: u64) -> String {
    let digits: [u8; 16] = std::array::from_fn(|at| b"0123456789abcdef"[(number >> (60 - 4 * at)) as usize & 0xf]);
    str::from_utf8(&digits).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clients_name_is_kept_when_it_is_one() {
        assert_eq!(of(Some(&HeaderValue::from_static("trace-1"))), "trace-1");
        for bad in ["", "two words", &"x".repeat(129)] {
            assert_eq!(of(Some(&bad.parse().unwrap())).len(), 16, "{bad}");
        }
        assert_ne!(of(None), of(None));
        assert_eq!(hexadecimal(0x0123_4567_89ab_cdef), "0123456789abcdef");
    }
}
