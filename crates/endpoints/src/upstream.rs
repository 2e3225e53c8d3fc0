//! The way to a provider, as endpoints see it: no sockets here.

use std::{future::Future, pin::Pin, time::Duration};

use http::{Request, Response, uri::PathAndQuery};
use llm_router_core::{
    catalogue::BaseUrl,
    dialect::{ErrorInfo, ErrorKind},
    settings::Reach,
    translate::StreamFault,
};

use crate::{body::Body, target::Target};

/// A future behind a pointer, as traits at crate seams return it.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Sends one request to one provider.
///
/// What comes before and after is done by who calls it: credentials and the model's name are in the request, the limits
/// `first_token`, `idle` and `total` are kept, another provider is asked after a failure. An answer with an error's
/// status is an answer. [`Target::place`] says where to, and [`Target::provider`] has its id and address.
pub trait Upstream: Send + Sync + 'static {
    /// Sends `request`, whose URI is the path and query alone, and waits for the head of the answer: at most
    /// `response_header` of [`Target::timeouts`], after at most `connect` for a connection. Nobody else keeps these
    /// two.
    ///
    /// Dropping the future, or the body of the answer before its end, closes the connection at once.
    fn send<'a>(
        &'a self,
        target: &'a Target,
        request: Request<Body>,
    ) -> BoxFuture<'a, Result<Response<Body>, UpstreamError>>;

    /// Asks a server that is no provider for what a client named by URL, and waits for the head of the answer. Connects
    /// only to addresses that the way allows, follows no redirect, and keeps no connection; the caller bounds time and
    /// size.
    fn fetch<'a>(&'a self, way: &'a Remote) -> BoxFuture<'a, Result<Response<Body>, FetchFault>> {
        let _ = way;
        Box::pin(std::future::ready(Err(FetchFault::NoWay)))
    }

    /// Goes on with the rest of an exchange whose client has gone, if fewer than `most` go on already; else it is
    /// dropped.
    fn go_on(&self, rest: BoxFuture<'static, ()>, most: usize) {
        drop((rest, most));
    }
}

/// Beside an answer that came over a new connection: how long connecting took.
#[derive(Debug, Clone, Copy)]
pub struct Connected(pub Duration);

/// The way to what a client named by URL.
#[derive(Debug, Clone)]
pub struct Remote {
    /// Scheme, host and port.
    pub base: BaseUrl,
    /// What to ask for there.
    pub path: PathAndQuery,
    /// Which addresses may be connected to.
    pub reach: Reach,
}

/// Why a server that is no provider gave no answer. What is told names no address that a name led to.
#[derive(Debug, thiserror::Error)]
pub enum FetchFault {
    /// Only providers can be reached.
    #[error("this router connects to its providers alone")]
    NoWay,
    /// The name leads nowhere.
    #[error("its host cannot be found")]
    Unresolved,
    /// The host has an address that is not public, and was not named by the operator.
    #[error("its host has no public address, so LLM_ROUTER_IMAGE_HOSTS must name it in full")]
    Internal,
    /// The connection was refused, or TLS failed.
    #[error("its host cannot be connected to")]
    Connect(#[source] std::io::Error),
    /// No answer that is HTTP.
    #[error("its server gives no valid answer")]
    Broken(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// Why a provider gave no answer. Nothing of the answer had arrived.
#[derive(Debug, thiserror::Error)]
pub enum UpstreamError {
    /// The name did not resolve, the connection was refused, or TLS failed.
    #[error("cannot connect")]
    Connect(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// No connection within the limit.
    #[error("not connected within {0:?}")]
    ConnectTimeout(Duration),
    /// The connection broke before the head of the answer.
    #[error("the connection broke before an answer")]
    Broken(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// A connection kept from an earlier request turned out to be closed when this one was sent: worth one more try.
    #[error("the connection had been closed")]
    Stale(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// No head of an answer within the limit.
    #[error("no answer within {0:?}")]
    HeadTimeout(Duration),
    /// The answer began and had no content within the limit.
    #[error("no content within {0:?}")]
    FirstTokenTimeout(Duration),
    /// The answer is no HTTP/1.1, or its head is over a limit.
    #[error("the answer is not valid HTTP")]
    Garbled(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The answer is HTTP, and not what the provider's API says.
    #[error("the answer is not what its API says")]
    Unreadable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The provider told of an error under a status of success, in place of an answer.
    #[error("{}", .0.message)]
    Refused(Box<ErrorInfo>),
    /// The answer is a redirect, and redirects are not followed.
    #[error("the answer is a redirect (status {0})")]
    Redirect(u16),
}

impl UpstreamError {
    /// Whether the request is at fault, so that no other provider would answer it either.
    #[must_use]
    pub fn is_the_clients(&self) -> bool {
        matches!(self, Self::Refused(info) if matches!(info.kind, ErrorKind::InvalidRequest | ErrorKind::TooLarge))
    }
}

impl From<StreamFault> for UpstreamError {
    fn from(fault: StreamFault) -> Self {
        match fault {
            StreamFault::Provider(info) => Self::Refused(Box::new(info)),
            other => Self::Unreadable(other.into()),
        }
    }
}
