//! Where a load goes: a name, an address, a path and, when it is to be measured, a process.

use std::net::{SocketAddr, ToSocketAddrs};
use std::str::FromStr;

use crate::error::Error;

/// What is appended to a URL that names no path.
const USUAL_PATH: &str = "/v1/chat/completions";

/// One gateway or provider under load, written `[NAME=]http://HOST:PORT[/PATH][=PID]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// What the tables call it; without one, host and port.
    pub name: String,
    /// Host and port as given; also the `Host` header.
    pub authority: String,
    /// Where requests go: `/v1/chat/completions` unless the URL says otherwise.
    pub path: String,
    /// The process whose CPU time and memory are measured, with its children.
    pub pid: Option<u32>,
}

impl Target {
    /// The address to connect to.
    ///
    /// # Errors
    /// When the host has no address, or one that is not loopback and `anywhere` is false.
    pub fn address(&self, anywhere: bool) -> Result<SocketAddr, Error> {
        let unknown = |reason: String| Error::NoAddress { target: self.name.clone(), reason };
        let found = self.authority.to_socket_addrs().map_err(|error| unknown(error.to_string()))?;
        let addresses: Vec<SocketAddr> = found.collect();
        if let Some(remote) = addresses.iter().find(|address| !address.ip().is_loopback() && !anywhere) {
            return Err(Error::NotLoopback { target: self.name.clone(), address: *remote });
        }
        // A gateway on `localhost` listens on IPv4 more often than not.
        let best = addresses.iter().find(|address| address.is_ipv4()).or(addresses.first());
        best.copied().ok_or_else(|| unknown("the name has no address".to_owned()))
    }
}

impl FromStr for Target {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let Some(scheme) = text.find("http://") else {
            return Err("expected [NAME=]http://HOST:PORT[/PATH][=PID]; TLS is not measured".to_owned());
        };
        let name = match &text[..scheme] {
            "" => None,
            name => Some(name.strip_suffix('=').ok_or("expected NAME= before the URL")?.to_owned()),
        };
        let rest = &text[scheme + "http://".len()..];
        let (url, pid) = match rest.rsplit_once('=') {
            Some((url, pid)) => (url, Some(pid.parse().map_err(|_| format!("{pid:?} is not a process id"))?)),
            None => (rest, None),
        };
        let (host, path) = match url.split_once('/') {
            Some((host, path)) if !path.is_empty() => (host, format!("/{path}")),
            Some((host, _)) => (host, USUAL_PATH.to_owned()),
            None => (url, USUAL_PATH.to_owned()),
        };
        if host.is_empty() {
            return Err("the URL names no host".to_owned());
        }
        let has_port = host.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
        let authority = if has_port { host.to_owned() } else { format!("{host}:80") };
        Ok(Self { name: name.unwrap_or_else(|| authority.clone()), authority, path, pid })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Target {
        text.parse().unwrap()
    }

    #[test]
    fn name_path_and_process_are_optional() {
        let bare = parse("http://127.0.0.1:8080");
        assert_eq!((bare.name.as_str(), bare.path.as_str(), bare.pid), ("127.0.0.1:8080", USUAL_PATH, None));
        let full = parse("haproxy=http://[::1]:81/x/chat=412");
        assert_eq!((full.name.as_str(), full.authority.as_str()), ("haproxy", "[::1]:81"));
        assert_eq!((full.path.as_str(), full.pid), ("/x/chat", Some(412)));
        for wrong in ["", "https://127.0.0.1", "http://", "x http://a", "http://127.0.0.1=soon"] {
            assert!(wrong.parse::<Target>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn only_loopback_is_loaded_unless_told() {
        let remote = parse("http://192.0.2.7:80");
        let error = remote.address(false).unwrap_err().to_string();
        assert!(error.contains("192.0.2.7:80") && error.contains("--allow-remote"), "{error}");
        assert!(remote.address(true).is_ok());
        assert!(parse("http://127.0.0.1:80").address(false).is_ok());
        assert!(parse("http://localhost:80").address(false).is_ok());
    }
}
