//! An answer on its way out over HTTP/1.1: its head, and the coding that tells where its body ends.

use std::{
    cell::RefCell,
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode, Version, header};

use llm_router_endpoints::moment;

use crate::http1::{Outgoing, chunk_size, content_length};

/// What an answer's form depends on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asked {
    pub(super) version: Version,
    /// Only the head is wanted.
    pub(super) head_only: bool,
    /// The client would send more requests over this connection.
    pub(super) keep: bool,
}

impl Asked {
    pub(super) fn new(method: &Method, version: Version, keep: bool) -> Self {
        Self { version, head_only: *method == Method::HEAD, keep }
    }
}

/// How the end of a body is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Coding {
    /// There is none.
    Nothing,
    /// So many bytes are still to come.
    Length(u64),
    Chunked,
    /// By the connection's end.
    UntilClose,
}

/// The body is not as long as its head says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct WrongLength;

impl Coding {
    /// For a body of a length that may be known. HTTP/1.0 has no chunks.
    pub(super) fn of(asked: Asked, status: StatusCode, length: Option<u64>) -> Self {
        match length {
            _ if asked.head_only || matches!(status.as_u16(), 100..200 | 204 | 304) => Self::Nothing,
            Some(length) => Self::Length(length),
            None if asked.version == Version::HTTP_11 => Self::Chunked,
            None => Self::UntilClose,
        }
    }

    /// Adds a piece of the body.
    pub(super) fn add(&mut self, piece: Bytes, out: &mut Outgoing) -> Result<(), WrongLength> {
        if piece.is_empty() {
            return Ok(());
        }
        match self {
            Self::Nothing => {}
            Self::UntilClose => out.add(piece),
            Self::Length(left) => {
                *left = left.checked_sub(piece.len() as u64).ok_or(WrongLength)?;
                out.add(piece);
            }
            Self::Chunked => {
                chunk_size(out.small(), piece.len());
                out.add(piece);
                out.small().extend_from_slice(b"\r\n");
            }
        }
        Ok(())
    }

    /// Ends the body.
    pub(super) fn end(self, out: &mut Outgoing) -> Result<(), WrongLength> {
        match self {
            Self::Chunked => out.small().extend_from_slice(b"0\r\n\r\n"),
            Self::Length(1..) => return Err(WrongLength),
            Self::Length(0) | Self::Nothing | Self::UntilClose => {}
        }
        Ok(())
    }
}

/// Writes the head of an answer. What frames the body and what becomes of the connection are told here alone.
pub(super) fn write_head(
    out: &mut Vec<u8>,
    asked: Asked,
    status: StatusCode,
    headers: &HeaderMap,
    length: Option<u64>,
    keep: bool,
) {
    let old = asked.version != Version::HTTP_11;
    out.extend_from_slice(if old { b"HTTP/1.0 " } else { b"HTTP/1.1 " });
    out.extend_from_slice(status.as_str().as_bytes());
    out.push(b' ');
    out.extend_from_slice(status.canonical_reason().unwrap_or_default().as_bytes());
    out.extend_from_slice(b"\r\n");
    for (name, value) in headers {
        let ours = *name == header::CONNECTION || *name == header::TRANSFER_ENCODING;
        if !ours && (*name != header::CONTENT_LENGTH || length.is_none() && asked.head_only) {
            line(out, name.as_str(), value.as_bytes());
        }
    }
    match (Coding::of(asked, status, length), length) {
        (Coding::Chunked, _) => line(out, "transfer-encoding", b"chunked"),
        // What a body would have had is told where only the head is wanted (RFC 9110, 9.3.2).
        (Coding::Length(length), _) | (Coding::Nothing, Some(length)) if has_length(status) => {
            content_length(out, length);
        }
        _ => {}
    }
    if !keep {
        line(out, "connection", b"close");
    } else if old {
        line(out, "connection", b"keep-alive");
    }
    if !headers.contains_key(header::DATE) {
        date(out);
    }
    out.extend_from_slice(b"\r\n");
}

/// Without a body by their nature, these tell no length (RFC 9110, 8.6).
fn has_length(status: StatusCode) -> bool {
    !matches!(status.as_u16(), 100..200 | 204 | 304)
}

fn line(out: &mut Vec<u8>, name: &str, value: &[u8]) {
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b": ");
    out.extend_from_slice(value);
    out.extend_from_slice(b"\r\n");
}

/// The line that tells the time (RFC 9110, 6.6.1), made anew each second.
fn date(out: &mut Vec<u8>) {
    thread_local! {
        static LINE: RefCell<(u64, String)> = const { RefCell::new((0, String::new())) };
    }
    let now = moment::wall().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
    LINE.with_borrow_mut(|(made, text)| {
        if *made != now || text.is_empty() {
            let time = httpdate::fmt_http_date(SystemTime::UNIX_EPOCH + Duration::from_secs(now));
            (*made, *text) = (now, format!("date: {time}\r\n"));
        }
        out.extend_from_slice(text.as_bytes());
    });
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn head(asked: Asked, status: u16, length: Option<u64>, keep: bool) -> String {
        let mut headers = HeaderMap::new();
        headers.insert(header::TRANSFER_ENCODING, HeaderValue::from_static("chunked"));
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from_static("77"));
        headers.insert(header::DATE, HeaderValue::from_static("now"));
        let mut out = Vec::new();
        write_head(&mut out, asked, StatusCode::from_u16(status).unwrap(), &headers, length, keep);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_head_tells_how_its_body_ends() {
        let new = Asked::new(&Method::GET, Version::HTTP_11, true);
        let old = Asked::new(&Method::GET, Version::HTTP_10, true);
        let bare = Asked::new(&Method::HEAD, Version::HTTP_11, true);
        let ok = "HTTP/1.1 200 OK\r\ndate: now\r\n";
        assert_eq!(head(new, 200, Some(3), true), format!("{ok}content-length: 3\r\n\r\n"));
        assert_eq!(head(new, 200, None, true), format!("{ok}transfer-encoding: chunked\r\n\r\n"));
        assert_eq!(head(new, 200, None, false), format!("{ok}transfer-encoding: chunked\r\nconnection: close\r\n\r\n"));
        assert_eq!(head(bare, 200, Some(3), true), format!("{ok}content-length: 3\r\n\r\n"));
        assert_eq!(head(bare, 200, None, true), "HTTP/1.1 200 OK\r\ncontent-length: 77\r\ndate: now\r\n\r\n");
        assert_eq!(head(new, 204, Some(0), true), "HTTP/1.1 204 No Content\r\ndate: now\r\n\r\n");
        assert_eq!(head(new, 299, Some(0), true), "HTTP/1.1 299 \r\ndate: now\r\ncontent-length: 0\r\n\r\n");
        assert_eq!(
            head(old, 200, Some(3), true),
            "HTTP/1.0 200 OK\r\ndate: now\r\ncontent-length: 3\r\nconnection: keep-alive\r\n\r\n"
        );
        assert_eq!(head(old, 200, None, false), "HTTP/1.0 200 OK\r\ndate: now\r\nconnection: close\r\n\r\n");
    }

    #[test]
    fn a_body_is_as_long_as_its_head_says_or_broken() {
        let mut out = Outgoing::default();
        let mut coding = Coding::Length(3);
        assert_eq!(coding.add(Bytes::from_static(b"ab"), &mut out), Ok(()));
        assert_eq!(coding.end(&mut out), Err(WrongLength));
        assert_eq!(coding.add(Bytes::from_static(b"cd"), &mut out), Err(WrongLength));
        let mut coding = Coding::Chunked;
        coding.add(Bytes::from_static(b"0123456789abcdef"), &mut out).unwrap();
        coding.add(Bytes::new(), &mut out).unwrap();
        coding.end(&mut out).unwrap();
        assert_eq!(out.small(), b"ab10\r\n0123456789abcdef\r\n0\r\n\r\n");
    }
}
