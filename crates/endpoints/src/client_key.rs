//! The key a client shows, as a fingerprint: enough to tell clients apart, of no use to get in anywhere.

use std::fmt;

use http::{HeaderMap, HeaderName, HeaderValue, header};
use ring::digest::{SHA256, digest};

/// Headers that carry nothing but a key: Anthropic's and Azure's.
static BARE: [HeaderName; 2] = [HeaderName::from_static("x-api-key"), HeaderName::from_static("api-key")];

/// The beginning of the SHA-256 of a client's key; the same for the same key, in every process and for ever.
///
/// It is shown as 8 hexadecimal digits, which whoever has a key can compute beside it:
/// `printf %s "$KEY" | sha256sum | cut -c1-8`. That a short, guessable key can be found out by trying is the price;
/// a random one cannot, and a secret of the router's own would make two routers name one client differently.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ClientKey(u64);

impl ClientKey {
    /// The fingerprint of the key in a request's headers: `Authorization` without its scheme, else `x-api-key` or
    /// `api-key`. `None` where there is none.
    #[must_use]
    pub fn of(headers: &HeaderMap) -> Option<Self> {
        // One pass is cheaper than asking for each name; most routers have clients without keys.
        if !headers.keys().any(|name| *name == header::AUTHORIZATION || BARE.contains(name)) {
            return None;
        }
        let authorization = headers.get(header::AUTHORIZATION).map(|value| credentials(value.as_bytes()));
        let mut bare = BARE.iter().filter_map(|name| headers.get(name)).map(HeaderValue::as_bytes);
        authorization.filter(|key| !key.is_empty()).or_else(|| bare.find(|key| !key.is_empty())).map(Self::of_key)
    }

    /// The fingerprint of a key.
    #[must_use]
    pub fn of_key(key: &[u8]) -> Self {
        let digest = digest(&SHA256, key);
        let first = digest.as_ref().first_chunk().copied().unwrap_or_default();
        Self(u64::from_be_bytes(first))
    }

    /// The first 64 bits, for maps and fair queues: they tell more keys apart than the shown ones.
    #[must_use]
    pub fn bits(self) -> u64 {
        self.0
    }

    /// The 8 hexadecimal digits that are shown, in ASCII.
    #[must_use]
    pub fn digits(self) -> [u8; 8] {
        std::array::from_fn(|at| {
            let digit = (self.0 >> (60 - 4 * at)) as u8 & 0xf;
            if digit < 10 { b'0' + digit } else { b'a' + digit - 10 }
        })
    }
}

impl fmt::Display for ClientKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(str::from_utf8(&self.digits()).unwrap_or_default())
    }
}

/// What stands behind the scheme (RFC 9110, 11.4); all of it where there is no scheme.
fn credentials(value: &[u8]) -> &[u8] {
    let value = value.trim_ascii();
    match value.iter().position(|byte| *byte == b' ') {
        Some(at) => value[at..].trim_ascii(),
        None if value.eq_ignore_ascii_case(b"bearer") => b"",
        None => value,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(pairs: &[(&'static str, &str)]) -> Option<String> {
        let pairs = pairs.iter().map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap()));
        ClientKey::of(&pairs.collect()).map(|key| key.to_string())
    }

    #[test]
    fn a_key_has_one_fingerprint_wherever_it_stands() {
        // printf %s secret | sha256sum
        let secret = Some("2bb80d53".to_owned());
        assert_eq!(of(&[("authorization", "Bearer secret")]), secret);
        assert_eq!(of(&[("authorization", "bearer  secret ")]), secret);
        assert_eq!(of(&[("authorization", "secret")]), secret);
        assert_eq!(of(&[("x-api-key", "secret")]), secret);
        assert_eq!(of(&[("authorization", "Bearer "), ("api-key", "secret")]), secret);
        assert_ne!(of(&[("api-key", "Secret")]), secret);
    }

    #[test]
    fn without_a_key_there_is_none() {
        assert_eq!(of(&[]), None);
        assert_eq!(of(&[("authorization", "Bearer"), ("x-api-key", "")]), None);
    }
}
