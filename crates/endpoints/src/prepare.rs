//! Makes the request to one provider out of the client's: untouched but for the model name.

use bytes::Bytes;
use http::{HeaderMap, Method, Request};
use llm_router_core::{
    json::{Peek, Pieces, with_model},
    operation::Operation,
};

use crate::{body::Body, headers, target::Target};

/// Below this a changed body is joined: one small write costs less than three pieces.
const JOIN_BELOW: usize = 16 * 1024;

/// A client's request, read and looked at; every attempt is made from it.
pub(crate) struct Source<'a> {
    /// What is asked.
    pub operation: Operation,
    /// The whole body.
    pub body: &'a Bytes,
    /// Its routing fields.
    pub peek: &'a Peek<'a>,
    /// The client's headers.
    pub headers: &'a HeaderMap,
    /// The name of the request.
    pub id: &'a str,
}

impl Source<'_> {
    /// The request for a provider that speaks the operation; `None` when it does not.
    #[must_use]
    pub(crate) fn request(&self, target: &Target) -> Option<Request<Body>> {
        let path = target.path(self.operation)?.clone();
        let mut request = Request::new(self.body_for(target));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = path;
        *request.headers_mut() = headers::upstream(target, self.headers, self.id);
        Some(request)
    }

    fn body_for(&self, target: &Target) -> Body {
        match with_model(self.peek, target.upstream_model()) {
            None => self.body.clone().into(),
            Some(pieces) if self.body.len() < JOIN_BELOW => pieces.join(self.body).into(),
            Some(pieces) => spliced(self.body, pieces),
        }
    }
}

/// The changed body as slices of the original around the new text; nothing large is copied.
fn spliced(body: &Bytes, pieces: Pieces) -> Body {
    if pieces.dropped.is_some() {
        return pieces.join(body).into();
    }
    let parts = [body.slice(pieces.before), pieces.instead.into(), body.slice(pieces.after)];
    Body::Pieces(parts.into_iter())
}
