//! Settings of the pictures that clients give by URL.

use std::{net::IpAddr, num::NonZeroUsize, time::Duration};

use super::reader::Reader;

/// The longest name a host can have (RFC 1035, 2.3.4).
const LONGEST_NAME: usize = 253;

/// Which pictures are fetched for providers that take no URLs, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Images {
    /// `image_hosts`: from whom; empty: from nobody.
    pub hosts: Vec<ImageHost>,
    /// `image_size`: the largest picture, in bytes.
    pub size: NonZeroUsize,
    /// `image_timeout`: the longest time for one picture, from the name look-up to its last byte.
    pub timeout: Duration,
}

/// Hosts that pictures may come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ImageHost {
    /// `*`: every host with a public address.
    Any,
    /// `*.example.org`: all names that end in this, with the dot, and have a public address.
    Below(String),
    /// A name or an address in its usual spelling, wherever it leads.
    Named(String),
}

/// Which addresses of a host may be connected to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// Public ones alone: nobody named the host.
    Public,
    /// All, private ones too: the operator named the host.
    Anywhere,
}

impl Images {
    pub(super) fn read(r: &mut Reader<'_>) -> Self {
        const HOSTS: &str = "image_hosts";
        let mut hosts = Vec::new();
        for text in r.list(HOSTS) {
            match ImageHost::parse(&text) {
                Some(host) => hosts.push(host),
                None => r.refuse(
                    HOSTS,
                    format!("has {text:?}, which is no host; allowed: *, a name, *. and a name, an address; no port"),
                ),
            }
        }
        Self {
            hosts,
            size: r.count("image_size", 10 << 20, 1 << 30),
            timeout: r.time(
                "image_timeout",
                Duration::from_secs(10),
                Duration::from_millis(1)..=Duration::from_secs(3600),
            ),
        }
    }

    /// Where a host of a URL may lead; `None`: it may not be asked. An IPv6 address stands without brackets.
    #[must_use]
    pub fn reach(&self, host: &str) -> Option<Reach> {
        let host = plain(host);
        let mut reach = None;
        for allowed in &self.hosts {
            match allowed {
                ImageHost::Named(name) if *name == host => return Some(Reach::Anywhere),
                ImageHost::Any => reach = Some(Reach::Public),
                ImageHost::Below(end) if host.len() > end.len() && host.ends_with(end) => reach = Some(Reach::Public),
                ImageHost::Named(_) | ImageHost::Below(_) => {}
            }
        }
        reach
    }
}

impl ImageHost {
    fn parse(text: &str) -> Option<Self> {
        if text == "*" {
            return Some(Self::Any);
        }
        if let Some(name) = text.strip_prefix("*.") {
            return is_name(name).then(|| Self::Below(format!(".{}", plain(name))));
        }
        let name = plain(text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text));
        (is_name(&name) || name.parse::<IpAddr>().is_ok()).then_some(Self::Named(name))
    }
}

/// One spelling for what is the same host: small letters, no dot at the end, addresses as they are usually written.
fn plain(host: &str) -> String {
    let host = host.strip_suffix('.').unwrap_or(host);
    host.parse::<IpAddr>().map_or_else(|_| host.to_ascii_lowercase(), |address| address.to_string())
}

fn is_name(name: &str) -> bool {
    let label =
        |label: &str| !label.is_empty() && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
    name.len() <= LONGEST_NAME && name.strip_suffix('.').unwrap_or(name).split('.').all(label)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn images(hosts: &[&str]) -> Images {
        let hosts = hosts.iter().map(|host| ImageHost::parse(host).unwrap_or_else(|| panic!("{host}"))).collect();
        Images { hosts, size: NonZeroUsize::MIN, timeout: Duration::ZERO }
    }

    #[test]
    fn only_a_name_of_its_own_leads_anywhere() {
        let some = images(&["*.Example.org", "intra.example.org", "10.0.0.7", "[::1]"]);
        for (host, reach) in [
            ("a.example.org", Some(Reach::Public)),
            ("A.B.EXAMPLE.ORG.", Some(Reach::Public)),
            ("Intra.example.org", Some(Reach::Anywhere)),
            ("intra.example.org.", Some(Reach::Anywhere)),
            ("10.0.0.7", Some(Reach::Anywhere)),
            ("0:0:0:0:0:0:0:1", Some(Reach::Anywhere)),
            ("example.org", None),
            (".example.org", None),
            ("notexample.org", None),
            ("a.example.org.evil.net", None),
            ("10.0.0.70", None),
            ("167772167", None),
            ("", None),
        ] {
            assert_eq!(some.reach(host), reach, "{host}");
        }
        let any = images(&["*", "localhost"]);
        assert_eq!(any.reach("127.0.0.1"), Some(Reach::Public));
        assert_eq!(any.reach("localhost"), Some(Reach::Anywhere));
        assert_eq!(images(&[]).reach("example.org"), None);
    }

    #[test]
    fn what_is_no_host_is_refused() {
        for text in ["http://a", "a:80", "a/b", "*a", "*.", "*.*", "a..b", "a b", "ü", "[a]x", "::1::"] {
            assert_eq!(ImageHost::parse(text), None, "{text}");
        }
    }
}
