//! One request over a connection of its own, for what is no client's: collectors, provider checks, other routers'
//! pages.

use std::{future::poll_fn, io, sync::Arc};

use bytes::{Bytes, BytesMut};
use http::{HeaderValue, Request, Response, header};
use llm_router_core::catalogue::BaseUrl;
use llm_router_endpoints::Body;

use crate::upstream::{Answered, Link, Sending, Trust, connect};

/// The most that is read of an answer, in bytes.
const MOST: usize = 16 << 20;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// No connection.
    #[error("cannot connect: {0}")]
    Connect(#[source] io::Error),
    /// No whole answer, or none that is HTTP.
    #[error("no whole answer: {0}")]
    Answer(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The answer is over the limit.
    #[error("the answer is larger than {MOST} bytes")]
    TooLarge,
}

/// Sends a request whose URI is the path alone, and reads the whole answer. Bounded in size; the caller bounds the
/// time.
///
/// # Errors
/// [`FetchError`]; an answer with an error's status is an answer.
pub async fn fetch(
    base: &BaseUrl,
    trust: &Arc<Trust>,
    mut request: Request<Bytes>,
) -> Result<Response<Bytes>, FetchError> {
    let stream = connect(base, trust).await.map_err(FetchError::Connect)?;
    if let Ok(host) = HeaderValue::from_str(base.authority().as_str()) {
        request.headers_mut().entry(header::HOST).or_insert(host);
    }
    request.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    let mut link = Link::new(stream);
    let mut request = Some(Sending::new(request.map(Body::from)));
    let answered = link.exchange(&mut request).await.map_err(|e| FetchError::Answer(e.into()))?;
    let Answered { head, mut framing, .. } = answered;
    let mut read = BytesMut::new();
    while let Some(piece) =
        poll_fn(|cx| link.piece(cx, &mut framing)).await.map_err(|e| FetchError::Answer(e.into()))?
    {
        if read.len() + piece.len() > MOST {
            return Err(FetchError::TooLarge);
        }
        read.extend_from_slice(&piece);
    }
    Ok(Response::from_parts(head, read.freeze()))
}
