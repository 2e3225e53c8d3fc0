//! `GET /readyz`: whether to send requests, with every model and provider by its id.

use http::{Method, Response};
use llm_router_endpoints::{
    Body, BoxFuture,
    probes::{self, Detail},
};

use super::{Page, Visit};

inventory::submit! { Page { method: Method::GET, path: "/readyz", answer } }

fn answer(visit: &Visit) -> BoxFuture<'_, Response<Body>> {
    Box::pin(async { probes::ready(&visit.shared.state(), &visit.shared.life, Detail::Providers) })
}
