//! A provider made ready for sending: what every request to it has in common, built once.

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering::Relaxed},
};

use http::{HeaderMap, HeaderValue, Uri, header};
use llm_router_core::{
    api_type::ApiType,
    catalogue::{Model, Provider, Scheme},
    operation::Operation,
    settings::Timeouts,
};

/// The `user-agent` sent to providers.
const USER_AGENT: HeaderValue = HeaderValue::from_static(concat!("llm-router/", env!("CARGO_PKG_VERSION")));

/// One provider of one model.
#[derive(Debug)]
pub struct Target {
    provider: Arc<Provider>,
    upstream_model: Arc<str>,
    place: Arc<str>,
    headers: HeaderMap,
    paths: Vec<(Operation, Uri)>,
    timeouts: Timeouts,
    /// A bit for every operation that its type offers, and this server was found to lack.
    lacking: AtomicU32,
}

impl Target {
    /// Prepares a provider of a model; `general` are the limits where neither sets its own.
    #[must_use]
    pub fn new(model: &Model, provider: &Arc<Provider>, general: Timeouts) -> Self {
        let base = &provider.base;
        let scheme = if base.scheme() == Scheme::Https { "https" } else { "http" };
        Self {
            provider: Arc::clone(provider),
            upstream_model: provider.model_path.clone().unwrap_or_else(|| Arc::clone(&model.name)),
            place: format!("{scheme}://{}", base.authority()).into(),
            headers: headers(provider),
            paths: Operation::ALL
                .iter()
                .filter_map(|&operation| Some((operation, base.join(provider.api_type.path(operation)?).into())))
                .collect(),
            timeouts: provider.timeouts.over(model.options.timeouts.over(general)),
            lacking: AtomicU32::new(0),
        }
    }

    /// The provider as configured.
    #[must_use]
    pub fn provider(&self) -> &Arc<Provider> {
        &self.provider
    }

    /// What kind of server it is.
    #[must_use]
    pub fn api_type(&self) -> &'static dyn ApiType {
        self.provider.api_type
    }

    /// The model's name there.
    #[must_use]
    pub fn upstream_model(&self) -> &str {
        &self.upstream_model
    }

    /// Scheme and authority: connections to one place serve all models there.
    #[must_use]
    pub fn place(&self) -> &Arc<str> {
        &self.place
    }

    /// The headers every request to it carries: host, credentials, content type.
    #[must_use]
    pub fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// The request target of an operation that it offers.
    #[must_use]
    pub fn path(&self, operation: Operation) -> Option<&Uri> {
        self.paths.iter().find(|(offered, _)| *offered == operation).map(|(_, path)| path)
    }

    /// Whether it takes requests of an operation as they are.
    #[must_use]
    pub fn speaks(&self, operation: Operation) -> bool {
        self.lacking.load(Relaxed) & bit(operation) == 0 && self.path(operation).is_some()
    }

    /// Notes whether the server was found to lack an operation that its type offers.
    pub(crate) fn set_lacking(&self, operation: Operation, lacking: bool) {
        if lacking {
            self.lacking.fetch_or(bit(operation), Relaxed);
        } else {
            self.lacking.fetch_and(!bit(operation), Relaxed);
        }
    }

    /// The limits that hold for it.
    #[must_use]
    pub fn timeouts(&self) -> &Timeouts {
        &self.timeouts
    }
}

fn bit(operation: Operation) -> u32 {
    1 << operation as u32
}

fn headers(provider: &Provider) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let host = provider.base.authority().as_str();
    headers.insert(header::HOST, HeaderValue::from_str(host).expect("an authority is a header value"));
    headers.insert(header::USER_AGENT, USER_AGENT);
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if let Some(token) = &provider.token {
        provider.api_type.authorize(token, &mut headers);
    }
    headers
}
