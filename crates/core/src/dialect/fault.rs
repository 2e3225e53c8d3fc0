//! Why a request cannot be translated, or a stream not be read on.

use super::error::{ErrorInfo, ErrorKind};
use crate::{
    canonical::{Invalid, Place},
    codec::CodecError,
};

/// A picture that would have to be fetched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageUrl {
    /// Where it is.
    pub url: String,
    /// Where in the client's body that stands; the first place of several.
    pub field: String,
}

impl ImageUrl {
    pub(crate) fn new(url: String, at: Place) -> Self {
        Self { url, field: at.to_string() }
    }
}

/// Why a request cannot be translated. Every case is the client's to mend and answers with status 400,
/// but for [`NoSuchOperation`](Self::NoSuchOperation).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TranslateError {
    /// The body is no JSON.
    #[error("the request body is not valid JSON: {0}")]
    Syntax(String),
    /// A field has the wrong type, or is missing.
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// A field that the provider cannot carry, where the settings say to refuse such requests.
    #[error("the field '{field}' is not supported by the '{target}' provider of this model")]
    Unsupported {
        /// The field's path in the client's body.
        field: String,
        /// The provider's type.
        target: &'static str,
    },
    /// The provider takes pictures only as base64; these URLs would have to be fetched first.
    #[error("images by URL are not supported by the '{target}' provider of this model; send them as base64")]
    Images {
        /// Each URL once.
        urls: Vec<ImageUrl>,
        /// The provider's type.
        target: &'static str,
    },
    /// The provider type has nothing that answers such a request.
    #[error("the '{target}' provider of this model offers no {wanted}")]
    NoSuchOperation {
        /// What was asked for.
        wanted: &'static str,
        /// The provider's type.
        target: &'static str,
    },
}

impl From<&TranslateError> for ErrorInfo {
    fn from(error: &TranslateError) -> Self {
        let info = Self::new(ErrorKind::InvalidRequest, error.to_string());
        match error {
            TranslateError::Invalid(invalid) => info.param(invalid.field.clone()),
            TranslateError::Unsupported { field, .. } => info.param(field.clone()).code("unsupported_parameter"),
            TranslateError::Images { urls, .. } => {
                let info = info.code("image_url_not_allowed");
                match urls.first() {
                    Some(first) => info.param(first.field.clone()),
                    None => info,
                }
            }
            TranslateError::NoSuchOperation { .. } => info.code("unsupported_operation"),
            TranslateError::Syntax(_) => info,
        }
    }
}

/// Why a provider's stream cannot be read on. Nothing of it has been written to the client.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StreamFault {
    /// Its framing is broken.
    #[error(transparent)]
    Codec(#[from] CodecError),
    /// An event is not what the provider's dialect says.
    #[error("the provider's stream holds an event that cannot be read: {0}")]
    Malformed(String),
    /// The provider reports an error of its own.
    #[error("the provider ended the stream with an error: {}", .0.message)]
    Provider(ErrorInfo),
    /// The stream ended before it was complete.
    #[error("the provider ended the stream before it was complete")]
    Truncated,
}

impl StreamFault {
    /// The error to tell the client.
    #[must_use]
    pub fn info(&self) -> ErrorInfo {
        match self {
            Self::Provider(info) => info.clone(),
            other => ErrorInfo::new(ErrorKind::Upstream, other.to_string()),
        }
    }
}

impl From<serde_json::Error> for StreamFault {
    fn from(error: serde_json::Error) -> Self {
        Self::Malformed(error.to_string())
    }
}
