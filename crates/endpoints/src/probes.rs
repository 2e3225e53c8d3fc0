//! `GET /livez` and `GET /readyz`: whether the process lives, and whether to send it requests.

use http::{HeaderValue, Method, Response, StatusCode, header};
use llm_router_core::dialect::Surface;
use serde_json::{Value, json};

use crate::{
    body::Body,
    call::Call,
    endpoint::{Endpoint, Registration},
    error::Error,
    life::{Life, Phase},
    route::Route,
    state::State,
    upstream::BoxFuture,
};

struct Livez;
struct Readyz;

inventory::submit! { Registration(&Livez) }
inventory::submit! { Registration(&Readyz) }

impl Endpoint for Livez {
    fn name(&self) -> &'static str {
        "livez"
    }

    fn routes(&self) -> Vec<Route> {
        vec![Route::public(Method::GET, "/livez", Surface::Builtin)]
    }

    fn call<'a>(&'a self, _call: &'a mut Call) -> BoxFuture<'a, Result<Response<Body>, Error>> {
        Box::pin(async { Ok(alive()) })
    }
}

impl Endpoint for Readyz {
    fn name(&self) -> &'static str {
        "readyz"
    }

    fn routes(&self) -> Vec<Route> {
        vec![Route::public(Method::GET, "/readyz", Surface::Builtin)]
    }

    fn call<'a>(&'a self, call: &'a mut Call) -> BoxFuture<'a, Result<Response<Body>, Error>> {
        Box::pin(async { Ok(ready(&call.state, &call.life, Detail::Counts)) })
    }
}

/// How much a probe tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Detail {
    /// Numbers alone: fit for anybody.
    Counts,
    /// Every model and provider by its configured id, for operators. No host is named here either.
    Providers,
}

/// 200 while the process can answer at all.
#[must_use]
pub fn alive() -> Response<Body> {
    reply(StatusCode::OK, &json!({"status": "alive"}))
}

/// 200 while requests are welcome, 503 from the signal to stop on; with the version of the configuration.
///
/// Providers that are down do not make the router unready: to answer that is its work, and every replica sees the same.
#[must_use]
pub fn ready(state: &State, life: &Life, detail: Detail) -> Response<Body> {
    let ready = !life.has_reached(Phase::Draining);
    let (mut all, mut serving) = (0, 0);
    for pool in state.pools() {
        all += pool.targets().len();
        serving += pool.balancer.serving();
    }
    let mut told = json!({
        "status": if ready { "ready" } else { "draining" },
        "config": {"version": state.version, "loaded_at": state.loaded_at_text()},
        "models": state.catalogue.models().len(),
        "providers": {"serving": serving, "left_alone": all.saturating_sub(serving)},
    });
    if detail == Detail::Providers {
        let pools = state.pools().map(|pool| {
            let providers: Vec<Value> = pool.balancer.status().iter().map(provider).collect();
            json!({"model": &*pool.model.name, "providers": providers})
        });
        told["pools"] = pools.collect::<Vec<_>>().into();
    }
    reply(if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }, &told)
}

fn provider(status: &llm_router_balancer::EndpointStatus) -> Value {
    json!({
        "id": &*status.id,
        "state": status.standing.name(),
        "in_flight": status.in_flight,
        "succeeded": status.succeeded,
        "failed": status.failed,
        "cancelled": status.cancelled,
    })
}

fn reply(status: StatusCode, told: &Value) -> Response<Body> {
    let mut response = Response::new(Body::from(told.to_string()));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
