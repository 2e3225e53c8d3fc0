//! Asks providers whether they are up: off the request path, without spending tokens.
//!
//! Providers of many models often stand at one address. Each address is asked once, twice before it is given up, and
//! all learn of the answer.

use std::{sync::Arc, time::Duration};

use foldhash::{HashMap, HashMapExt as _};
use http::{HeaderMap, Method, Request, Uri, uri::PathAndQuery};
use llm_router_balancer::Endpoint;
use llm_router_endpoints::{Body, State, Target, Upstream};
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
            let within = settings.upstream.probe_timeout;
            let asking = questions(&state).into_iter().map(|question| {
                let (state, upstream) = (Arc::clone(&state), Arc::clone(&upstream));
                async move {
                    let answers =
                        async || timeout(within, ask(&upstream, &question.asked.target)).await.unwrap_or(false);
                    // A connection that was closed just now says nothing about the server, and many may learn of it.
                    let good = answers().await || answers().await;
                    question.learn(&state, good);
                }
            });
            tasks::together(asking).await;
        }
        upstream.sweep();
    }
}

/// What one server is asked, on behalf of all that would ask it the same.
struct Question {
    asked: Arc<Endpoint<Target>>,
    /// The model and the provider's id, of each.
    on_behalf: Vec<(Arc<str>, Arc<str>)>,
}

impl Question {
    fn learn(&self, state: &State, good: bool) {
        for (model, id) in &self.on_behalf {
            tracing::trace!(model = &**model, provider = &**id, good, "probed");
            if let Ok(pool) = state.pool(model) {
                pool.balancer.probe_result(id, good);
            }
        }
    }
}

/// Where a question goes and all that its request says, so that equal ones have equal answers.
#[derive(PartialEq, Eq, Hash)]
struct Words<'a> {
    place: &'a str,
    path: PathAndQuery,
    api_type: &'static str,
    token: Option<&'a str>,
}

/// The questions of one round.
fn questions(state: &State) -> Vec<Question> {
    let mut questions = Vec::<Question>::new();
    let mut known = HashMap::<Words<'_>, usize>::new();
    for pool in state.pools() {
        for member in pool.targets() {
            let (target, provider) = (&member.target, member.target.provider());
            let words = Words {
                place: target.place(),
                path: path(target),
                api_type: target.api_type().name(),
                token: provider.token.as_ref().map(|token| token.expose()),
            };
            let at = *known.entry(words).or_insert_with(|| {
                questions.push(Question { asked: Arc::clone(member), on_behalf: Vec::new() });
                questions.len() - 1
            });
            questions[at].on_behalf.push((Arc::clone(&pool.model.name), Arc::clone(&provider.id)));
        }
    }
    questions
}

fn path(target: &Target) -> PathAndQuery {
    target.provider().base.join(target.api_type().probe_path())
}

/// Any answer below 500 is a sign of life: a server that wants another key, or has no such path, is up.
async fn ask(upstream: &Connections, target: &Target) -> bool {
    let mut request = Request::new(Body::Empty);
    *request.method_mut() = Method::GET;
    *request.uri_mut() = Uri::from(path(target));
    *request.headers_mut() = headers(target);
    upstream.send(target, request).await.is_ok_and(|answer| answer.status().as_u16() < 500)
}

fn headers(target: &Target) -> HeaderMap {
    let mut headers = target.headers().clone();
    headers.remove(http::header::CONTENT_TYPE);
    target.api_type().require(&mut headers);
    headers
}
