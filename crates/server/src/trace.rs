//! The router's span in a distributed trace: goes on with the caller's trace, or begins one where traces are exported.

use http::{HeaderMap, HeaderName, HeaderValue};
use llm_router_endpoints::Trace;

const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");

/// Takes the request into its trace: from here on its headers name the router's span as the parent.
///
/// `share`: of requests without a trace, how many of 100 begin a recorded one; `None` begins none.
pub(crate) fn enter(headers: &mut HeaderMap, share: Option<u8>) -> Option<Trace> {
    // One pass is cheaper than asking for each name; most requests belong to no trace.
    if share.is_none() && !headers.keys().any(|name| *name == TRACEPARENT || *name == TRACESTATE) {
        return None;
    }
    let span = fastrand::u64(1..);
    let trace = match headers.get(&TRACEPARENT) {
        Some(value) => value.to_str().ok().and_then(|value| Trace::follow(value, span)),
        None => None,
    };
    let trace = match trace {
        Some(trace) => trace,
        None => {
            // What came with an unreadable parent belongs to no trace (W3C Trace Context, 4.3).
            headers.remove(&TRACEPARENT);
            headers.remove(&TRACESTATE);
            Trace::begin(fastrand::u128(1..), span, fastrand::u8(0..100) < share?)
        }
    };
    if let Ok(value) = HeaderValue::from_str(&trace.header()) {
        headers.insert(TRACEPARENT, value);
    }
    Some(trace)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unreadable_parent_is_not_passed_on() {
        let mut headers = HeaderMap::new();
        headers.insert(TRACEPARENT, HeaderValue::from_static("nonsense"));
        headers.insert(TRACESTATE, HeaderValue::from_static("a=b"));
        assert_eq!(enter(&mut headers, None), None);
        assert!(headers.is_empty());
        let begun = enter(&mut headers, Some(100)).unwrap();
        assert!(begun.sampled && begun.parent.is_none());
        assert_eq!(headers[TRACEPARENT], begun.header());
    }
}
