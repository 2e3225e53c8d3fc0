//! Asks providers whether they are up: off the request path, without spending tokens.

use std::{sync::Arc, time::Duration};

use http::{HeaderMap, Method, Request, Uri};
use llm_router_endpoints::{Body, Pool, State, Target, Upstream};
use tokio::time::{sleep, timeout};

use crate::{tasks, upstream::Connections, worker::Shared};

/// Asks all providers at every interval, for ever.
pub(crate) async fn providers(shared: Arc<Shared>, upstream: Arc<Connections>) {
    loop {
        let settings = Arc::clone(&shared.state().settings);
        let interval = settings.upstream.probe_interval.unwrap_or(Duration::from_secs(1));
        // Routers that started together do not ask together.
        sleep(interval.mul_f64(0.9 + 0.2 * fastrand::f64())).await;
        if settings.upstream.probe_interval.is_some() {
            let state = shared.state().clone();
            tasks::together(questions(&state, &upstream, settings.upstream.probe_timeout)).await;
        }
        upstream.sweep();
    }
}

/// One question to every provider.
fn questions<'a>(
    state: &'a Arc<State>,
    upstream: &'a Arc<Connections>,
    within: Duration,
) -> impl Iterator<Item = impl Future<Output = ()> + Send + use<>> + use<'a> {
    let members = state.pools().flat_map(|pool| pool.targets().iter().map(move |member| (pool, member)));
    members.map(move |(pool, member)| {
        let (state, upstream, member) = (Arc::clone(state), Arc::clone(upstream), Arc::clone(member));
        let model = Arc::clone(&pool.model.name);
        async move {
            let good = timeout(within, ask(&upstream, &member.target)).await.unwrap_or(false);
            if let Ok(pool) = state.pool(&model) {
                learn(pool, member.id(), good);
            }
        }
    })
}

fn learn(pool: &Pool, id: &str, good: bool) {
    tracing::trace!(model = &*pool.model.name, provider = id, good, "probed");
    pool.balancer.probe_result(id, good);
}

/// Any answer below 500 is a sign of life: a server that wants another key, or has no such path, is up.
async fn ask(upstream: &Connections, target: &Target) -> bool {
    let mut request = Request::new(Body::Empty);
    *request.method_mut() = Method::GET;
    *request.uri_mut() = Uri::from(target.provider().base.join(target.api_type().probe_path()));
    *request.headers_mut() = headers(target);
    upstream.send(target, request).await.is_ok_and(|answer| answer.status().as_u16() < 500)
}

fn headers(target: &Target) -> HeaderMap {
    let mut headers = target.headers().clone();
    headers.remove(http::header::CONTENT_TYPE);
    target.api_type().require(&mut headers);
    headers
}
