//! The way to providers: pooled HTTP/1.1 connections, with or without TLS.

mod connect;
mod exchange;
mod images;
mod leftovers;
mod link;
mod pool;
mod stream;

use std::{pin::pin, sync::Arc, time::Duration};

use http::{Request, Response};
use llm_router_core::settings::Settings;
use llm_router_endpoints::{Body, BoxFuture, Connected, FetchFault, Remote, Target, Upstream, UpstreamError, moment};
use tokio::time::timeout;

pub use self::connect::{Trust, TrustError, trust};
pub(crate) use self::{
    connect::connect,
    link::{Answered, Link, Sending},
};
use self::{exchange::AnswerBody, leftovers::Leftovers, link::ExchangeError, pool::Pool};

/// One worker's connections to all providers.
pub struct Connections {
    pool: Arc<Pool>,
    trust: Arc<Trust>,
    leftovers: Leftovers,
}

impl Connections {
    /// No connections yet.
    #[must_use]
    pub fn new(settings: &Settings, trust: Arc<Trust>) -> Self {
        let upstream = &settings.upstream;
        let pool = Arc::new(Pool::new(upstream.pool_size.get(), upstream.pool_idle_timeout));
        Self { pool, trust, leftovers: Leftovers::default() }
    }

    /// Closes connections that have been idle for too long.
    pub fn sweep(&self) {
        self.pool.sweep();
    }

    async fn link(&self, target: &Target, within: Duration) -> Result<Link, UpstreamError> {
        let base = &target.provider().base;
        while let Some(mut link) = self.pool.take(target.place()) {
            if link.is_quiet().await {
                return Ok(link);
            }
        }
        // Boxed: most requests find a connection.
        let connecting = Box::pin(async {
            let stream = connect(base, &self.trust).await.map_err(|e| UpstreamError::Connect(e.into()))?;
            Ok(Link::new(stream))
        });
        timeout(within, connecting).await.unwrap_or(Err(UpstreamError::ConnectTimeout(within)))
    }

    #[expect(clippy::manual_async_fn, reason = "an `async fn` keeps its arguments twice, and this is large")]
    fn exchange<'a>(
        &'a self,
        target: &'a Target,
        mut request: Option<Sending>,
    ) -> impl Future<Output = Result<Response<Body>, UpstreamError>> + Send + 'a {
        async move {
            let timeouts = target.timeouts();
            let began = moment::now();
            let mut link = self.link(target, timeouts.connect).await?;
            let connected = (!link.used()).then(|| Connected(moment::now() - began));
            let place = target.place();
            let used = link.used();
            let within = timeouts.response_header;
            let answered = match moment::within(moment::after(within), pin!(link.exchange(&mut request))).await {
                Err(_) => return Err(UpstreamError::HeadTimeout(within)),
                Ok(Err(error)) => {
                    let error = failed(error, used);
                    if matches!(error, UpstreamError::Stale(_)) {
                        self.pool.forget(place);
                    }
                    return Err(error);
                }
                Ok(Ok(answered)) => answered,
            };
            let (mut head, body) = AnswerBody::new(answered, request, link, Arc::clone(place), Arc::clone(&self.pool));
            if let Some(connected) = connected {
                head.extensions.insert(connected);
            }
            Ok(Response::from_parts(head, Body::stream(body)))
        }
    }
}

/// What a failed exchange means. On a connection that was kept, one without a byte of an answer says nothing about the
/// provider: it may have closed the connection before the request came.
fn failed(error: ExchangeError, kept: bool) -> UpstreamError {
    match error {
        ExchangeError::Io(_) | ExchangeError::Closed if kept => UpstreamError::Stale(error.into()),
        ExchangeError::Io(_) | ExchangeError::Closed | ExchangeError::Cut | ExchangeError::Request(_) => {
            UpstreamError::Broken(error.into())
        }
        ExchangeError::Head(_) | ExchangeError::Framing(_) | ExchangeError::Upgrade => {
            UpstreamError::Garbled(error.into())
        }
    }
}

impl Upstream for Connections {
    fn send<'a>(
        &'a self,
        target: &'a Target,
        request: Request<Body>,
    ) -> BoxFuture<'a, Result<Response<Body>, UpstreamError>> {
        Box::pin(self.exchange(target, Some(Sending::new(request))))
    }

    fn fetch<'a>(&'a self, way: &'a Remote) -> BoxFuture<'a, Result<Response<Body>, FetchFault>> {
        Box::pin(images::fetch(way, &self.trust, &self.pool))
    }

    fn go_on(&self, rest: BoxFuture<'static, ()>, most: usize) {
        self.leftovers.go_on(rest, most);
    }
}
