//! `GET /metrics`: the exposition, also where clients are not served it.

use http::{HeaderValue, Method, Response, header};
use llm_router_endpoints::{Body, BoxFuture};

use super::{Page, Visit};
use crate::metrics::{CONTENT_TYPE, METRICS};

inventory::submit! { Page { method: Method::GET, path: METRICS, answer } }

fn answer(visit: &Visit) -> BoxFuture<'_, Response<Body>> {
    Box::pin(async {
        let mut response = Response::new(Body::from(visit.shared.exposition()));
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(CONTENT_TYPE));
        response
    })
}
