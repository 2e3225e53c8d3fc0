//! A way around what a server of some type usually offers and this one lacks: OpenAI-compatible servers without
//! `responses` or `completions`, LM Studio without its own paths, Anthropic-compatible ones that count no tokens. What is
//! asked there is translated, as for a provider of a type that never has it.

use std::time::Duration;

use bytes::Bytes;
use http::{Response, StatusCode};
use llm_router_core::{dialect::ErrorInfo, operation::Operation, translate::beside};
use tokio::time::timeout;

use crate::{
    attempts::Planner,
    body::Body,
    forward::unasked,
    prepare::{Plan, Prepared},
    target::Target,
    upstream::{Upstream, UpstreamError},
};

/// The longest refusal that is read for its reason, in bytes.
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

/// Asks again by another operation, unless the refusal means the model. Also returns what the answer needs, where it is
/// one to that other request. A server that answers it is asked so from now on.
///
/// # Errors
/// The refusal could not be read.
pub(crate) async fn around(
    refusal: Response<Body>,
    operation: Operation,
    upstream: &dyn Upstream,
    plan: Planner<'_>,
    target: &Target,
) -> Result<(Response<Body>, Option<Prepared>), UpstreamError> {
    let (head, body) = refusal.into_parts();
    let idle = target.timeouts().idle;
    let said = read(body, idle).await?;
    let original = |said: Bytes| Response::from_parts(head, Body::from(said));
    if means_the_model(&said) {
        return Ok((original(said), None));
    }
    target.set_lacking(operation, true);
    match plan(target) {
        Ok(Plan::Send(mut prepared)) => {
            let request = std::mem::take(&mut prepared.request);
            match upstream.send(target, request).await {
                Ok(response) if !is_missing(response.status()) => return Ok((response, Some(prepared))),
                _ => {}
            }
        }
        Ok(Plan::Answer(answer)) => return Ok((unasked(answer), None)),
        Err(_) => {}
    }
    target.set_lacking(operation, false);
    Ok((original(said), None))
}

async fn read(body: Body, idle: Duration) -> Result<Bytes, UpstreamError> {
    let read = timeout(idle, body.read(LONGEST)).await.map_err(|_| UpstreamError::HeadTimeout(idle))?;
    read.map_err(|error| UpstreamError::Broken(error.into()))
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
