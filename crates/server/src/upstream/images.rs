//! Connects to what clients name by URL: only to addresses that were looked at, and never to the inside of a network
//! unless the operator named the host.
//!
//! The name is resolved once. What is checked is what is connected to, so that a second look-up with another answer
//! makes no difference.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::Arc,
};

use http::{HeaderValue, Request, Response, header};
use llm_router_core::settings::Reach;
use llm_router_endpoints::{Body, FetchFault, Remote};
use tokio::net::{TcpStream, lookup_host};

use super::{
    connect::{Trust, secure},
    exchange::AnswerBody,
    link::{Link, Sending},
    pool::Pool,
};

/// What is asked for.
const ACCEPT: HeaderValue = HeaderValue::from_static("image/png, image/jpeg, image/gif, image/webp");

/// Who asks; some servers answer nobody without a name.
const AGENT: HeaderValue = HeaderValue::from_static(concat!("llm-router/", env!("CARGO_PKG_VERSION")));

/// Asks for what a client named; the connection is not kept.
pub(super) async fn fetch(way: &Remote, trust: &Trust, pool: &Arc<Pool>) -> Result<Response<Body>, FetchFault> {
    let addresses = addresses(way).await?;
    let tcp = TcpStream::connect(&*addresses).await.map_err(FetchFault::Connect)?;
    let stream = secure(tcp, &way.base, trust).await.map_err(FetchFault::Connect)?;
    let mut link = Link::new(stream);
    let mut request = Some(Sending::new(request(way)));
    let mut answered = link.exchange(&mut request).await.map_err(|error| FetchFault::Broken(error.into()))?;
    answered.keep = false;
    let (head, body) = AnswerBody::new(answered, request, link, Arc::from(""), Arc::clone(pool));
    Ok(Response::from_parts(head, Body::stream(body)))
}

/// The addresses of a host, every one of them allowed.
async fn addresses(way: &Remote) -> Result<Vec<SocketAddr>, FetchFault> {
    let unresolved = |_: io::Error| FetchFault::Unresolved;
    let found: Vec<_> = lookup_host((way.base.host(), way.base.port())).await.map_err(unresolved)?.collect();
    if found.is_empty() {
        return Err(FetchFault::Unresolved);
    }
    match way.reach {
        Reach::Public if !found.iter().all(|address| is_public(address.ip())) => Err(FetchFault::Internal),
        Reach::Public | Reach::Anywhere => Ok(found),
    }
}

fn request(way: &Remote) -> Request<Body> {
    let mut request = Request::new(Body::Empty);
    *request.uri_mut() = way.path.clone().into();
    let headers = request.headers_mut();
    if let Ok(host) = HeaderValue::from_str(way.base.authority().as_str()) {
        headers.insert(header::HOST, host);
    }
    headers.insert(header::ACCEPT, ACCEPT);
    headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    headers.insert(header::USER_AGENT, AGENT);
    headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    request
}

/// Whether an address is one of the open Internet.
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

/// All but what IANA's registry of special addresses (RFC 6890) and the classes D and E set apart.
fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let set_apart = address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_documentation()
        // This network; multicast, reserved and broadcast.
        || a == 0
        || a >= 224
        // Shared by carriers; protocol assignments; the old 6to4 relays; benchmarks.
        || (a == 100 && b & 0xc0 == 64)
        || (a, b, c) == (192, 0, 0)
        || (a, b, c) == (192, 88, 99)
        || (a == 198 && b & 0xfe == 18);
    !set_apart
}

/// Global unicast (2000::/3) but for what has a meaning of its own there. All that stands for an IPv4 address lies
/// outside, or is left out: an answer from it could come from anywhere.
fn is_public_v6(address: Ipv6Addr) -> bool {
    match address.segments() {
        // Protocol assignments (Teredo, ORCHID, benchmarks) and documentation; documentation; 6to4.
        [0x2001, 0..=0x01ff | 0x0db8, ..] | [0x3fff, 0..=0x0fff, ..] | [0x2002, ..] => false,
        [first, ..] => first & 0xe000 == 0x2000,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INSIDE: &str = "\
        0.0.0.0 0.1.2.3 10.0.0.1 100.64.0.1 100.127.255.255 127.0.0.1 127.9.9.9 169.254.169.254 172.16.0.1 \
        172.31.255.255 192.0.0.8 192.0.2.1 192.88.99.1 192.168.1.1 198.18.0.1 198.19.255.255 198.51.100.7 \
        203.0.113.9 224.0.0.1 239.255.255.250 240.0.0.1 255.255.255.255 :: ::1 ::127.0.0.1 ::ffff:127.0.0.1 \
        ::ffff:8.8.8.8 64:ff9b::7f00:1 64:ff9b:1::1 100::1 2001::1 2001:20::1 2001:db8::1 2002:7f00:1:: \
        3fff:fff::1 5f00::1 fc00::1 fd12::1 fe80::1 fec0::1 ff02::1";

    const OUTSIDE: &str = "\
        1.1.1.1 8.8.8.8 9.255.255.255 100.63.255.255 100.128.0.0 172.15.0.1 172.32.0.1 192.0.1.1 192.169.0.1 \
        198.17.0.1 198.20.0.1 223.255.255.255 2001:200::1 2001:4860:4860::8888 2606:4700::1111 2a00:1450::1 \
        3fff:1000::1";

    #[test]
    fn only_the_open_internet_is_public() {
        for inside in INSIDE.split_whitespace() {
            assert!(!is_public(inside.parse().unwrap()), "{inside}");
        }
        for outside in OUTSIDE.split_whitespace() {
            assert!(is_public(outside.parse().unwrap()), "{outside}");
        }
    }
}
