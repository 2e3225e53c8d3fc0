//! Cross-origin calls from browsers (Fetch standard, "CORS protocol"). Off unless origins are configured.

use http::{HeaderMap, HeaderValue, header};

/// How long a browser may remember a preflight, in seconds.
const REMEMBER: HeaderValue = HeaderValue::from_static("600");

/// The origin to name in the answer; `None` when this origin may not read it.
pub(crate) fn allowed(origins: &[String], origin: Option<&HeaderValue>) -> Option<HeaderValue> {
    if origins.is_empty() {
        return None;
    }
    let origin = origin?;
    if origins.iter().any(|allowed| allowed == "*") {
        return Some(HeaderValue::from_static("*"));
    }
    origins.iter().any(|allowed| allowed.as_bytes() == origin.as_bytes()).then(|| origin.clone())
}

/// Lets a page of this origin read the answer.
pub(crate) fn permit(headers: &mut HeaderMap, origin: HeaderValue) {
    if origin != "*" {
        headers.append(header::VARY, HeaderValue::from_static("origin"));
    }
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static("x-request-id, retry-after"));
}

/// Answers a preflight: every method of the path, and the headers asked for.
pub(crate) fn preflight(headers: &mut HeaderMap, request: &HeaderMap, methods: &HeaderValue) {
    if !request.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD) {
        return;
    }
    headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, methods.clone());
    if let Some(asked) = request.get(header::ACCESS_CONTROL_REQUEST_HEADERS) {
        headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, asked.clone());
    }
    headers.insert(header::ACCESS_CONTROL_MAX_AGE, REMEMBER);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_listed_origins_may_read() {
        let origin = |text: &'static str| Some(HeaderValue::from_static(text));
        let listed = ["https://a.example".to_owned()];
        assert_eq!(allowed(&listed, origin("https://a.example").as_ref()), origin("https://a.example"));
        assert_eq!(allowed(&listed, origin("https://b.example").as_ref()), None);
        assert_eq!(allowed(&["*".to_owned()], origin("https://b.example").as_ref()), origin("*"));
        assert_eq!(allowed(&[], origin("https://a.example").as_ref()), None);
        assert_eq!(allowed(&listed, None), None);
    }
}
