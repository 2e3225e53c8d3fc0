//! The chunked transfer coding (RFC 9112, 7.1), read strictly: lines end with CRLF, extensions and trailers are passed
//! over and bounded.

use bytes::Bytes;

use super::framing::FramingError;

/// The most bytes of chunk extensions of one message.
const MOST_EXTENSIONS: usize = 16 * 1024;
/// The most bytes of a trailer section.
const MOST_TRAILERS: usize = 16 * 1024;
/// A size needs no more hexadecimal digits than a `u64` has.
const MOST_DIGITS: u8 = 16;

/// How far a chunked body has been read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At {
    /// In the digits of a size, of which there are so many.
    Size(u8),
    /// In the blanks behind a size.
    Blank,
    Extension,
    SizeEnd,
    Data,
    DataEnd,
    DataEndLf,
    /// At the start of a line of the trailer section.
    Trailer,
    TrailerName,
    TrailerValue,
    TrailerEnd,
    End,
    Over,
}

/// A chunked body being read.
#[derive(Debug)]
pub(crate) struct Chunked {
    at: At,
    /// Of the present chunk.
    left: u64,
    extensions: usize,
    trailers: usize,
}

impl Default for Chunked {
    fn default() -> Self {
        Self { at: At::Size(0), left: 0, extensions: 0, trailers: 0 }
    }
}

impl Chunked {
    /// Whether the last byte has been read.
    pub(crate) fn is_over(&self) -> bool {
        self.at == At::Over
    }

    /// Takes the next piece of data off the front of `input`; nothing when more input is needed, or at the end.
    pub(crate) fn next(&mut self, input: &mut Bytes) -> Result<Option<Bytes>, FramingError> {
        let mut used = 0;
        while used < input.len() && self.at != At::Over {
            if self.at == At::Data {
                let _ = input.split_to(used);
                let size = input.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
                self.left -= size as u64;
                if self.left == 0 {
                    self.at = At::DataEnd;
                }
                let data = input.split_to(size);
                self.line_end(input)?;
                return Ok(Some(data));
            }
            self.step(input[used])?;
            used += 1;
        }
        let _ = input.split_to(used);
        Ok(None)
    }

    /// Reads on behind the data, up to the next data: so the end is seen together with the last piece.
    fn line_end(&mut self, input: &mut Bytes) -> Result<(), FramingError> {
        let mut used = 0;
        while used < input.len() && !matches!(self.at, At::Data | At::Over) {
            self.step(input[used])?;
            used += 1;
        }
        let _ = input.split_to(used);
        Ok(())
    }

    fn step(&mut self, byte: u8) -> Result<(), FramingError> {
        self.at = match (self.at, byte) {
            (At::Size(digits), _) if byte.is_ascii_hexdigit() => return self.digit(digits, byte),
            (At::Size(1..) | At::Blank, b'\r') | (At::Extension, b'\r') => At::SizeEnd,
            (At::Size(1..) | At::Blank, b' ' | b'\t') => At::Blank,
            (At::Size(1..) | At::Blank, b';') => At::Extension,
            (At::Extension, _) if byte != b'\n' => {
                count(&mut self.extensions, MOST_EXTENSIONS, "chunk extensions")?;
                At::Extension
            }
            (At::SizeEnd, b'\n') if self.left == 0 => At::Trailer,
            (At::SizeEnd, b'\n') => At::Data,
            (At::DataEnd, b'\r') => At::DataEndLf,
            (At::DataEndLf, b'\n') => At::Size(0),
            (At::Trailer, b'\r') => At::End,
            (At::TrailerValue, b'\r') => At::TrailerEnd,
            (At::TrailerName, b':') => At::TrailerValue,
            (At::Trailer | At::TrailerName, _) if is_token(byte) => self.trailer(At::TrailerName)?,
            (At::TrailerValue, _) if byte != b'\n' => self.trailer(At::TrailerValue)?,
            (At::TrailerEnd, b'\n') => At::Trailer,
            (At::End, b'\n') => At::Over,
            _ => return Err(FramingError::Chunk),
        };
        Ok(())
    }

    fn trailer(&mut self, at: At) -> Result<At, FramingError> {
        count(&mut self.trailers, MOST_TRAILERS, "trailers")?;
        Ok(at)
    }

    fn digit(&mut self, digits: u8, byte: u8) -> Result<(), FramingError> {
        if digits == MOST_DIGITS {
            return Err(FramingError::Chunk);
        }
        let value = match byte {
            b'0'..=b'9' => byte - b'0',
            _ => (byte | 0x20) - b'a' + 10,
        };
        let before = if digits == 0 { 0 } else { self.left };
        self.left = before << 4 | u64::from(value);
        self.at = At::Size(digits + 1);
        Ok(())
    }
}

/// What names of fields are made of (RFC 9110, 5.6.2).
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

fn count(so_far: &mut usize, most: usize, what: &'static str) -> Result<(), FramingError> {
    *so_far += 1;
    if *so_far > most { Err(FramingError::TooLarge(what)) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pieces: &[&[u8]]) -> Result<(Vec<u8>, bool, usize), FramingError> {
        let mut chunked = Chunked::default();
        let (mut data, mut left) = (Vec::new(), 0);
        for piece in pieces {
            let mut input = Bytes::copy_from_slice(piece);
            while let Some(more) = chunked.next(&mut input)? {
                data.extend_from_slice(&more);
            }
            left += input.len();
        }
        Ok((data, chunked.is_over(), left))
    }

    #[test]
    fn it_reads_the_same_however_it_is_cut() {
        let body =
            b"5\r\nhello\r\n006 ;x=\"y\"\r\n world\r\nA\r\n0123456789\r\n0\r\nTrailer: t\r\nOther: u\r\n\r\nrest";
        for first in 0..=body.len() {
            for second in first..=body.len() {
                let pieces = [&body[..first], &body[first..second], &body[second..]];
                let (data, over, left) = read(&pieces).unwrap();
                assert_eq!((&data[..], over), (&b"hello world0123456789"[..], true));
                assert!(left <= 4 || first > body.len() - 4);
            }
        }
        assert_eq!(read(&[body]).unwrap().2, 4);
    }

    #[test]
    fn the_end_is_seen_together_with_the_last_data() {
        let mut chunked = Chunked::default();
        let mut input = Bytes::from_static(b"2\r\nok\r\n0\r\n\r\n");
        assert_eq!(chunked.next(&mut input).unwrap().unwrap(), "ok");
        assert!(chunked.is_over() && input.is_empty());
    }

    #[test]
    fn whatever_two_readers_could_read_differently_is_refused() {
        for bad in [
            &b"5\nhello\r\n"[..],
            b"5\r\nhello\n",
            b"5\r\nhellos\r\n",
            b"\r\n",
            b" 5\r\n",
            b"-1\r\n",
            b"0x5\r\n",
            b"5;x\ny\r\n",
            b"11111111111111111\r\n",
            b"5 5\r\n",
            b"0\r\nA: b\n\r\n",
            b"0\r\nA\r\n\r\n",
            b"0\r\n: b\r\n\r\n",
            b"g\r\n",
        ] {
            assert!(read(&[bad]).is_err(), "{:?}", String::from_utf8_lossy(bad));
        }
        let long = [b"1;".to_vec(), vec![b'x'; 20_000]].concat();
        assert!(matches!(read(&[&long]), Err(FramingError::TooLarge(_))));
        let long = [b"0\r\nx: ".to_vec(), vec![b'x'; 20_000]].concat();
        assert!(matches!(read(&[&long]), Err(FramingError::TooLarge(_))));
    }
}
