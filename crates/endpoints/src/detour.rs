//! A way around what a server of some type usually offers and this one lacks: OpenAI-compatible servers without
//! `responses` or `completions`, LM Studio without its own paths, Anthropic-compatible ones that count no tokens. What
//! is asked there is translated, as for a provider of a type that never has it.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use bytes::{Bytes, BytesMut};
use http::{Response, StatusCode};
use http_body::{Body as HttpBody, Frame};
use http_body_util::BodyExt as _;
use llm_router_core::{dialect::ErrorInfo, operation::Operation, translate::beside};
use tokio::time::timeout;

use crate::{
    attempts::Planner,
    body::{Body, BodyError},
    forward::unasked,
    prepare::{Needs, Plan},
    target::Target,
    upstream::{Upstream, UpstreamError},
};

/// The longest refusal that is read for its reason, in bytes: a longer one is a page, of a server that knows no such
/// path.
const LONGEST: usize = 64 * 1024;

/// Whether an answer may mean that the server has no such path, and there is another way to ask.
pub(crate) fn may_help(response: &Response<Body>, operation: Operation, target: &Target) -> bool {
    // Tokens can be counted here, if need be.
    let other = operation == Operation::CountTokens || beside(operation, target.api_type()).is_some();
    is_missing(response.status()) && other
}

fn is_missing(status: StatusCode) -> bool {
    matches!(status, StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED | StatusCode::NOT_IMPLEMENTED)
}

/// Asks again by another operation, unless the refusal means the model. Also returns what the answer needs. A server
/// that answers is asked so from now on.
///
/// # Errors
/// The refusal could not be read.
pub(crate) async fn around(
    refusal: Response<Body>,
    (operation, needs): (Operation, Needs),
    upstream: &dyn Upstream,
    plan: Planner<'_>,
    target: &Target,
) -> Result<(Response<Body>, Needs), UpstreamError> {
    let (head, mut body) = refusal.into_parts();
    let idle = target.timeouts().idle;
    let (said, whole) = timeout(idle, beginning(&mut body)).await.map_err(|_| UpstreamError::HeadTimeout(idle))??;
    let means_the_model = whole && means_the_model(&said);
    let original = || {
        let body = if whole { Body::from(said) } else { Body::stream(Begun { said: Some(said), rest: body }) };
        Response::from_parts(head, body)
    };
    if means_the_model {
        return Ok((original(), needs));
    }
    target.set_lacking(operation, true);
    match plan(target) {
        Ok(Plan::Send(prepared)) => match upstream.send(target, prepared.request).await {
            Ok(response) if !is_missing(response.status()) => return Ok((response, prepared.needs)),
            _ => {}
        },
        Ok(Plan::Answer(answer)) => return Ok((unasked(answer), needs)),
        Err(_) => {}
    }
    target.set_lacking(operation, false);
    Ok((original(), needs))
}

/// Reads a refusal up to its end, or until it is too long for one that names a model; tells whether that is all of it.
async fn beginning(body: &mut Body) -> Result<(Bytes, bool), UpstreamError> {
    let mut said = BytesMut::new();
    while said.len() <= LONGEST {
        let Some(frame) = body.frame().await else { return Ok((said.freeze(), true)) };
        let frame = frame.map_err(|error| UpstreamError::Broken(error.into()))?;
        said.extend_from_slice(frame.data_ref().map_or(&[], |data| data));
    }
    Ok((said.freeze(), false))
}

/// A body of which the beginning has been read.
struct Begun {
    said: Option<Bytes>,
    rest: Body,
}

impl HttpBody for Begun {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        match self.said.take() {
            Some(said) => Poll::Ready(Some(Ok(Frame::data(said)))),
            None => Pin::new(&mut self.rest).poll_frame(cx),
        }
    }
}

/// Servers say "not found" of models too; then they name what they did not find.
fn means_the_model(said: &[u8]) -> bool {
    let info = ErrorInfo::read(StatusCode::NOT_FOUND.as_u16(), said);
    info.code.as_deref() == Some("model_not_found") || info.message.to_ascii_lowercase().contains("model")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_path_is_told_from_a_missing_model() {
        for model in [
            r#"{"error":{"message":"The model `x` does not exist","code":"model_not_found"}}"#,
            r#"{"object":"error","message":"The model `x` does not exist.","type":"NotFoundError","code":404}"#,
            r#"{"error":"model 'x' not found"}"#,
        ] {
            assert!(means_the_model(model.as_bytes()), "{model}");
        }
        for path in [
            "",
            "404 page not found",
            r#"{"detail":"Not Found"}"#,
            r#"{"error":{"code":404,"message":"File Not Found","type":"not_found_error"}}"#,
            "<html>Not Found</html>",
        ] {
            assert!(!means_the_model(path.as_bytes()), "{path}");
        }
    }
}
