//! HTTP/1.1 messages as they come off a socket: a head, then a body by length, by chunks or up to the close.

use memchr::memmem;

use crate::fault::Fault;

/// A head longer than this is refused, in bytes.
const HEAD_LIMIT: usize = 64 * 1024;
/// A chunk-size line longer than this is refused, in bytes.
const LINE_LIMIT: usize = 1024;

/// Which messages a [`Message`] reads: it decides what a missing length means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    /// Answers: without a length the body goes on until the connection closes.
    Answers,
    /// Requests: without a length there is no body.
    Requests,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Head,
    Sized(u64),
    ChunkLine,
    Chunk(u64),
    ChunkEnd,
    Trailer,
    UntilClose,
    Done,
}

/// One message being read; reused for the next by [`Message::begin`].
#[derive(Debug)]
pub(crate) struct Message {
    side: Side,
    state: State,
    held: Vec<u8>,
    first_line: Vec<u8>,
    close: bool,
}

impl Message {
    pub(crate) fn new(side: Side) -> Self {
        Self { side, state: State::Head, held: Vec::new(), first_line: Vec::new(), close: false }
    }

    /// Makes ready for the next message of the same connection.
    pub(crate) fn begin(&mut self) {
        self.state = State::Head;
        self.held.clear();
        self.first_line.clear();
        self.close = false;
    }

    /// Takes bytes, hands on what of them is body, and returns how many belong to this message.
    pub(crate) fn feed(&mut self, input: &[u8], body: &mut impl FnMut(&[u8])) -> Result<usize, Fault> {
        let mut rest = input;
        while self.state != State::Done && !rest.is_empty() {
            match self.state {
                State::Head => {
                    if self.collect(&mut rest, b"\r\n\r\n", HEAD_LIMIT)? {
                        self.state = self.read_head()?;
                        self.held.clear();
                    }
                }
                State::Sized(left) => {
                    self.state = match hand_on(&mut rest, left, body) {
                        0 => State::Done,
                        left => State::Sized(left),
                    };
                }
                State::Chunk(left) => {
                    self.state = match hand_on(&mut rest, left, body) {
                        0 => State::ChunkEnd,
                        left => State::Chunk(left),
                    };
                }
                State::ChunkLine => {
                    if self.collect(&mut rest, b"\n", LINE_LIMIT)? {
                        self.state = match chunk_size(&self.held)? {
                            0 => State::Trailer,
                            size => State::Chunk(size),
                        };
                        self.held.clear();
                    }
                }
                State::ChunkEnd => {
                    if self.collect(&mut rest, b"\r\n", LINE_LIMIT)? {
                        if self.held.len() != 2 {
                            return Err(Fault::Malformed);
                        }
                        self.held.clear();
                        self.state = State::ChunkLine;
                    }
                }
                State::Trailer => {
                    if self.collect(&mut rest, b"\r\n", LINE_LIMIT)? {
                        if self.held.len() == 2 {
                            self.state = State::Done;
                        }
                        self.held.clear();
                    }
                }
                State::UntilClose => {
                    body(rest);
                    rest = &[];
                }
                State::Done => {}
            }
        }
        Ok(input.len() - rest.len())
    }

    /// Tells that the connection has closed; an error unless the message may end so.
    pub(crate) fn closed(&mut self) -> Result<(), Fault> {
        if self.state != State::UntilClose {
            return Err(Fault::Closed);
        }
        self.state = State::Done;
        Ok(())
    }

    pub(crate) fn is_done(&self) -> bool {
        self.state == State::Done
    }

    /// True when the connection cannot carry another message.
    pub(crate) fn closes(&self) -> bool {
        self.close
    }

    /// The status line or the request line, without its line end.
    pub(crate) fn first_line(&self) -> &[u8] {
        &self.first_line
    }

    /// The status of an answer, 0 when the line holds none.
    pub(crate) fn status(&self) -> u16 {
        let digits = self.first_line.get(9..12).unwrap_or_default();
        std::str::from_utf8(digits).ok().and_then(|digits| digits.parse().ok()).unwrap_or(0)
    }

    /// Moves bytes up to and with `end` into `held`; true when `end` was reached.
    fn collect(&mut self, rest: &mut &[u8], end: &[u8], limit: usize) -> Result<bool, Fault> {
        let before = self.held.len();
        let mut seam = [0; 8];
        let kept = before.min(end.len() - 1);
        seam[..kept].copy_from_slice(&self.held[before - kept..]);
        let ahead = rest.len().min(end.len() - 1);
        seam[kept..kept + ahead].copy_from_slice(&rest[..ahead]);

        // An end that lies across two reads shows in the seam; any other lies in `rest`.
        let across = memmem::find(&seam[..kept + ahead], end).map(|at| at + end.len() - kept);
        let found = across.or_else(|| memmem::find(rest, end).map(|at| at + end.len()));
        let taken = found.unwrap_or(rest.len());
        if before + taken > limit {
            return Err(Fault::Malformed);
        }
        self.held.extend_from_slice(&rest[..taken]);
        *rest = &rest[taken..];
        Ok(found.is_some())
    }

    fn read_head(&mut self) -> Result<State, Fault> {
        let mut lines = self.held.split(|&byte| byte == b'\n').map(<[u8]>::trim_ascii_end);
        let first = lines.next().unwrap_or_default();
        self.first_line.extend_from_slice(first);
        self.close = first.ends_with(b"HTTP/1.0") || first.starts_with(b"HTTP/1.0");
        let (mut length, mut chunked) = (None, false);
        for line in lines {
            let Some(colon) = memchr::memchr(b':', line) else {
                continue;
            };
            let (name, value) = (&line[..colon], line[colon + 1..].trim_ascii());
            if name.eq_ignore_ascii_case(b"content-length") {
                length = Some(decimal(value)?);
            } else if name.eq_ignore_ascii_case(b"transfer-encoding") {
                chunked = value.to_ascii_lowercase().ends_with(b"chunked");
            } else if name.eq_ignore_ascii_case(b"connection") && value.eq_ignore_ascii_case(b"close") {
                self.close = true;
            }
        }
        Ok(match (chunked, length) {
            (true, _) => State::ChunkLine,
            (false, Some(0)) => State::Done,
            (false, Some(length)) => State::Sized(length),
            (false, None) if self.side == Side::Requests => State::Done,
            (false, None) => {
                self.close = true;
                State::UntilClose
            }
        })
    }
}

fn hand_on(rest: &mut &[u8], left: u64, body: &mut impl FnMut(&[u8])) -> u64 {
    let taken = rest.len().min(usize::try_from(left).unwrap_or(usize::MAX));
    body(&rest[..taken]);
    *rest = &rest[taken..];
    left - taken as u64
}

fn decimal(digits: &[u8]) -> Result<u64, Fault> {
    let text = std::str::from_utf8(digits).map_err(|_| Fault::Malformed)?;
    text.parse().map_err(|_| Fault::Malformed)
}

fn chunk_size(line: &[u8]) -> Result<u64, Fault> {
    let digits = line.split(|&byte| byte == b';').next().unwrap_or_default();
    let text = std::str::from_utf8(digits).map_err(|_| Fault::Malformed)?;
    u64::from_str_radix(text.trim(), 16).map_err(|_| Fault::Malformed)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHUNKED: &[u8] = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6;x=y\r\n world\r\n0\r\nTrailer: t\r\n\r\n";

    fn read(side: Side, pieces: &[&[u8]]) -> Result<(u16, Vec<u8>, usize), Fault> {
        let mut message = Message::new(side);
        let mut body = Vec::new();
        let mut taken = 0;
        for piece in pieces {
            taken += message.feed(piece, &mut |bytes| body.extend_from_slice(bytes))?;
        }
        if !message.is_done() {
            message.closed()?;
        }
        Ok((message.status(), body, taken))
    }

    #[test]
    fn a_chunked_answer_reads_the_same_however_it_is_cut() {
        for first in 0..CHUNKED.len() {
            for second in first..CHUNKED.len() {
                let pieces = [&CHUNKED[..first], &CHUNKED[first..second], &CHUNKED[second..]];
                let (status, body, taken) = read(Side::Answers, &pieces).unwrap();
                assert_eq!((status, &body[..], taken), (200, &b"hello world"[..], CHUNKED.len()));
            }
        }
    }

    #[test]
    fn bytes_after_the_message_are_left_alone() {
        let bytes = b"HTTP/1.1 404 Not Found\r\ncontent-length: 2\r\n\r\nokHTTP/1.1";
        let (status, body, taken) = read(Side::Answers, &[bytes]).unwrap();
        assert_eq!((status, &body[..], taken), (404, &b"ok"[..], bytes.len() - 8));
    }

    #[test]
    fn an_answer_cut_short_is_a_fault() {
        let short = b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nok";
        assert_eq!(read(Side::Answers, &[short]), Err(Fault::Closed));
        assert_eq!(read(Side::Answers, &[&CHUNKED[..CHUNKED.len() - 2]]), Err(Fault::Closed));
    }

    #[test]
    fn without_a_length_an_answer_ends_with_the_connection_and_a_request_has_no_body() {
        let answer = b"HTTP/1.1 200 OK\r\n\r\nall of it";
        assert_eq!(read(Side::Answers, &[answer]).unwrap().1, b"all of it");
        let request = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n";
        assert_eq!(read(Side::Requests, &[request]).unwrap().1, b"");
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes: Vec<u8>) {
            let _ = read(Side::Answers, &[b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n", &bytes]);
            let _ = read(Side::Requests, &[&bytes]);
        }
    }
}
