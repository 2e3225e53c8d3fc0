//! The way to providers: pooled HTTP/1.1 connections, with or without TLS.

mod connect;
mod exchange;
mod leftovers;
mod pool;
mod stream;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use http::{Request, Response};
use llm_router_core::settings::Settings;
use llm_router_endpoints::{Body, BoxFuture, Connected, Target, Upstream, UpstreamError};
use rustls::ClientConfig;
use tokio::time::timeout;

pub(crate) use self::connect::connect;
pub use self::connect::{TrustError, trust};
use self::{
    exchange::{AnswerBody, Link},
    leftovers::Leftovers,
    pool::Pool,
};

/// One worker's connections to all providers.
pub struct Connections {
    pool: Arc<Pool>,
    trust: Arc<ClientConfig>,
    leftovers: Leftovers,
}

impl Connections {
    /// No connections yet.
    #[must_use]
    pub fn new(settings: &Settings, trust: Arc<ClientConfig>) -> Self {
        let upstream = &settings.upstream;
        let leftovers = Leftovers::new(settings.server.max_requests.get());
        Self { pool: Arc::new(Pool::new(upstream.pool_size.get(), upstream.pool_idle_timeout)), trust, leftovers }
    }

    /// Closes connections that have been idle for too long.
    pub fn sweep(&self) {
        self.pool.sweep();
    }

    async fn link(&self, target: &Target, within: Duration) -> Result<Link, UpstreamError> {
        let base = &target.provider().base;
        while let Some(mut link) = self.pool.take(target.place()) {
            if link.alive().await {
                return Ok(link);
            }
        }
        let connecting = async {
            let stream = connect(base, &self.trust).await.map_err(|e| UpstreamError::Connect(e.into()))?;
            Link::open(stream).await.map_err(|e| UpstreamError::Connect(e.into()))
        };
        timeout(within, connecting).await.unwrap_or(Err(UpstreamError::ConnectTimeout(within)))
    }

    async fn exchange(&self, target: &Target, request: Request<Body>) -> Result<Response<Body>, UpstreamError> {
        let timeouts = target.timeouts();
        let began = Instant::now();
        let mut link = self.link(target, timeouts.connect).await?;
        let connected = (!link.used()).then(|| Connected(began.elapsed()));
        let place = target.place();
        let used = link.used();
        let within = timeouts.response_header;
        let answer = match timeout(within, link.send(request)).await {
            Err(_) => return Err(UpstreamError::HeadTimeout(within)),
            Ok(Err(error)) if used && !error.is_parse() => {
                self.pool.forget(place);
                return Err(UpstreamError::Stale(error.into()));
            }
            Ok(Err(error)) if error.is_parse() => return Err(UpstreamError::Garbled(error.into())),
            Ok(Err(error)) => return Err(UpstreamError::Broken(error.into())),
            Ok(Ok(answer)) => answer,
        };
        let (mut head, incoming) = answer.into_parts();
        if let Some(connected) = connected {
            head.extensions.insert(connected);
        }
        let body = AnswerBody::new(incoming, link, Arc::clone(place), Arc::clone(&self.pool));
        Ok(Response::from_parts(head, Body::stream(body)))
    }
}

impl Upstream for Connections {
    fn send<'a>(
        &'a self,
        target: &'a Target,
        request: Request<Body>,
    ) -> BoxFuture<'a, Result<Response<Body>, UpstreamError>> {
        Box::pin(self.exchange(target, request))
    }

    fn go_on(&self, rest: BoxFuture<'static, ()>) {
        self.leftovers.go_on(rest);
    }
}
