//! The operator's listener: probes, reload, and every page that is not for clients.
//!
//! A page is one file here: it submits a [`Page`], and has its `mod` line below. Nothing else names it.

mod attention;
mod livez;
mod metrics;
mod overview;
mod readyz;
mod reload;
mod requests;
mod status;
mod upgrade;

use std::{convert::Infallible, io, net::TcpListener, sync::Arc, time::Duration};

use http::{HeaderValue, Method, Request, Response, StatusCode, header, request::Parts};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use llm_router_endpoints::{Body, BoxFuture, Phase};
use serde_json::json;
use tokio::{net::TcpStream, sync::Semaphore, time::sleep};

use crate::{tasks, worker::Shared};

/// Most connections of operators at once; more wait in the listen queue.
const MOST_CONNECTIONS: usize = 64;
/// Longest time for a request's head, and between two requests.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long accepting pauses when the system refuses.
const PAUSE: Duration = Duration::from_millis(100);

/// One page of the operator's listener; made known by `inventory::submit!`.
pub struct Page {
    /// Its method; GET also answers HEAD.
    pub method: Method,
    /// Its path. A last segment `{name}` takes the rest of a path.
    pub path: &'static str,
    /// What it answers.
    pub answer: for<'a> fn(&'a Visit) -> BoxFuture<'a, Response<Body>>,
}

inventory::collect!(Page);

/// A request to a page.
pub struct Visit {
    /// What the router's workers share: snapshot, life, connections.
    pub shared: Arc<Shared>,
    /// The request's head. Its body is not read.
    pub head: Parts,
    /// The page's path, as the page has it.
    pub path: &'static str,
}

impl Page {
    fn leads(&self, path: &str) -> bool {
        match self.path.split_once('{') {
            None => self.path == path,
            Some((before, _)) => path.len() > before.len() && path.starts_with(before),
        }
    }
}

impl Visit {
    /// What a last `{name}` segment of the page's path stands for, percent-decoded; empty without one.
    #[must_use]
    pub fn rest(&self) -> String {
        let before = self.path.split_once('{').map_or(self.path, |(before, _)| before);
        decoded(self.head.uri.path().get(before.len()..).unwrap_or_default())
    }

    /// A field of the query, percent-decoded; the first of its name, and none that is empty.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<String> {
        let pairs = self.head.uri.query()?.split('&').filter_map(|pair| pair.split_once('='));
        let mut values = pairs.filter(|(key, value)| *key == name && !value.is_empty());
        values.next().map(|(_, value)| decoded(&value.replace('+', " ")))
    }

    /// The first name in the query that is none of these.
    #[must_use]
    pub fn unknown_field(&self, known: &[&str]) -> Option<String> {
        let names = self.head.uri.query()?.split('&').filter_map(|pair| pair.split('=').next());
        names.filter(|name| !name.is_empty()).find(|name| !known.contains(name)).map(decoded)
    }
}

fn decoded(text: &str) -> String {
    percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned()
}

/// Serves the pages until the process is over.
pub(crate) async fn serve(listener: TcpListener, shared: Arc<Shared>) -> io::Result<()> {
    let listener = tokio::net::TcpListener::from_std(listener)?;
    let permits = Arc::new(Semaphore::new(MOST_CONNECTIONS));
    loop {
        // The semaphore is never closed.
        let Ok(permit) = Arc::clone(&permits).acquire_owned().await else { return Ok(()) };
        match listener.accept().await {
            Ok((stream, _)) => {
                let visit = converse(stream, Arc::clone(&shared));
                tasks::spawn(async move {
                    visit.await;
                    drop(permit);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "cannot accept connections of operators, trying again");
                sleep(PAUSE).await;
            }
        }
    }
}

async fn converse(stream: TcpStream, shared: Arc<Shared>) {
    let over = shared.life.clone();
    let service = service_fn(|request| answer(Arc::clone(&shared), request));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(PATIENCE)
        .serve_connection(TokioIo::new(stream), service);
    tokio::select! {
        ended = connection => {
            if let Err(error) = ended {
                tracing::debug!(%error, "an operator's connection ended");
            }
        }
        () = over.reached(Phase::Over) => {}
    }
}

async fn answer(shared: Arc<Shared>, request: Request<Incoming>) -> Result<Response<Body>, Infallible> {
    let (head, _) = request.into_parts();
    let method = if head.method == Method::HEAD { Method::GET } else { head.method.clone() };
    let here = || inventory::iter::<Page>().filter(|page| page.leads(head.uri.path()));
    let Some(page) = here().find(|page| page.method == method) else {
        let allow: Vec<&str> = here().map(|page| page.method.as_str()).collect();
        return Ok(nowhere(&allow.join(", ")));
    };
    let visit = Visit { shared, head, path: page.path };
    Ok((page.answer)(&visit).await)
}

/// No such page, or none for the method: says which there are.
fn nowhere(allow: &str) -> Response<Body> {
    let mut pages: Vec<String> =
        inventory::iter::<Page>().map(|page| format!("{} {}", page.method, page.path)).collect();
    pages.sort();
    let status = if allow.is_empty() { StatusCode::NOT_FOUND } else { StatusCode::METHOD_NOT_ALLOWED };
    let mut response = json(status, &json!({"error": "no such page", "pages": pages}));
    if let Ok(allow) = HeaderValue::from_str(allow)
        && !allow.is_empty()
    {
        response.headers_mut().insert(header::ALLOW, allow);
    }
    response
}

/// An answer in JSON.
pub(crate) fn json(status: StatusCode, value: &serde_json::Value) -> Response<Body> {
    let mut response = Response::new(Body::from(value.to_string()));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
