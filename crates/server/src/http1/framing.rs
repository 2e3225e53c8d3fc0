//! Where a message's body ends (RFC 9112, 6), and whether its connection can carry another.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode, Version, header};

use super::chunked::Chunked;

/// How the end of a body is told, and what of it is still to come.
#[derive(Debug)]
pub(crate) enum Framing {
    /// This many bytes are left.
    Length(u64),
    /// Chunks tell.
    Chunked(Chunked),
    /// The connection's end tells.
    UntilClose,
    /// Nothing is left.
    Over,
}

/// Why a body cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum FramingError {
    /// Lengths that differ, or are no numbers.
    #[error("bad Content-Length")]
    Length,
    /// A coding other than `chunked`, or `chunked` where it cannot be.
    #[error("bad Transfer-Encoding")]
    Coding,
    /// Both, which two readers may take differently.
    #[error("Content-Length beside Transfer-Encoding")]
    Both,
    /// Not the chunked coding.
    #[error("bad chunked coding")]
    Chunk,
    /// Beyond a bound of ours.
    #[error("too many {0}")]
    TooLarge(&'static str),
    /// The connection ended before the body did.
    #[error("the connection closed before the end of the body")]
    Cut,
}

impl Framing {
    /// Of an answer; one to HEAD has its head only (RFC 9110, 9.3.2).
    pub(crate) fn of_answer(
        head_only: bool,
        status: StatusCode,
        version: Version,
        headers: &HeaderMap,
    ) -> Result<Self, FramingError> {
        if head_only || matches!(status.as_u16(), 100..200 | 204 | 304) {
            return Ok(Self::Over);
        }
        if is_chunked(version, headers)? {
            return Ok(Self::Chunked(Chunked::default()));
        }
        Ok(length(headers)?.map_or(Self::UntilClose, Self::sized))
    }

    /// Of a request. What two readers could take differently is refused (RFC 9112, 6.3).
    pub(crate) fn of_request(version: Version, headers: &HeaderMap) -> Result<Self, FramingError> {
        let length = length(headers)?;
        match (is_chunked(version, headers)?, length) {
            (true, Some(_)) => Err(FramingError::Both),
            (true, None) => Ok(Self::Chunked(Chunked::default())),
            (false, length) => Ok(length.map_or(Self::Over, Self::sized)),
        }
    }

    fn sized(length: u64) -> Self {
        if length == 0 { Self::Over } else { Self::Length(length) }
    }

    /// Whether nothing is left.
    pub(crate) fn is_over(&self) -> bool {
        match self {
            Self::Over => true,
            Self::Chunked(chunked) => chunked.is_over(),
            Self::Length(_) | Self::UntilClose => false,
        }
    }

    /// Takes the next piece of the body off the front of what was read; nothing when more must be read, or at the end.
    pub(crate) fn next(&mut self, input: &mut Bytes) -> Result<Option<Bytes>, FramingError> {
        if input.is_empty() {
            return Ok(None);
        }
        match self {
            Self::Over => Ok(None),
            Self::Chunked(chunked) => chunked.next(input),
            Self::UntilClose => Ok(Some(std::mem::take(input))),
            Self::Length(left) => {
                let size = input.len().min(usize::try_from(*left).unwrap_or(usize::MAX));
                let data = if size == input.len() { std::mem::take(input) } else { input.split_to(size) };
                *self = Self::sized(*left - size as u64);
                Ok(Some(data))
            }
        }
    }

    /// The connection ended: well, if that is how the body ends.
    pub(crate) fn closed(&mut self) -> Result<(), FramingError> {
        match self {
            Self::UntilClose => {
                *self = Self::Over;
                Ok(())
            }
            _ if self.is_over() => Ok(()),
            _ => Err(FramingError::Cut),
        }
    }
}

/// Whether the connection stays open behind this message (RFC 9112, 9.3).
pub(crate) fn persistent(version: Version, headers: &HeaderMap) -> bool {
    if !headers.contains_key(header::CONNECTION) {
        return version == Version::HTTP_11;
    }
    let said = |word: &str| {
        headers
            .get_all(header::CONNECTION)
            .iter()
            .any(|value| tokens(value).any(|t| t.eq_ignore_ascii_case(word.as_bytes())))
    };
    if version == Version::HTTP_11 { !said("close") } else { said("keep-alive") && !said("close") }
}

/// Whether the body is chunked. Other codings are refused: nothing here undoes them.
fn is_chunked(version: Version, headers: &HeaderMap) -> Result<bool, FramingError> {
    if !headers.contains_key(header::TRANSFER_ENCODING) {
        return Ok(false);
    }
    // The header without a coding says nothing that could be read, so one is needed.
    let mut codings = headers.get_all(header::TRANSFER_ENCODING).iter().flat_map(tokens);
    let chunked = codings.next().is_some_and(|coding| coding.eq_ignore_ascii_case(b"chunked"));
    if chunked && codings.next().is_none() && version == Version::HTTP_11 {
        Ok(true)
    } else {
        Err(FramingError::Coding)
    }
}

/// The length, if one is told. The same one twice is one (RFC 9110, 8.6).
fn length(headers: &HeaderMap) -> Result<Option<u64>, FramingError> {
    let mut length = None;
    for value in headers.get_all(header::CONTENT_LENGTH) {
        for digits in value.as_bytes().split(|byte| *byte == b',') {
            let one = decimal(digits.trim_ascii()).ok_or(FramingError::Length)?;
            if length.is_some_and(|other| other != one) {
                return Err(FramingError::Length);
            }
            length = Some(one);
        }
    }
    Ok(length)
}

fn decimal(digits: &[u8]) -> Option<u64> {
    let add = |number: u64, digit: &u8| number.checked_mul(10)?.checked_add(char::from(*digit).to_digit(10)?.into());
    (!digits.is_empty()).then(|| digits.iter().try_fold(0, add)).flatten()
}

fn tokens(value: &HeaderValue) -> impl Iterator<Item = &[u8]> {
    value.as_bytes().split(|byte| *byte == b',').map(<[u8]>::trim_ascii).filter(|token| !token.is_empty())
}

#[cfg(test)]
mod tests {
    use http::{HeaderName, Method};

    use super::*;

    fn headers(lines: &[(&'static str, &'static str)]) -> HeaderMap {
        lines.iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value))).collect()
    }

    fn answer(method: &Method, status: u16, lines: &[(&'static str, &'static str)]) -> Result<Framing, FramingError> {
        Framing::of_answer(
            method == Method::HEAD,
            StatusCode::from_u16(status).unwrap(),
            Version::HTTP_11,
            &headers(lines),
        )
    }

    #[test]
    fn the_end_of_an_answer_is_where_the_specification_puts_it() {
        let five = [("content-length", "5")];
        let chunks = [("transfer-encoding", "Chunked")];
        assert!(matches!(answer(&Method::POST, 200, &five), Ok(Framing::Length(5))));
        assert!(matches!(answer(&Method::HEAD, 200, &five), Ok(Framing::Over)));
        assert!(matches!(answer(&Method::GET, 304, &five), Ok(Framing::Over)));
        assert!(matches!(answer(&Method::GET, 204, &chunks), Ok(Framing::Over)));
        assert!(matches!(answer(&Method::GET, 200, &chunks), Ok(Framing::Chunked(_))));
        assert!(matches!(answer(&Method::GET, 200, &[]), Ok(Framing::UntilClose)));
        assert!(matches!(answer(&Method::GET, 200, &[("content-length", "0")]), Ok(Framing::Over)));
        assert!(matches!(answer(&Method::GET, 200, &[("content-length", "7, 7")]), Ok(Framing::Length(7))));
        for (name, value) in [
            ("content-length", "5, 6"),
            ("content-length", "-1"),
            ("content-length", "+1"),
            ("content-length", ""),
            ("content-length", "99999999999999999999"),
            ("transfer-encoding", "gzip, chunked"),
            ("transfer-encoding", "chunked, chunked"),
            ("transfer-encoding", "identity"),
            ("transfer-encoding", ""),
        ] {
            assert!(answer(&Method::GET, 200, &[(name, value)]).is_err(), "{name}: {value}");
        }
    }

    #[test]
    fn a_request_without_a_length_has_no_body_and_one_with_two_is_refused() {
        let request = |lines| Framing::of_request(Version::HTTP_11, &headers(lines));
        assert!(matches!(request(&[]), Ok(Framing::Over)));
        assert!(matches!(request(&[("content-length", "3")]), Ok(Framing::Length(3))));
        assert!(matches!(request(&[("transfer-encoding", "chunked")]), Ok(Framing::Chunked(_))));
        let both = request(&[("transfer-encoding", "chunked"), ("content-length", "3")]);
        assert_eq!(both.unwrap_err(), FramingError::Both);
        let old = Framing::of_request(Version::HTTP_10, &headers(&[("transfer-encoding", "chunked")]));
        assert_eq!(old.unwrap_err(), FramingError::Coding);
    }

    #[test]
    fn a_length_is_kept_to_and_what_follows_is_left() {
        let mut framing = Framing::Length(5);
        let mut input = Bytes::from_static(b"abc");
        assert_eq!(framing.next(&mut input).unwrap().unwrap(), "abc");
        assert_eq!(framing.closed(), Err(FramingError::Cut));
        let mut input = Bytes::from_static(b"defg");
        assert_eq!(framing.next(&mut input).unwrap().unwrap(), "de");
        assert!(framing.is_over() && input == "fg");
        assert_eq!(framing.next(&mut input), Ok(None));
        assert_eq!(framing.closed(), Ok(()));
    }

    #[test]
    fn connections_persist_as_the_version_and_both_sides_say() {
        for (version, lines, want) in [
            (Version::HTTP_11, &[][..], true),
            (Version::HTTP_11, &[("connection", "x, Close")][..], false),
            (Version::HTTP_10, &[][..], false),
            (Version::HTTP_10, &[("connection", "Keep-Alive")][..], true),
        ] {
            assert_eq!(persistent(version, &headers(lines)), want, "{lines:?}");
        }
    }
}
