//! Heads of messages: found in what was read, bounded, and taken apart without copying their values.

use std::mem::MaybeUninit;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, Version, request, response};
use httparse::{Header, ParserConfig, Status};

/// The most header lines of a message.
const MOST_LINES: usize = 100;
/// The longest request target, in bytes.
const MOST_TARGET: usize = 60_000;

/// Why a head cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum HeadError {
    /// Not HTTP/1.1 as it is written down.
    #[error("{0}")]
    Malformed(httparse::Error),
    /// More bytes or lines than allowed.
    #[error("the head is larger than allowed")]
    TooLarge,
    /// A field that has no place in a message.
    #[error("a header has an impossible name or value")]
    Field,
    /// Not a path, nor a URL.
    #[error("the request target is no path")]
    Target,
    /// A path beyond what can be held.
    #[error("the request target is longer than {MOST_TARGET} bytes")]
    TargetTooLong,
}

/// Bytes of a head that came in pieces. The common case, all in one, never gets here.
#[derive(Debug, Default)]
pub(crate) struct Collected {
    bytes: Vec<u8>,
    most: usize,
}

impl Collected {
    /// Begins with what came first; `most` bytes may come.
    pub(crate) fn begin(first: &[u8], most: usize) -> Result<Self, HeadError> {
        let mut collected = Self { bytes: Vec::new(), most };
        collected.add(first)?;
        Ok(collected)
    }

    /// Adds what came next; true when a head may be complete, so that not every byte that drips in is parsed anew.
    pub(crate) fn add(&mut self, more: &[u8]) -> Result<bool, HeadError> {
        let seen = self.bytes.len().saturating_sub(3);
        self.bytes.extend_from_slice(more);
        let ended = memchr::memchr_iter(b'\n', &self.bytes[seen..]).any(|at| {
            let behind = &self.bytes[seen + at + 1..];
            behind.starts_with(b"\n") || behind.starts_with(b"\r\n")
        });
        if !ended && self.bytes.len() > self.most { Err(HeadError::TooLarge) } else { Ok(ended) }
    }

    /// All that came.
    pub(crate) fn take(&mut self) -> Bytes {
        std::mem::take(&mut self.bytes).into()
    }
}

/// Takes the head of an answer off the front of `input`; nothing when there is more to come. At most `most` bytes.
pub(crate) fn response(input: &mut Bytes, most: usize) -> Result<Option<response::Parts>, HeadError> {
    let mut lines = [const { MaybeUninit::<Header<'_>>::uninit() }; MOST_LINES];
    let mut head = httparse::Response::new(&mut []);
    let parsed = ParserConfig::default().parse_response_with_uninit_headers(&mut head, input, &mut lines);
    let Some(size) = complete(parsed, input.len(), most)? else { return Ok(None) };
    let status = head.code.and_then(|code| StatusCode::from_u16(code).ok()).ok_or(HeadError::Field)?;
    let (version, headers) = (version(head.version), headers(input, head.headers)?);
    let _ = input.split_to(size);
    let (mut parts, ()) = http::Response::new(()).into_parts();
    parts.status = status;
    parts.version = version;
    parts.headers = headers;
    Ok(Some(parts))
}

/// Takes the head of a request off the front of `input`; nothing when there is more to come. At most `most` bytes.
pub(crate) fn request(input: &mut Bytes, most: usize) -> Result<Option<request::Parts>, HeadError> {
    let mut lines = [const { MaybeUninit::<Header<'_>>::uninit() }; MOST_LINES];
    let mut head = httparse::Request::new(&mut []);
    let parsed = ParserConfig::default().parse_request_with_uninit_headers(&mut head, input, &mut lines);
    let Some(size) = complete(parsed, input.len(), most)? else { return Ok(None) };
    let method = Method::from_bytes(head.method.unwrap_or_default().as_bytes()).map_err(|_| HeadError::Field)?;
    let target = head.path.unwrap_or_default().as_bytes();
    if target.len() > MOST_TARGET {
        return Err(HeadError::TargetTooLong);
    }
    let uri = Uri::from_maybe_shared(input.slice_ref(target)).map_err(|_| HeadError::Target)?;
    let (version, headers) = (version(head.version), headers(input, head.headers)?);
    let _ = input.split_to(size);
    let (mut parts, ()) = http::Request::new(()).into_parts();
    (parts.method, parts.uri, parts.version, parts.headers) = (method, uri, version, headers);
    Ok(Some(parts))
}

fn complete(parsed: httparse::Result<usize>, came: usize, most: usize) -> Result<Option<usize>, HeadError> {
    match parsed {
        Ok(Status::Complete(size)) if size > most => Err(HeadError::TooLarge),
        Ok(Status::Complete(size)) => Ok(Some(size)),
        Ok(Status::Partial) if came > most => Err(HeadError::TooLarge),
        Ok(Status::Partial) => Ok(None),
        Err(httparse::Error::TooManyHeaders) => Err(HeadError::TooLarge),
        Err(error) => Err(HeadError::Malformed(error)),
    }
}

fn version(minor: Option<u8>) -> Version {
    if minor == Some(0) { Version::HTTP_10 } else { Version::HTTP_11 }
}

/// The values are slices of `input`.
fn headers(input: &Bytes, lines: &[Header<'_>]) -> Result<HeaderMap, HeadError> {
    // With room for what is added on the way: growing would hash every name once more. Not with more, for allocators are
    // much quicker below 1 KiB, which is six headers.
    let mut headers = HeaderMap::with_capacity(lines.len() + 2);
    for line in lines {
        let name = HeaderName::from_bytes(line.name.as_bytes()).map_err(|_| HeadError::Field)?;
        let value = HeaderValue::from_maybe_shared(input.slice_ref(line.value)).map_err(|_| HeadError::Field)?;
        headers.append(name, value);
    }
    Ok(headers)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &[u8] = b"HTTP/1.1 200 OK\r\nServer: x\r\nSet-Cookie: a\r\nset-cookie: b\r\n\r\nbody";

    #[test]
    fn a_head_is_taken_off_and_the_body_left() {
        let mut input = Bytes::from_static(HEAD);
        let head = response(&mut input, 1_000).unwrap().unwrap();
        assert_eq!((head.status, head.version, &input[..]), (StatusCode::OK, Version::HTTP_11, &b"body"[..]));
        assert_eq!(head.headers["server"], "x");
        assert_eq!(head.headers.get_all("set-cookie").iter().collect::<Vec<_>>(), ["a", "b"]);
    }

    #[test]
    fn a_request_is_read_in_all_its_forms() {
        for (target, path) in [("/a?b=c", "/a"), ("http://r/a", "/a"), ("*", "*")] {
            let mut input = Bytes::from(format!("OPTIONS {target} HTTP/1.0\r\nHost:\tr \r\n\r\nrest"));
            let head = request(&mut input, 1_000).unwrap().unwrap();
            assert_eq!((head.method, head.uri.path(), head.version), (Method::OPTIONS, path, Version::HTTP_10));
            assert_eq!((head.headers["host"].as_bytes(), &input[..]), (&b"r"[..], &b"rest"[..]));
        }
        for bad in
            ["GET  / HTTP/1.1", "GET / HTTP/1.1 ", "GET / http/1.1", "G@T / HTTP/1.1", "GET a b HTTP/1.1", "GET /"]
        {
            assert!(request(&mut Bytes::from(format!("{bad}\r\n\r\n")), 1_000).is_err(), "{bad}");
        }
        let long = format!("GET /{} HTTP/1.1\r\n\r\n", "x".repeat(MOST_TARGET));
        assert_eq!(request(&mut long.into(), 1 << 20).unwrap_err(), HeadError::TargetTooLong);
    }

    #[test]
    fn a_head_that_drips_in_is_complete_once_its_empty_line_is() {
        let end = HEAD.len() - 4;
        for first in 1..end - 1 {
            let mut collected = Collected::begin(&HEAD[..first], 1_000).unwrap();
            for at in first..end - 1 {
                assert!(!collected.add(&HEAD[at..=at]).unwrap(), "{first} {at}");
            }
            assert!(collected.add(&HEAD[end - 1..]).unwrap());
            let mut input = collected.take();
            assert!(response(&mut input, 1_000).unwrap().is_some());
            assert_eq!(input, "body");
        }
    }

    #[test]
    fn what_is_too_much_is_refused() {
        let long = [b"HTTP/1.1 200 OK\r\nx: ".to_vec(), vec![b'x'; 2_000]].concat();
        assert_eq!(response(&mut long.clone().into(), 1_000).unwrap_err(), HeadError::TooLarge);
        assert_eq!(Collected::begin(&long, 1_000).unwrap_err(), HeadError::TooLarge);
        let many = [b"HTTP/1.1 200 OK\r\n".to_vec(), b"x: y\r\n".repeat(MOST_LINES + 1), b"\r\n".to_vec()].concat();
        assert_eq!(response(&mut many.into(), 10_000).unwrap_err(), HeadError::TooLarge);
        for bad in [
            &b"HTTP/2 200 OK\r\n\r\n"[..],
            b"ICY 200 OK\r\n\r\n",
            b"HTTP/1.1 20 OK\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nx : y\r\n\r\n",
        ] {
            assert!(response(&mut Bytes::copy_from_slice(bad), 1_000).is_err(), "{bad:?}");
        }
    }
}
