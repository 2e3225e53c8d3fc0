//! An endpoint: what one or more routes do. Endpoints register where they are written.

use http::Response;

use crate::{body::Body, call::Call, error::Error, route::Route, upstream::BoxFuture};

/// What some routes do.
pub trait Endpoint: Send + Sync + 'static {
    /// A name for logs and error texts, in snake case.
    fn name(&self) -> &'static str;

    /// The routes that lead here.
    fn routes(&self) -> Vec<Route>;

    /// Answers one request. An error goes out in the dialect of the route.
    fn call<'a>(&'a self, call: &'a mut Call) -> BoxFuture<'a, Result<Response<Body>, Error>>;
}

/// An endpoint known to the process; made by `inventory::submit!`.
pub struct Registration(pub &'static dyn Endpoint);

inventory::collect!(Registration);

/// All endpoints linked into the process, sorted by name.
#[must_use]
pub fn all() -> Vec<&'static dyn Endpoint> {
    let mut all: Vec<_> = inventory::iter::<Registration>().map(|r| r.0).collect();
    all.sort_by_key(|e| e.name());
    all
}
