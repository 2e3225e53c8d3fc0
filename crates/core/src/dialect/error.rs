//! An error as every dialect can say it: what kind, which status, which words.

use std::time::Duration;

/// What went wrong, in the classes that clients of all dialects tell apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The request is malformed or asks for what cannot be had.
    InvalidRequest,
    /// No credentials, or wrong ones.
    Authentication,
    /// The credentials do not allow this.
    Permission,
    /// No such model or path.
    NotFound,
    /// The body is over a limit.
    TooLarge,
    /// Paid-for use is used up; waiting does not help.
    Quota,
    /// Too many requests or tokens in a time; waiting helps.
    RateLimit,
    /// Nobody has room at the moment.
    Overloaded,
    /// The provider did not answer in time.
    Timeout,
    /// The provider could not be reached, or answered what is no answer.
    Upstream,
    /// A fault of this program or of the provider.
    Internal,
}

impl ErrorKind {
    /// Every kind, in declaration order.
    pub const ALL: [Self; 11] = [
        Self::InvalidRequest,
        Self::Authentication,
        Self::Permission,
        Self::NotFound,
        Self::TooLarge,
        Self::Quota,
        Self::RateLimit,
        Self::Overloaded,
        Self::Timeout,
        Self::Upstream,
        Self::Internal,
    ];

    /// The HTTP status that says it where nothing better is known.
    #[must_use]
    pub fn status(self) -> u16 {
        match self {
            Self::InvalidRequest => 400,
            Self::Authentication => 401,
            Self::Permission => 403,
            Self::NotFound => 404,
            Self::TooLarge => 413,
            Self::Quota | Self::RateLimit => 429,
            Self::Overloaded => 503,
            Self::Timeout => 504,
            Self::Upstream => 502,
            Self::Internal => 500,
        }
    }

    /// The kind that a bare HTTP status tells.
    #[must_use]
    pub fn of_status(status: u16) -> Self {
        match status {
            401 => Self::Authentication,
            402 => Self::Quota,
            403 => Self::Permission,
            404 => Self::NotFound,
            408 | 504 => Self::Timeout,
            413 => Self::TooLarge,
            429 => Self::RateLimit,
            502 => Self::Upstream,
            503 | 529 => Self::Overloaded,
            400..=499 => Self::InvalidRequest,
            _ => Self::Internal,
        }
    }

    /// OpenAI's `error.type` for it.
    #[must_use]
    pub fn openai_type(self) -> &'static str {
        match self {
            Self::InvalidRequest | Self::NotFound | Self::TooLarge => "invalid_request_error",
            Self::Authentication => "authentication_error",
            Self::Permission => "permission_error",
            Self::Quota => "insufficient_quota",
            Self::RateLimit => "rate_limit_error",
            Self::Overloaded => "overloaded_error",
            Self::Timeout => "timeout_error",
            Self::Upstream => "upstream_error",
            Self::Internal => "server_error",
        }
    }

    /// Anthropic's `error.type` for it (API description, "Errors").
    #[must_use]
    pub fn anthropic_type(self) -> &'static str {
        match self {
            Self::InvalidRequest => "invalid_request_error",
            Self::Authentication => "authentication_error",
            Self::Permission => "permission_error",
            Self::NotFound => "not_found_error",
            Self::TooLarge => "request_too_large",
            Self::Quota => "billing_error",
            Self::RateLimit => "rate_limit_error",
            Self::Overloaded => "overloaded_error",
            Self::Timeout => "timeout_error",
            Self::Upstream | Self::Internal => "api_error",
        }
    }
}

/// An error on its way to a client, free of any dialect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ErrorInfo {
    /// The class it belongs to.
    pub kind: ErrorKind,
    /// The HTTP status, where the answer has not begun.
    pub status: u16,
    /// What to tell the client. Names no internal host.
    pub message: String,
    /// A word for programs, such as `model_not_found`.
    pub code: Option<String>,
    /// The field of the request that is at fault.
    pub param: Option<String>,
    /// How long the client should wait before it tries again.
    pub retry_after: Option<Duration>,
    /// Names the request, for dialects whose errors do.
    pub request_id: Option<String>,
}

impl ErrorInfo {
    /// An error of this kind with its usual status.
    #[must_use]
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            status: kind.status(),
            message: message.into(),
            code: None,
            param: None,
            retry_after: None,
            request_id: None,
        }
    }

    /// With this HTTP status instead of the kind's own.
    #[must_use]
    pub fn status(mut self, status: u16) -> Self {
        self.status = status;
        self
    }

    /// With a word for programs.
    #[must_use]
    pub fn code(mut self, code: impl Into<String>) -> Self {
        self.code = Some(code.into());
        self
    }

    /// With the name of the field at fault.
    #[must_use]
    pub fn param(mut self, param: impl Into<String>) -> Self {
        self.param = Some(param.into());
        self
    }

    /// With the name of the request.
    #[must_use]
    pub fn request_id(mut self, id: impl Into<String>) -> Self {
        self.request_id = Some(id.into());
        self
    }

    /// With a time to wait.
    #[must_use]
    pub fn retry_after(mut self, wait: Duration) -> Self {
        self.retry_after = Some(wait);
        self
    }
}
