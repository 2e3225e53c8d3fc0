//! Ollama's routes that fetch, make and delete models. A router has none to do that with, and says so.

use http::{Method, Response};
use llm_router_core::dialect::Surface;

use crate::{
    body::Body,
    call::Call,
    endpoint::{Endpoint, Registration},
    error::Error,
    route::Route,
    upstream::BoxFuture,
};

struct Manage;

inventory::submit! { Registration(&Manage) }

impl Endpoint for Manage {
    fn name(&self) -> &'static str {
        "ollama_manage"
    }

    fn routes(&self) -> Vec<Route> {
        let route = |method, path| Route::client(method, path, Surface::Ollama).prefixed();
        vec![
            route(Method::POST, "/pull"),
            route(Method::POST, "/push"),
            route(Method::POST, "/create"),
            route(Method::POST, "/copy"),
            route(Method::DELETE, "/delete"),
            route(Method::GET, "/blobs/{digest}"),
            route(Method::POST, "/blobs/{digest}"),
        ]
    }

    fn call<'a>(&'a self, call: &'a mut Call) -> BoxFuture<'a, Result<Response<Body>, Error>> {
        let path = call.head.uri.path().chars().take(200).collect();
        Box::pin(async { Err(Error::Management { path }) })
    }
}
