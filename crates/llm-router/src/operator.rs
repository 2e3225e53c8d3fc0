//! Asks a running router's operator pages, here or elsewhere.

use std::{sync::Arc, time::Duration};

use http::{Request, StatusCode};
use llm_router_core::catalogue::BaseUrl;
use llm_router_server::{Trust, fetch::fetch, trust};
use serde_json::Value;

/// The longest wait for an answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// The pages of one router.
pub(crate) struct Operator {
    url: BaseUrl,
    trust: Arc<Trust>,
}

impl Operator {
    /// The pages at a URL such as `http://127.0.0.1:8081`.
    pub(crate) fn at(url: &str) -> Result<Self, Box<dyn std::error::Error>> {
        let url = BaseUrl::parse(url).map_err(|why| format!("{url} {why}"))?;
        Ok(Self { url, trust: trust(None)? })
    }

    /// Reads a page.
    pub(crate) async fn page(&self, path: &str) -> Result<(StatusCode, Value), Box<dyn std::error::Error>> {
        let request = Request::get(self.url.join(path.trim_start_matches('/'))).body(bytes::Bytes::new())?;
        let place = self.url.authority();
        let answer = tokio::time::timeout(PATIENCE, fetch(&self.url, &self.trust, request))
            .await
            .map_err(|_| format!("{place} did not answer within {PATIENCE:?}"))?
            .map_err(|error| format!("{place}: {error}; --admin names the router's admin_host and admin_port"))?;
        let value = serde_json::from_slice(answer.body())
            .map_err(|_| format!("{place} answers, but not as a router's operator pages do"))?;
        Ok((answer.status(), value))
    }
}
