//! One provider: reachable, key accepted, model present, and on demand whether it streams.

use std::sync::Arc;

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, Uri, header};
use llm_router_core::{
    catalogue::{Model, Provider},
    operation::Operation,
};
use llm_router_endpoints::{State, Target};
use rustls::ClientConfig;
use serde_json::{Value, json};
use tokio::time::timeout;

use super::{Finding, Grade, PATIENCE, clock};
use crate::fetch::fetch;

/// Operations by which a provider can be asked for a chat, the common ones first.
const CHATS: [Operation; 4] =
    [Operation::ChatCompletions, Operation::OllamaChat, Operation::Messages, Operation::LmStudioChat];

/// A visit to one provider of one model.
pub(super) struct Visit<'a> {
    pub state: &'a State,
    pub model: &'a Model,
    pub provider: &'a Arc<Provider>,
    pub trust: &'a Arc<ClientConfig>,
}

impl Visit<'_> {
    /// Looks at the provider; adds how far this clock is ahead of its.
    pub(super) async fn examine(&self, stream: bool, skews: &mut Vec<i64>) -> Vec<Finding> {
        let subject = format!("{} / {}", self.model.name, self.provider.id);
        let target = Target::new(self.model, self.provider, self.state.settings.upstream.timeouts);
        let answer =
            match self.ask(&target, Method::GET, self.provider.base.join(self.listing()).into(), Bytes::new()).await {
                Ok(answer) => answer,
                Err(said) => {
                    let advice = "check api_host, and that the server runs and can be reached from here";
                    return vec![Finding::bad(Grade::Fault, subject, said, advice)];
                }
            };
        skews.extend(answer.headers().get(header::DATE).and_then(|date| clock::ahead(date.to_str().ok()?)));
        let mut findings = vec![listed(&subject, &target, &answer)];
        if stream && findings[0].grade < Grade::Fault {
            findings.push(self.stream(&subject, &target).await);
        }
        findings
    }

    /// Where a provider of this type lists its models.
    fn listing(&self) -> &'static str {
        if self.provider.api_type.name() == "ollama" { "api/tags" } else { "v1/models" }
    }

    async fn ask(&self, target: &Target, method: Method, uri: Uri, body: Bytes) -> Result<Response<Bytes>, String> {
        let mut request = Request::new(body);
        *request.method_mut() = method;
        *request.uri_mut() = uri;
        *request.headers_mut() = target.headers().clone();
        self.provider.api_type.require(request.headers_mut());
        match timeout(PATIENCE, fetch(&self.provider.base, self.trust, request)).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => Err(error.to_string()),
            Err(_) => Err(format!("no answer within {PATIENCE:?}")),
        }
    }

    /// One token, as a stream.
    async fn stream(&self, subject: &str, target: &Target) -> Finding {
        let found = CHATS.iter().find_map(|chat| Some((*chat, target.path(*chat)?.clone())));
        let Some((chat, path)) = found else {
            return Finding::good(subject, "takes no chats: streaming not looked at");
        };
        let mut body = json!({
            "model": target.upstream_model(), "stream": true,
            "messages": [{"role": "user", "content": "Say yes."}],
        });
        let limit = if chat == Operation::OllamaChat {
            ("options", json!({"num_predict": 1}))
        } else {
            ("max_tokens", json!(1))
        };
        body[limit.0] = limit.1;
        let advice = "try the provider without the router; a proxy before it may hold streams back";
        match self.ask(target, Method::POST, path, body.to_string().into()).await {
            Err(said) => Finding::bad(Grade::Fault, subject, format!("streaming: {said}"), advice),
            Ok(answer) if !answer.status().is_success() => {
                Finding::bad(Grade::Fault, subject, format!("streaming: status {}", answer.status()), advice)
            }
            Ok(answer) => {
                let kind =
                    answer.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
                if kind.contains("event-stream") || kind.contains("ndjson") {
                    Finding::good(subject, "streams")
                } else {
                    Finding::bad(Grade::Warning, subject, format!("answers a stream with {kind:?}"), advice)
                }
            }
        }
    }
}

/// What a provider's list of models says.
fn listed(subject: &str, target: &Target, answer: &Response<Bytes>) -> Finding {
    let wanted = target.upstream_model();
    match answer.status() {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
            let said = format!("refuses the key (status {})", answer.status().as_u16());
            return Finding::bad(Grade::Fault, subject, said, "check the provider's api_token");
        }
        StatusCode::NOT_FOUND => return Finding::good(subject, "reachable; it does not list its models"),
        status if !status.is_success() => {
            let advice = "it is reachable, but something is wrong with it: look into its own log";
            return Finding::bad(Grade::Warning, subject, format!("status {}", status.as_u16()), advice);
        }
        _ => {}
    }
    let list: Value = serde_json::from_slice(answer.body()).unwrap_or_default();
    let entries = list["data"].as_array().or_else(|| list["models"].as_array());
    let Some(entries) = entries else {
        let advice = "check that api_host is the provider's address and api_type its type";
        return Finding::bad(Grade::Warning, subject, "answers, but with no list of models", advice);
    };
    let names: Vec<&str> =
        entries.iter().filter_map(|entry| entry["id"].as_str().or_else(|| entry["name"].as_str())).collect();
    // Ollama leaves out the tag `latest` in requests, not in its list.
    let there = names.iter().any(|name| *name == wanted || name.strip_suffix(":latest") == Some(wanted));
    if there {
        return Finding::good(subject, format!("reachable, key accepted, has {wanted}"));
    }
    let shown: Vec<&str> = names.iter().copied().take(8).collect();
    let said = format!(
        "does not list {wanted}; it has {}",
        if shown.is_empty() { "nothing".to_owned() } else { shown.join(", ") }
    );
    Finding::bad(Grade::Fault, subject, said, "set model_path to the model's name there, or load the model there")
}
