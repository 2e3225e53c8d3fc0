//! One request over a connection of its own, for what is no client's: collectors, provider checks, other routers' pages.

use std::{io, sync::Arc};

use bytes::{Bytes, BytesMut};
use http::{HeaderValue, Request, Response, header};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1::handshake;
use hyper_util::rt::TokioIo;
use llm_router_core::catalogue::BaseUrl;
use rustls::ClientConfig;

use crate::upstream::connect;

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
    Answer(#[source] hyper::Error),
    /// The answer is over the limit.
    #[error("the answer is larger than {MOST} bytes")]
    TooLarge,
}

/// Sends a request whose URI is the path alone, and reads the whole answer. Bounded in size; the caller bounds the time.
///
/// # Errors
/// [`FetchError`]; an answer with an error's status is an answer.
pub async fn fetch(
    base: &BaseUrl,
    trust: &Arc<ClientConfig>,
    mut request: Request<Bytes>,
) -> Result<Response<Bytes>, FetchError> {
    let stream = connect(base, trust).await.map_err(FetchError::Connect)?;
    let (mut sender, connection) = handshake(TokioIo::new(stream)).await.map_err(FetchError::Answer)?;
    if let Ok(host) = HeaderValue::from_str(base.authority().as_str()) {
        request.headers_mut().entry(header::HOST).or_insert(host);
    }
    request.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    let exchange = async {
        let (head, mut body) =
            sender.send_request(request.map(Full::new)).await.map_err(FetchError::Answer)?.into_parts();
        let mut read = BytesMut::new();
        while let Some(frame) = body.frame().await {
            let data = frame.map_err(FetchError::Answer)?.into_data().unwrap_or_default();
            if read.len() + data.len() > MOST {
                return Err(FetchError::TooLarge);
            }
            read.extend_from_slice(&data);
        }
        Ok(Response::from_parts(head, read.freeze()))
    };
    let mut exchange = std::pin::pin!(exchange);
    tokio::select! {
        biased;
        answer = exchange.as_mut() => answer,
        // What had come before the end still stands in the exchange's buffers.
        _ = connection => exchange.await,
    }
}
