//! Every way a request can fail, and the only place where that becomes an HTTP status.

use std::{sync::Arc, time::Duration};

use http::{HeaderValue, Response, StatusCode, header};
use llm_router_core::{
    dialect::{ErrorInfo, ErrorKind, Surface},
    json::PeekError,
    translate::TranslateError,
};

use crate::{body::Body, coding::ACCEPTED, images::ImageFault, memory::Full, upstream::UpstreamError};

/// Why a request got no answer from a model.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The body is not what the route takes.
    #[error(transparent)]
    Request(#[from] PeekError),
    /// A field of the body is wrong; the text says what would be right.
    #[error("{message}")]
    Field {
        /// Which field; only some APIs tell it.
        field: String,
        /// What is wrong with it, as a sentence that names the field.
        message: String,
    },
    /// The head of the request is not what HTTP allows.
    #[error("not a valid HTTP request: {0}")]
    Head(String),
    /// The head is over the configured limit, in bytes, or has more than 100 lines.
    #[error(
        "the request line and headers are larger than {0} bytes (LLM_ROUTER_MAX_HEADER_SIZE), or more than 100 lines"
    )]
    HeadTooLarge(usize),
    /// The path and query are longer than can be read.
    #[error("the path is too long")]
    TargetTooLong,
    /// The client's body broke off or is framed wrongly.
    #[error("the request body could not be read to its end")]
    BodyCut,
    /// The body is over the configured limit, in bytes.
    #[error("the request body is larger than {0} bytes (LLM_ROUTER_MAX_REQUEST_BODY_SIZE)")]
    BodyTooLarge(usize),
    /// The body took too long to arrive.
    #[error("the request body did not arrive within {0:?}")]
    BodyTimeout(Duration),
    /// The body is compressed in a way that is not read.
    #[error("the request body has the content encoding '{0}'; these are read, one at a time: {ACCEPTED}")]
    Coding(String),
    /// The body is not what its content encoding says.
    #[error("the request body is not valid {0}, which its content encoding says it is")]
    BodyPacked(&'static str),
    /// No such path.
    #[error("no such route: {0}")]
    NoRoute(String),
    /// The path does not take this method.
    #[error("this path takes {allow}")]
    Method {
        /// The methods it takes, as `Allow` lists them.
        allow: String,
    },
    /// The path changes what models a provider has, which is not for a router to do.
    #[error(
        "{path} is not offered: models are managed on the providers themselves, and named in the router's settings"
    )]
    Management {
        /// The path, as the client wrote it.
        path: String,
    },
    /// The model is not configured, or not active.
    #[error("the model '{model}' does not exist{}", did_you_mean(.near))]
    UnknownModel {
        /// The name asked for.
        model: String,
        /// A configured name that is close to it.
        near: Option<Arc<str>>,
    },
    /// No provider of the model can be asked this, in its own dialect or by translation.
    #[error(transparent)]
    Untranslatable(#[from] TranslateError),
    /// A picture that a provider needs the bytes of cannot be had.
    #[error("{field}: {fault}")]
    Image {
        /// Where its URL stands.
        field: String,
        /// What is wrong with it.
        fault: ImageFault,
    },
    /// Nobody has room, or everybody is down; later it may work.
    #[error("the model '{model}' is not available at the moment: {reason}")]
    Unavailable {
        /// The model.
        model: Arc<str>,
        /// Why, in a few words.
        reason: &'static str,
        /// When to come back.
        retry_after: Duration,
    },
    /// Every provider that was tried failed before it answered; the last failure.
    #[error("no provider of the model '{model}' answered ({attempts} tried): {}", failure(.last))]
    Upstream {
        /// The model.
        model: Arc<str>,
        /// How many were tried.
        attempts: u32,
        /// What happened to the last one.
        #[source]
        last: UpstreamError,
    },
    /// The time for the whole request is over.
    #[error("the request took longer than {0:?}")]
    Deadline(Duration),
    /// As many requests are under way as the settings allow.
    #[error("the router is busy: {0} requests are under way")]
    Busy(usize),
    /// As many bytes of bodies are in memory as the settings allow.
    #[error("the router is busy: it holds {0} bytes of requests and answers, and may hold no more")]
    MemoryFull(usize),
    /// The router is stopping, and the time for requests under way is up.
    #[error("the router is stopping")]
    Stopping,
    /// A fault of this program.
    #[error("internal error")]
    Internal,
}

impl From<Full> for Error {
    fn from(Full(most): Full) -> Self {
        Self::MemoryFull(most)
    }
}

fn did_you_mean(near: &Option<Arc<str>>) -> String {
    near.as_ref().map(|n| format!("; did you mean '{n}'?")).unwrap_or_default()
}

/// What a client may know of an upstream failure: no host, no port, no system text.
fn failure(error: &UpstreamError) -> String {
    error.to_string()
}

impl Error {
    /// The class of the error: its HTTP status follows.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Request(_)
            | Self::Field { .. }
            | Self::Head(_)
            | Self::HeadTooLarge(_)
            | Self::TargetTooLong
            | Self::BodyCut
            | Self::Coding(_)
            | Self::BodyPacked(_)
            | Self::Image { .. }
            | Self::Untranslatable(_) => ErrorKind::InvalidRequest,
            Self::BodyTooLarge(_) => ErrorKind::TooLarge,
            Self::BodyTimeout(_) | Self::Method { .. } | Self::Management { .. } => ErrorKind::InvalidRequest,
            Self::NoRoute(_) | Self::UnknownModel { .. } => ErrorKind::NotFound,
            Self::Unavailable { .. } | Self::Busy(_) | Self::MemoryFull(_) | Self::Stopping => ErrorKind::Overloaded,
            Self::Upstream { last, .. } => match last {
                UpstreamError::HeadTimeout(_)
                | UpstreamError::ConnectTimeout(_)
                | UpstreamError::FirstTokenTimeout(_) => ErrorKind::Timeout,
                UpstreamError::Refused(info) => info.kind,
                _ => ErrorKind::Upstream,
            },
            Self::Deadline(_) => ErrorKind::Timeout,
            Self::Internal => ErrorKind::Internal,
        }
    }

    /// The HTTP status.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        match self {
            Self::BodyTimeout(_) => StatusCode::REQUEST_TIMEOUT,
            Self::Method { .. } => StatusCode::METHOD_NOT_ALLOWED,
            Self::Coding(_) => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::HeadTooLarge(_) => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            Self::TargetTooLong => StatusCode::URI_TOO_LONG,
            Self::Management { .. } => StatusCode::NOT_IMPLEMENTED,
            other => StatusCode::from_u16(other.kind().status()).expect("error kinds have valid statuses"),
        }
    }

    /// A word for programs.
    #[must_use]
    pub fn code(&self) -> Option<&'static str> {
        match self {
            Self::Request(PeekError::Syntax(_)) => Some("invalid_json"),
            Self::Request(_) | Self::Field { .. } | Self::BodyCut => None,
            Self::Head(_) => Some("bad_request"),
            Self::HeadTooLarge(_) => Some("headers_too_large"),
            Self::TargetTooLong => Some("url_too_long"),
            Self::BodyTooLarge(_) => Some("request_too_large"),
            Self::BodyTimeout(_) => Some("request_timeout"),
            Self::Coding(_) => Some("unsupported_content_encoding"),
            Self::BodyPacked(_) => Some("invalid_content_encoding"),
            Self::NoRoute(_) => Some("unknown_url"),
            Self::Method { .. } => Some("method_not_allowed"),
            Self::Management { .. } => Some("not_implemented"),
            Self::UnknownModel { .. } => Some("model_not_found"),
            Self::Untranslatable(_) => None,
            Self::Image { fault, .. } => Some(fault.code()),
            Self::Unavailable { .. } => Some("model_unavailable"),
            Self::Upstream { last: UpstreamError::Unreadable(_), .. } => Some("provider_unreadable"),
            Self::Upstream { .. } => Some("provider_unreachable"),
            Self::Deadline(_) => Some("deadline_exceeded"),
            Self::Busy(_) => Some("router_overloaded"),
            Self::MemoryFull(_) => Some("router_memory_full"),
            Self::Stopping => Some("router_stopping"),
            Self::Internal => None,
        }
    }

    fn param(&self) -> Option<String> {
        match self {
            Self::Request(error) => error.field().map(str::to_owned),
            Self::Field { field, .. } | Self::Image { field, .. } => Some(field.clone()),
            Self::UnknownModel { .. } => Some("model".to_owned()),
            _ => None,
        }
    }

    /// The error free of any dialect.
    #[must_use]
    pub fn info(&self) -> ErrorInfo {
        if let Self::Untranslatable(error) = self {
            return error.into();
        }
        if let Self::Upstream { last: UpstreamError::Refused(info), .. } = self {
            // As with a status of its own: the provider's words, and no more.
            return (**info).clone();
        }
        let mut info = ErrorInfo::new(self.kind(), self.to_string()).status(self.status().as_u16());
        info.code = self.code().map(str::to_owned);
        info.param = self.param();
        info.retry_after = match self {
            Self::Unavailable { retry_after, .. } => Some(*retry_after),
            Self::Busy(_) | Self::MemoryFull(_) | Self::Stopping => Some(Duration::from_secs(1)),
            _ => None,
        };
        info
    }

    /// The answer to the client, in the dialect of the route; some name the request in it.
    #[must_use]
    pub fn respond(&self, surface: Surface, request_id: &str) -> Response<Body> {
        let mut response = answer(&self.info().request_id(request_id), surface);
        if let Self::Method { allow } = self
            && let Ok(allow) = HeaderValue::from_str(allow)
        {
            response.headers_mut().insert(header::ALLOW, allow);
        }
        if let Self::Coding(_) = self {
            response.headers_mut().insert(header::ACCEPT_ENCODING, HeaderValue::from_static(ACCEPTED));
        }
        if matches!(self, Self::BodyTooLarge(_) | Self::MemoryFull(_) | Self::BodyTimeout(_) | Self::BodyCut) {
            // The rest of the body is not read, so the connection cannot be used again (RFC 9112, 9.6).
            response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }
}

/// An error answer in a dialect, with `Retry-After` where it helps.
#[must_use]
pub fn answer(info: &ErrorInfo, surface: Surface) -> Response<Body> {
    let mut response = Response::new(Body::from(surface.error_body(info)));
    *response.status_mut() =
        StatusCode::from_u16(surface.error_status(info)).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if let Some(wait) = info.retry_after {
        // Whole seconds, rounded up (RFC 9110, 10.2.3).
        headers.insert(header::RETRY_AFTER, HeaderValue::from(wait.as_secs() + u64::from(wait.subsec_nanos() > 0)));
    }
    response
}
