//! The base URL of a provider.

use std::{fmt, net::Ipv6Addr};

use http::uri::{Authority, PathAndQuery, Uri};

/// How a provider is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// Plain TCP.
    Http,
    /// TLS.
    Https,
}

/// Scheme, host, port and base path of a provider; always usable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BaseUrl {
    scheme: Scheme,
    authority: Authority,
    path: String,
}

/// Longer addresses are refused: one is built into every request.
const LONGEST: usize = 2048;

impl BaseUrl {
    /// Reads an `api_host`: `http` or `https`, a host, perhaps a port and a path. Slashes at the end do not matter.
    ///
    /// # Errors
    ///
    /// A phrase that says what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        if text.len() > LONGEST {
            return Err(format!("is longer than {LONGEST} bytes"));
        }
        if text.starts_with(super::DEMO_HOST) {
            return Err("is the address of the built-in demo, which is not running".to_owned());
        }
        let wanted = "is not a URL such as http://host:8000 or https://host/path";
        let uri: Uri = text.parse().map_err(|_| wanted.to_owned())?;
        let scheme = match uri.scheme_str() {
            Some(word) if word.eq_ignore_ascii_case("http") => Scheme::Http,
            Some(word) if word.eq_ignore_ascii_case("https") => Scheme::Https,
            Some(other) => return Err(format!("has the scheme {other:?}; allowed: http, https")),
            None => return Err(format!("has no scheme; did you mean \"http://{text}\"?")),
        };
        let authority = uri.authority().ok_or(wanted)?.clone();
        if authority.as_str().contains('@') {
            return Err("has a user name in it; give the token as api_token".to_owned());
        }
        let port_is_bad = authority.port().is_none() && authority.as_str().len() > authority.host().len();
        let host = authority.host();
        let host_is_bad = match host.strip_prefix('[') {
            Some(address) => address.trim_end_matches(']').parse::<Ipv6Addr>().is_err(),
            None => host.is_empty(),
        };
        if host_is_bad || port_is_bad || authority.port_u16() == Some(0) {
            return Err(wanted.to_owned());
        }
        if uri.query().is_some() || text.contains('#') {
            return Err("has a query or a fragment, which no provider address has".to_owned());
        }
        let path = uri.path().trim_end_matches('/').to_owned();
        Ok(Self { scheme, authority, path })
    }

    /// Plain or TLS.
    #[must_use]
    pub fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// Host and port as written, for the `Host` header.
    #[must_use]
    pub fn authority(&self) -> &Authority {
        &self.authority
    }

    /// Name or address without the brackets of IPv6.
    #[must_use]
    pub fn host(&self) -> &str {
        let host = self.authority.host();
        host.strip_prefix('[').and_then(|h| h.strip_suffix(']')).unwrap_or(host)
    }

    /// The port, that of the scheme when none is written.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.authority.port_u16().unwrap_or(match self.scheme {
            Scheme::Http => 80,
            Scheme::Https => 443,
        })
    }

    /// The request target for a path below the base, such as `v1/chat/completions`.
    ///
    /// Operators write OpenAI addresses with and without the closing `/v1`; both mean the same, so it is not doubled.
    ///
    /// # Panics
    ///
    /// When `path` is not a URL path; a slash before it does not matter. Paths come from the provider types, not from
    /// outside.
    #[must_use]
    pub fn join(&self, path: &str) -> PathAndQuery {
        let path = path.trim_start_matches('/');
        let base = match self.path.strip_suffix("/v1") {
            Some(base) if path.starts_with("v1/") => base,
            _ => &self.path,
        };
        let target = format!("{base}/{path}");
        PathAndQuery::try_from(target).expect("a checked base and a provider type's path make a path")
    }
}

impl fmt::Display for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = match self.scheme {
            Scheme::Http => "http",
            Scheme::Https => "https",
        };
        write!(f, "{scheme}://{}{}", self.authority, self.path)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_base_with_a_path_is_kept_and_its_slashes_do_not_matter() {
        let base = BaseUrl::parse("https://example.org/v1beta/openai//").unwrap();
        assert_eq!(base.join("v1/chat/completions"), "/v1beta/openai/v1/chat/completions");
        assert_eq!((base.host(), base.port()), ("example.org", 443));
        let base = BaseUrl::parse(" http://[::1]:8000 ").unwrap();
        assert_eq!((base.host(), base.port(), base.authority().as_str()), ("::1", 8000, "[::1]:8000"));
        assert_eq!(base.join("api/chat"), "/api/chat");
        assert_eq!(base.join("/api/chat"), "/api/chat");
        assert_eq!(BaseUrl::parse("HTTP://a").unwrap().to_string(), "http://a");
    }

    #[test]
    fn a_closing_v1_is_not_doubled() {
        for host in ["https://api.openai.com/v1", "https://api.openai.com/v1/", "https://api.openai.com"] {
            assert_eq!(BaseUrl::parse(host).unwrap().join("v1/models"), "/v1/models");
        }
        assert_eq!(BaseUrl::parse("http://a/v1").unwrap().join("health"), "/v1/health");
    }

    #[test]
    fn what_is_no_provider_address_is_refused_with_a_reason() {
        for (text, part) in [
            ("", "not a URL"),
            ("localhost:8000", "did you mean \"http://localhost:8000\"?"),
            ("ftp://a", "allowed: http, https"),
            ("http://", "not a URL"),
            ("http://:80", "not a URL"),
            ("http://a:99999", "not a URL"),
            ("http://a:", "not a URL"),
            ("http://a b", "not a URL"),
            ("http://user:pw@a", "user name"),
            ("http://a/?x=1", "query"),
            ("mock://demo", "demo"),
        ] {
            let error = BaseUrl::parse(text).unwrap_err();
            assert!(error.contains(part), "{text:?}: {error}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "(https?://)?[a-zA-Z0-9:@/.\\[\\]?#%_ é-]{0,30}") {
            if let Ok(base) = BaseUrl::parse(&text) {
                let _ = (base.join("v1/models"), base.port(), base.host().len());
                prop_assert_eq!(BaseUrl::parse(&base.to_string()), Ok(base));
            }
        }
    }
}
