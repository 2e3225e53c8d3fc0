//! What client and provider agree on: the request, the answer it asks for and the frames of a stream.

use std::time::Duration;

use memchr::memmem;

use crate::dialect::Dialect;

/// Digits of the number of a frame.
const FRAME_DIGITS: usize = 6;

/// The answer a request asks of the imitated provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wish {
    /// One JSON body of about this many bytes.
    Whole { bytes: usize },
    /// A stream of so many frames, with a pause before each but the first.
    Stream { chunks: u32, pause: Duration },
}

impl Wish {
    /// The wish as it travels in the prompt.
    pub(crate) fn text(self) -> String {
        match self {
            Self::Whole { bytes } => format!("answer_bytes={bytes}"),
            Self::Stream { chunks, pause } => format!("chunks={chunks} pause_us={}", pause.as_micros()),
        }
    }

    /// Reads the wish out of a request body: anything unsaid is a whole answer of 1 KiB.
    pub(crate) fn find(body: &[u8]) -> Self {
        // The prompt begins early in every dialect; but a gateway may write something long before it.
        let front = &body[..body.len().min(1024)];
        let place = if memmem::find(front, b"chunks=").or(memmem::find(front, b"answer_bytes=")).is_some() {
            front
        } else {
            body
        };
        match number(place, b"chunks=") {
            Some(chunks) => Self::Stream {
                chunks: u32::try_from(chunks).unwrap_or(u32::MAX),
                pause: Duration::from_micros(number(place, b"pause_us=").unwrap_or(0)),
            },
            None => Self::Whole {
                bytes: number(place, b"answer_bytes=").map_or(1024, |bytes| usize::try_from(bytes).unwrap_or(1024)),
            },
        }
    }
}

fn number(text: &[u8], name: &[u8]) -> Option<u64> {
    let start = memmem::find(text, name)? + name.len();
    let digits = text[start..].iter().take_while(|byte| byte.is_ascii_digit());
    digits.take(12).map(|byte| u64::from(byte - b'0')).reduce(|all, digit| all * 10 + digit)
}

/// One frame, ready for the wire as an HTTP chunk; [`set_frame_number`] numbers it.
pub(crate) fn frame_chunk(dialect: Dialect) -> Vec<u8> {
    let parts = dialect.frame();
    http_chunk(&format!("{}t{:06} {}", parts.before, 0, parts.after))
}

/// A text as an HTTP chunk; an empty one is none.
pub(crate) fn http_chunk(text: &str) -> Vec<u8> {
    if text.is_empty() { Vec::new() } else { format!("{:x}\r\n{text}\r\n", text.len()).into_bytes() }
}

/// Writes the number into a frame made by [`frame_chunk`].
pub(crate) fn set_frame_number(dialect: Dialect, chunk: &mut [u8], number: u32) {
    let mark = dialect.number_mark();
    let start = memmem::find(chunk, mark).expect("frame_chunk writes the mark") + mark.len();
    let mut left = number;
    for digit in chunk[start..start + FRAME_DIGITS].iter_mut().rev() {
        *digit = b'0' + u8::try_from(left % 10).expect("a remainder of ten is one digit");
        left /= 10;
    }
}

/// The number of a frame, or nothing for a frame that carries no text.
pub(crate) fn frame_number(dialect: Dialect, frame: &[u8]) -> Option<u32> {
    let mark = dialect.number_mark();
    let start = memmem::find(frame, mark)? + mark.len();
    let digits = frame.get(start..start + FRAME_DIGITS)?;
    digits.iter().try_fold(0, |all, digit| digit.is_ascii_digit().then(|| all * 10 + u32::from(digit - b'0')))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Dialect; 3] = [Dialect::OpenAi, Dialect::Ollama, Dialect::Anthropic];

    #[test]
    fn a_wish_travels_in_the_request() {
        let stream = Wish::Stream { chunks: 64, pause: Duration::from_millis(20) };
        for dialect in ALL {
            for (wish, bytes) in [(Wish::Whole { bytes: 2048 }, 200_000), (stream, 1024), (stream, 0)] {
                let body = dialect.request_body("m", wish, bytes);
                assert_eq!(Wish::find(&body), wish);
                let sent: serde_json::Value = serde_json::from_slice(&body).unwrap();
                let anew = format!(r#"{{"system":"{}","messages":{}}}"#, "s".repeat(2000), sent["messages"]);
                assert_eq!(Wish::find(anew.as_bytes()), wish);
            }
        }
        assert_eq!(Wish::find(b"{}"), Wish::Whole { bytes: 1024 });
    }

    #[test]
    fn a_frame_keeps_its_number() {
        for dialect in ALL {
            let mut chunk = frame_chunk(dialect);
            assert_eq!(frame_number(dialect, &chunk), Some(0));
            for number in [1, 42, 999_999] {
                set_frame_number(dialect, &mut chunk, number);
                assert_eq!(frame_number(dialect, &chunk), Some(number));
            }
            let parts = dialect.frame();
            assert_eq!(frame_number(dialect, parts.opening.as_bytes()), None);
            assert_eq!(frame_number(dialect, parts.closing.as_bytes()), None);
        }
    }
}
