//! Request bodies that clients have compressed (RFC 9110, 8.4).

use std::io::Read;

use bytes::Bytes;
use flate2::read::{DeflateDecoder, MultiGzDecoder, ZlibDecoder};
use http::{HeaderMap, header};
use tokio::task::yield_now;

use crate::{error::Error, memory::Held};

/// The codings that are read, as an `Accept-Encoding` header lists them (RFC 9110, 12.5.3).
pub(crate) const ACCEPTED: &str = "gzip, deflate";

/// How much is unpacked before other requests of the worker get their turn, in bytes.
const TURN: usize = 64 * 1024;

/// How a body is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Coding {
    Gzip,
    Deflate,
}

impl Coding {
    /// What the headers of a request say; `None` where its body is as it is.
    ///
    /// # Errors
    /// [`Error::Coding`] for another coding, or for several.
    pub(crate) fn of(headers: &HeaderMap) -> Result<Option<Self>, Error> {
        let mut coding = None;
        if !headers.contains_key(header::CONTENT_ENCODING) {
            return Ok(None);
        }
        for value in headers.get_all(header::CONTENT_ENCODING) {
            let text = String::from_utf8_lossy(value.as_bytes());
            for word in text.split(',').map(str::trim) {
                let found = match word.to_ascii_lowercase().as_str() {
                    "" | "identity" => continue,
                    "gzip" | "x-gzip" => Self::Gzip,
                    "deflate" => Self::Deflate,
                    _ => return Err(Error::Coding(word.chars().take(40).collect())),
                };
                if coding.replace(found).is_some() {
                    return Err(Error::Coding(text.chars().take(40).collect()));
                }
            }
        }
        Ok(coding)
    }

    /// Unpacks a body to at most so many bytes, which are held.
    ///
    /// # Errors
    /// [`Error::BodyPacked`], [`Error::BodyTooLarge`] or [`Error::MemoryFull`].
    pub(crate) async fn unpack(self, packed: &[u8], most: usize, held: &mut Held) -> Result<Bytes, Error> {
        let mut reader = self.reader(packed);
        let mut unpacked = Vec::new();
        loop {
            let (before, room) = (unpacked.len(), TURN.min(most - unpacked.len()) + 1);
            let read = reader.by_ref().take(room as u64).read_to_end(&mut unpacked);
            read.map_err(|_| Error::BodyPacked(self.name()))?;
            match unpacked.len() - before {
                0 => return Ok(unpacked.into()),
                more => held.grow(more)?,
            }
            if unpacked.len() > most {
                return Err(Error::BodyTooLarge(most));
            }
            yield_now().await;
        }
    }

    fn reader<'a>(self, packed: &'a [u8]) -> Box<dyn Read + Send + 'a> {
        // `deflate` means zlib's frame; some clients leave that frame out. Its first two bytes tell (RFC 1950, 2.2).
        let framed = matches!(packed, [0x78, check, ..] if (0x7800 + u32::from(*check)).is_multiple_of(31));
        match self {
            Self::Gzip => Box::new(MultiGzDecoder::new(packed)),
            Self::Deflate if framed => Box::new(ZlibDecoder::new(packed)),
            Self::Deflate => Box::new(DeflateDecoder::new(packed)),
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Deflate => "deflate",
        }
    }
}

#[cfg(test)]
mod tests {
    use flate2::{
        Compression,
        write::{DeflateEncoder, GzEncoder, ZlibEncoder},
    };
    use http::HeaderValue;

    use super::*;

    fn packed(text: &[u8]) -> [(Coding, Vec<u8>); 3] {
        let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
        let mut zlib = ZlibEncoder::new(Vec::new(), Compression::fast());
        let mut bare = DeflateEncoder::new(Vec::new(), Compression::fast());
        for writer in [&mut gzip as &mut dyn std::io::Write, &mut zlib, &mut bare] {
            writer.write_all(text).unwrap();
        }
        [
            (Coding::Gzip, gzip.finish().unwrap()),
            (Coding::Deflate, zlib.finish().unwrap()),
            (Coding::Deflate, bare.finish().unwrap()),
        ]
    }

    #[tokio::test]
    async fn a_body_is_unpacked_up_to_the_limit_and_no_further() {
        let text = vec![b'a'; 3 * TURN + 7];
        for (coding, body) in packed(&text) {
            assert!(body.len() < 2_000, "it is well packed: {}", body.len());
            let mut held = Held::default();
            assert_eq!(coding.unpack(&body, text.len(), &mut held).await.unwrap(), text);
            let over = coding.unpack(&body, text.len() - 1, &mut held).await;
            assert!(matches!(over, Err(Error::BodyTooLarge(_))), "{over:?}");
            let cut = coding.unpack(&body[..body.len() / 2], text.len(), &mut held).await;
            assert!(matches!(cut, Err(Error::BodyPacked(_))), "{cut:?}");
        }
        let plain = Coding::Gzip.unpack(b"{}", 9, &mut Held::default()).await;
        assert!(matches!(plain, Err(Error::BodyPacked("gzip"))), "{plain:?}");
    }

    #[test]
    fn other_codings_are_named_in_the_refusal() {
        let of = |text: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(text));
            Coding::of(&headers)
        };
        for (text, coding) in
            [("identity", None), ("", None), ("GZIP", Some(Coding::Gzip)), ("identity, deflate", Some(Coding::Deflate))]
        {
            assert_eq!(of(text).unwrap(), coding, "{text}");
        }
        for text in ["br", "zstd", "gzip, gzip"] {
            assert!(of(text).unwrap_err().to_string().contains(text), "{text}");
        }
    }
}
