//! How asking for one text ended, and what the client is told of it.

use std::time::Duration;

use http::{HeaderValue, Response, StatusCode, header};
use llm_router_core::dialect::{ErrorInfo, ErrorKind, StreamFault, Surface};
use serde_json::Value;

use crate::{body::Body, error, error::Error};

/// Why there is no text.
#[derive(Debug)]
pub(super) enum Lost {
    /// The router could not get an answer.
    Error(Error),
    /// The provider refused.
    Refused(ErrorInfo),
    /// An answer began and broke off, or was none.
    Broken(ErrorInfo),
}

impl Lost {
    pub(super) fn broken(message: impl Into<String>) -> Self {
        Self::Broken(ErrorInfo::new(ErrorKind::Upstream, message))
    }

    /// What to tell the client.
    pub(super) fn info(&self) -> ErrorInfo {
        match self {
            Self::Error(error) => error.info(),
            Self::Refused(info) | Self::Broken(info) => info.clone(),
        }
    }

    /// How long to wait before the same text is asked for once more; `None` where that cannot help.
    ///
    /// A broken answer is always worth it. Of a batch, so is any failure that was not the client's doing.
    pub(super) fn again(&self, in_batch: bool) -> Option<Duration> {
        const SHORTEST: Duration = Duration::from_millis(100);
        const LONGEST: Duration = Duration::from_secs(2);
        let transient = match self {
            Self::Broken(_) => true,
            Self::Error(Error::Upstream { .. } | Error::Unavailable { .. }) => in_batch,
            Self::Error(_) => false,
            Self::Refused(info) => in_batch && (info.status == 429 || info.status >= 500),
        };
        transient.then(|| self.info().retry_after.unwrap_or(SHORTEST).clamp(SHORTEST, LONGEST))
    }

    /// The answer to the client.
    pub(super) fn respond(&self) -> Response<Body> {
        match self {
            Self::Error(error) => error.respond(Surface::Builtin, ""),
            Self::Refused(info) | Self::Broken(info) => error::answer(info, Surface::Builtin),
        }
    }
}

impl From<Error> for Lost {
    fn from(error: Error) -> Self {
        Self::Error(error)
    }
}

impl From<StreamFault> for Lost {
    fn from(fault: StreamFault) -> Self {
        match fault {
            StreamFault::Provider(info) => Self::Broken(info),
            other => Self::broken(other.to_string()),
        }
    }
}

/// `{"status": false, "body": …}` under a status, perhaps with the time after which to come back.
pub(super) fn failure(status: StatusCode, body: &Value, retry_after: Option<Duration>) -> Response<Body> {
    let text = serde_json::json!({"status": false, "body": body}).to_string();
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if let Some(wait) = retry_after {
        // Whole seconds, rounded up (RFC 9110, 10.2.3).
        headers.insert(header::RETRY_AFTER, HeaderValue::from(wait.as_secs() + u64::from(wait.subsec_nanos() > 0)));
    }
    response
}
