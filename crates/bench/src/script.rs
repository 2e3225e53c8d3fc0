//! What client and provider agree on: the request, the answer it asks for and the frames of a stream.

use std::time::Duration;

use memchr::memmem;

/// Ends the content of every whole answer, so that a cut one shows.
const LAST_WORDS: &str = "that-is-all";
/// What stands before the number of a frame; the number has six digits.
const FRAME_MARK: &[u8] = b"\"content\":\"t";
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
    /// The wish as it travels in the field `user`, which every gateway passes on.
    fn text(self) -> String {
        match self {
            Self::Whole { bytes } => format!("answer_bytes={bytes}"),
            Self::Stream { chunks, pause } => format!("chunks={chunks} pause_us={}", pause.as_micros()),
        }
    }

    /// Reads the wish out of a request body: anything unsaid is a whole answer of 1 KiB.
    pub(crate) fn find(body: &[u8]) -> Self {
        // Both ends first: the client's own order, and the order of gateways that sort the keys.
        let (front, back) = (&body[..body.len().min(1024)], &body[body.len().saturating_sub(1024)..]);
        let place = [front, back].into_iter().find(|part| memmem::find(part, b"\"user\":").is_some());
        let place = place.unwrap_or(body);
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

/// A chat completion request whose body has about `bytes` bytes.
pub(crate) fn request_body(model: &str, wish: Wish, bytes: usize) -> Vec<u8> {
    let stream = matches!(wish, Wish::Stream { .. });
    let head = format!(
        r#"{{"model":"{model}","stream":{stream},"user":"{}","messages":[{{"role":"user","content":""#,
        wish.text()
    );
    let tail = r#""}]}"#;
    let fill = bytes.saturating_sub(head.len() + tail.len());
    let words = "All work is measured by the clock of the process that did it. ".bytes().cycle();
    let mut body = head.into_bytes();
    body.extend(words.take(fill));
    body.extend_from_slice(tail.as_bytes());
    body
}

/// The whole answer of about `bytes` bytes.
pub(crate) fn answer_body(bytes: usize) -> Vec<u8> {
    let head = r#"{"id":"bench-1","object":"chat.completion","created":1700000000,"model":"bench","choices":[{"index":0,"message":{"role":"assistant","content":""#;
    let tail = format!(
        r#"{LAST_WORDS}"}},"finish_reason":"stop"}}],"usage":{{"prompt_tokens":1,"completion_tokens":1,"total_tokens":2}}}}"#
    );
    let fill = bytes.saturating_sub(head.len() + tail.len());
    let mut body = head.as_bytes().to_vec();
    body.extend("a fixed answer ".bytes().cycle().take(fill));
    body.extend_from_slice(tail.as_bytes());
    body
}

/// True when `body` is a whole answer of about `bytes` bytes, even one whose JSON was written anew.
pub(crate) fn is_whole(body: &[u8], bytes: usize) -> bool {
    let least = bytes.min(body.len().max(512)) / 2;
    let tail = &body[body.len().saturating_sub(512)..];
    body.len() >= least && memmem::find(tail, LAST_WORDS.as_bytes()).is_some()
}

/// One frame, ready for the wire as an HTTP chunk; [`set_frame_number`] numbers it.
pub(crate) fn frame_chunk() -> Vec<u8> {
    let frame = format!(
        "data: {{\"id\":\"bench-1\",\"object\":\"chat.completion.chunk\",\"created\":1700000000,\"model\":\"bench\",\"choices\":[{{\"index\":0,\"delta\":{{\"content\":\"t{:06} \"}},\"finish_reason\":null}}]}}\n\n",
        0
    );
    format!("{:x}\r\n{frame}\r\n", frame.len()).into_bytes()
}

/// Writes the number into a frame made by [`frame_chunk`].
pub(crate) fn set_frame_number(chunk: &mut [u8], number: u32) {
    let start = memmem::find(chunk, FRAME_MARK).expect("frame_chunk writes the mark") + FRAME_MARK.len();
    let mut left = number;
    for digit in chunk[start..start + FRAME_DIGITS].iter_mut().rev() {
        *digit = b'0' + u8::try_from(left % 10).expect("a remainder of ten is one digit");
        left /= 10;
    }
}

/// The number of a frame, or nothing for a frame that carries no text.
pub(crate) fn frame_number(frame: &[u8]) -> Option<u32> {
    let start = memmem::find(frame, FRAME_MARK)? + FRAME_MARK.len();
    let digits = frame.get(start..start + FRAME_DIGITS)?;
    digits.iter().try_fold(0, |all, digit| digit.is_ascii_digit().then(|| all * 10 + u32::from(digit - b'0')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wish_travels_in_the_request() {
        let stream = Wish::Stream { chunks: 64, pause: Duration::from_millis(20) };
        for (wish, bytes) in [(Wish::Whole { bytes: 2048 }, 200_000), (stream, 1024), (stream, 0)] {
            let body = request_body("m", wish, bytes);
            assert_eq!(Wish::find(&body), wish);
            let sent: serde_json::Value = serde_json::from_slice(&body).unwrap();
            let anew = format!(r#"{{"messages":{},"user":{}}}"#, sent["messages"], sent["user"]);
            assert_eq!(Wish::find(anew.as_bytes()), wish);
        }
        assert_eq!(Wish::find(b"{}"), Wish::Whole { bytes: 1024 });
    }

    #[test]
    fn bodies_are_json_of_the_length_asked_for() {
        let request = request_body("m", Wish::Whole { bytes: 1024 }, 1024);
        let answer = answer_body(1024);
        assert_eq!((request.len(), answer.len()), (1024, 1024));
        for body in [&request, &answer] {
            serde_json::from_slice::<serde_json::Value>(body).unwrap();
        }
        assert!(is_whole(&answer, 1024));
        assert!(!is_whole(&answer[..800], 1024));
        assert!(!is_whole(b"{}", 1024));
    }

    #[test]
    fn a_frame_keeps_its_number() {
        let mut chunk = frame_chunk();
        assert_eq!(frame_number(&chunk), Some(0));
        for number in [1, 42, 999_999] {
            set_frame_number(&mut chunk, number);
            assert_eq!(frame_number(&chunk), Some(number));
        }
        assert_eq!(frame_number(b"data: [DONE]"), None);
    }
}
