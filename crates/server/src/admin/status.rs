//! `GET /`: the status page, one file that asks nobody else for anything.

use http::{HeaderValue, Method, Response, header};
use llm_router_endpoints::{Body, BoxFuture};

use super::{Page, Visit, overview::overview};

inventory::submit! { Page { method: Method::GET, path: "/", answer } }

/// The page. It reads `/admin/live`.
const PAGE: &str = include_str!("status.html");
/// Where the page has the overview of the moment, so that it shows it at once.
const FIRST: &str = "{\"first\":null}";
/// Nothing from elsewhere, no frame around it, and no script but the page's own.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; connect-src 'self'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:; \
     frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
);

fn answer(visit: &Visit) -> BoxFuture<'_, Response<Body>> {
    Box::pin(async {
        // No text within can end the element that it stands in.
        let first = overview(&visit.shared).to_string().replace('<', "\\u003c");
        let mut response = Response::new(Body::from(PAGE.replacen(FIRST, &first, 1)));
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
        headers.insert(header::CONTENT_SECURITY_POLICY, POLICY);
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        response
    })
}
