//! Routes of Ollama and LM Studio that fetch, make, load and delete models. A router has none to do that with, and says
//! so.

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
struct ManageStudio;

inventory::submit! { Registration(&Manage) }
inventory::submit! { Registration(&ManageStudio) }

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
        refuse(call)
    }
}

impl Endpoint for ManageStudio {
    fn name(&self) -> &'static str {
        "lmstudio_manage"
    }

    fn routes(&self) -> Vec<Route> {
        let post = |path| Route::client(Method::POST, path, Surface::LmStudioNative).prefixed();
        vec![post("/v1/models/load"), post("/v1/models/unload"), post("/v1/models/download")]
    }

    fn call<'a>(&'a self, call: &'a mut Call) -> BoxFuture<'a, Result<Response<Body>, Error>> {
        refuse(call)
    }
}

fn refuse(call: &Call) -> BoxFuture<'static, Result<Response<Body>, Error>> {
    let path = call.head.uri.path().chars().take(200).collect();
    Box::pin(async { Err(Error::Management { path }) })
}
