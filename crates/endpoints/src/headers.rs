//! Which headers pass between a client and a provider.

use http::{HeaderMap, HeaderName, HeaderValue, header};

use crate::target::Target;

/// Headers of one connection, never passed on (RFC 9110, 7.6.1), beside those that `Connection` names.
static HOP_BY_HOP: [HeaderName; 8] = [
    header::CONNECTION,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    header::PROXY_AUTHENTICATE,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
];

/// Headers of a client's request that mean something to a provider. No credentials among them:
/// a client's key is for the router.
static PASSED: [HeaderName; 5] = [
    header::ACCEPT,
    HeaderName::from_static("anthropic-version"),
    HeaderName::from_static("anthropic-beta"),
    HeaderName::from_static("traceparent"),
    HeaderName::from_static("tracestate"),
];

/// The headers of a request to a provider.
#[must_use]
pub(crate) fn upstream(target: &Target, client: &HeaderMap, request_id: Option<&HeaderValue>) -> HeaderMap {
    // As large as most become: growing would hash every name once more.
    let mut headers = HeaderMap::with_capacity(target.headers().len() + 2);
    for (name, value) in target.headers() {
        headers.append(name, value.clone());
    }
    for (name, value) in client {
        if PASSED.contains(name) {
            headers.append(name, value.clone());
        }
    }
    if let Some(id) = request_id {
        headers.insert(REQUEST_ID, id.clone());
    }
    target.api_type().require(&mut headers);
    headers
}

/// Names a request in answers, logs and towards providers.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Names the fields of the request that the provider could not carry.
pub(crate) const DROPPED: HeaderName = HeaderName::from_static("x-llm-router-dropped");

/// Says that the numbers of an answer are estimated by the router.
pub(crate) const ESTIMATED: HeaderName = HeaderName::from_static("x-llm-router-estimated");

/// What the names of headers begin with that speak to the router itself.
const OURS: &str = "x-llm-router-";

/// Whether a client says something to the router itself. One pass is cheaper than asking for each name.
pub(crate) fn speak_to_us(headers: &HeaderMap) -> bool {
    headers.keys().any(|name| name.as_str().starts_with(OURS))
}

/// A client's own limit for a whole request, in seconds or with a unit.
pub(crate) const TIMEOUT: HeaderName = HeaderName::from_static("x-llm-router-timeout");

/// Takes out of a provider's answer what belongs to its connection alone.
pub(crate) fn strip_hop_by_hop(headers: &mut HeaderMap) {
    let doomed = |name: &HeaderName| HOP_BY_HOP.contains(name);
    if !headers.keys().any(doomed) {
        return;
    }
    let named: Vec<HeaderName> = headers
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|list| list.split(','))
        .filter_map(|name| name.trim().parse().ok())
        // What frames the body is not for a provider's `Connection` header to take away.
        .filter(|name| *name != header::CONTENT_LENGTH && *name != header::CONTENT_TYPE)
        .collect();
    for name in named {
        headers.remove(name);
    }
    while let Some(name) = headers.keys().find(|name| doomed(name)).cloned() {
        headers.remove(name);
    }
}

/// Whether an answer is a stream of events or lines, which must reach the client as it comes.
#[must_use]
pub(crate) fn is_stream(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).map_or(&b""[..], HeaderValue::as_bytes);
    ["text/event-stream", "application/x-ndjson", "application/jsonl"]
        .iter()
        .any(|stream| kind.len() >= stream.len() && kind[..stream.len()].eq_ignore_ascii_case(stream.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_belongs_to_the_connection_stays_there() {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("connection", "close, X-Mine, content-length"),
            ("x-mine", "1"),
            ("keep-alive", "timeout=5"),
            ("transfer-encoding", "chunked"),
            ("content-length", "3"),
            ("x-theirs", "2"),
        ] {
            headers.append(HeaderName::from_static(name.to_ascii_lowercase().leak()), HeaderValue::from_static(value));
        }
        strip_hop_by_hop(&mut headers);
        let mut left: Vec<_> = headers.keys().map(HeaderName::as_str).collect();
        left.sort_unstable();
        assert_eq!(left, ["content-length", "x-theirs"]);
    }
}
