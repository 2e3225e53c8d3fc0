//! One provider: reachable, key accepted, model present, and on demand whether it streams.

use std::{io, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, Uri, header};
use llm_router_core::{
    catalogue::{Model, Provider},
    dialect::ErrorInfo,
    operation::Operation,
    problem,
};
use llm_router_endpoints::{State, Target};
use serde_json::{Value, json};
use tokio::time::timeout;

use super::{Finding, Grade, PATIENCE, clock};
use crate::{
    fetch::{FetchError, fetch},
    upstream::Trust,
};

/// The longest wait for one token: a server may have to load the model first.
const FIRST: Duration = Duration::from_secs(120);

/// Operations by which a provider can be asked for a chat, the common ones first.
const CHATS: [Operation; 4] =
    [Operation::ChatCompletions, Operation::OllamaChat, Operation::Messages, Operation::LmStudioChat];

/// Names under which lists of models tell how many tokens a model takes: vLLM's, LM Studio's two, OpenRouter's.
const CONTEXTS: [&str; 4] = ["max_model_len", "loaded_context_length", "max_context_length", "context_length"];

/// A visit to one provider of one model.
pub(super) struct Visit {
    pub state: Arc<State>,
    pub model: Arc<Model>,
    pub provider: Arc<Provider>,
    pub trust: Arc<Trust>,
}

impl Visit {
    /// Looks at the provider; also tells how far this clock is ahead of its.
    pub(super) async fn examine(&self, stream: bool) -> (Vec<Finding>, Option<i64>) {
        let subject = format!("{} / {}", self.model.name, self.provider.id);
        let target = Target::new(&self.model, &self.provider, self.state.settings.upstream.timeouts);
        let uri = self.provider.base.join(self.listing()).into();
        let answer = match self.ask(&target, Method::GET, uri, Bytes::new(), PATIENCE).await {
            Ok(answer) => answer,
            Err(trouble) => {
                return (vec![Finding::bad(Grade::Fault, subject, trouble.said, trouble.advice)], None);
            }
        };
        let ahead = answer.headers().get(header::DATE).and_then(|date| clock::ahead(date.to_str().ok()?));
        let mut findings = vec![self.listed(&subject, &target, &answer)];
        if stream && findings[0].grade < Grade::Fault {
            findings.push(self.stream(&subject, &target).await);
        }
        (findings, ahead)
    }

    /// Where a provider of this type lists its models.
    fn listing(&self) -> &'static str {
        if self.provider.api_type.name() == "ollama" { "api/tags" } else { "v1/models" }
    }

    async fn ask(
        &self,
        target: &Target,
        method: Method,
        uri: Uri,
        body: Bytes,
        within: Duration,
    ) -> Result<Response<Bytes>, Trouble> {
        let mut request = Request::new(body);
        *request.method_mut() = method;
        *request.uri_mut() = uri;
        *request.headers_mut() = target.headers().clone();
        self.provider.api_type.require(request.headers_mut());
        match timeout(within, fetch(&self.provider.base, &self.trust, request)).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => Err(Trouble { said: error.to_string(), advice: self.advice(&error) }),
            Err(_) => Err(Trouble {
                said: format!("no answer within {within:?}"),
                advice: "is there a firewall between, is api_host right, or does the server hang?".to_owned(),
            }),
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
        let answer = match self.ask(target, Method::POST, path, body.to_string().into(), FIRST).await {
            Err(trouble) => return Finding::bad(Grade::Fault, subject, format!("streaming: {}", trouble.said), advice),
            Ok(answer) => answer,
        };
        let status = answer.status();
        if !status.is_success() {
            let said = ErrorInfo::read(status.as_u16(), answer.body()).message;
            let said = format!("streaming: status {}: {said}", status.as_u16());
            return match status {
                StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                    Finding::bad(Grade::Fault, subject, said, self.key_advice())
                }
                status if status.is_client_error() && self.provider.is_embedding => {
                    Finding::good(subject, "is for embeddings: streaming not looked at")
                }
                status if status.is_client_error() => {
                    let advice =
                        "if it is a model for embeddings, say so with is_embedding; if not, clients will meet the same";
                    Finding::bad(Grade::Fault, subject, said, advice)
                }
                _ => Finding::bad(Grade::Fault, subject, said, advice),
            };
        }
        let kind = answer.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        if kind.contains("event-stream") || kind.contains("ndjson") {
            return Finding::good(subject, "streams");
        }
        let said = format!("does not stream: it answers in one piece ({kind})");
        let advice = "clients get all of it at once, late, in the form of a stream: look at the server's own settings";
        Finding::bad(Grade::Warning, subject, said, advice)
    }

    /// What to do when there is no answer.
    fn advice(&self, error: &FetchError) -> String {
        let place = self.provider.base.authority();
        let FetchError::Connect(error) = error else {
            return "is api_host right, and does it speak HTTP/1.1 there (https:// where it wants TLS)?".to_owned();
        };
        // The resolver has no kind of its own, only words.
        if error.to_string().contains("lookup") {
            return format!("the name does not resolve: check api_host ({place}) and this machine's DNS");
        }
        match error.kind() {
            io::ErrorKind::ConnectionRefused => {
                format!("nothing listens on {place}: start the server, or correct api_host")
            }
            io::ErrorKind::ConnectionReset => {
                format!("{place} hangs up at once: is it this server that listens there, and is it well?")
            }
            io::ErrorKind::InvalidData => {
                "TLS fails: http:// if it speaks none; ca_file if its certificate is of an authority of your own"
                    .to_owned()
            }
            _ => format!("check api_host, and that {place} can be reached from this machine"),
        }
    }

    fn key_advice(&self) -> &'static str {
        if self.provider.token.is_some() {
            "the key is not one it takes: correct the provider's api_token"
        } else {
            "it wants a key: set the provider's api_token to env:NAME, file:PATH or the key itself"
        }
    }

    /// What a provider's list of models says.
    fn listed(&self, subject: &str, target: &Target, answer: &Response<Bytes>) -> Finding {
        let wanted = target.upstream_model();
        match answer.status() {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                let said = format!("refuses the key (status {})", answer.status().as_u16());
                return Finding::bad(Grade::Fault, subject, said, self.key_advice());
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
        // Ollama leaves out the tag `latest` in requests, not in its list.
        let is_it = |name: &str| name == wanted || name.strip_suffix(":latest") == Some(wanted);
        if let Some(entry) = entries.iter().find(|entry| name_of(entry).is_some_and(is_it)) {
            return self.sized(subject, wanted, entry);
        }
        let names: Vec<&str> = entries.iter().filter_map(name_of).take(8).collect();
        let has = if names.is_empty() { "nothing".to_owned() } else { names.join(", ") };
        let said = format!("does not list {wanted}; it has {has}");
        let advice = match (self.provider.api_type.name(), problem::similar(wanted, names)) {
            (_, Some(near)) => format!("set model_path to {near:?}"),
            ("ollama", None) => format!("ollama pull {wanted} there, or set model_path to a name it has"),
            _ => "set model_path to the model's name there, or load the model there".to_owned(),
        };
        Finding::bad(Grade::Fault, subject, said, advice)
    }

    /// The model is there; its context length is compared with the one that clients are told.
    fn sized(&self, subject: &str, wanted: &str, entry: &Value) -> Finding {
        let told = self.provider.input_size;
        let reached = if self.provider.token.is_some() { "reachable, key accepted" } else { "reachable without a key" };
        let takes = CONTEXTS.iter().find_map(|name| entry[*name].as_u64()).or_else(|| entry["meta"]["n_ctx"].as_u64());
        match takes {
            Some(takes) if told > takes => {
                let said = format!("has {wanted}, which takes {takes} tokens there; input_size says {told}");
                let advice = format!("set input_size to {takes}, or give the server a longer context");
                Finding::bad(Grade::Warning, subject, said, advice)
            }
            Some(takes) => Finding::good(subject, format!("{reached}, has {wanted}, which takes {takes} tokens")),
            None => Finding::good(subject, format!("{reached}, has {wanted}")),
        }
    }
}

/// Why there is no answer, and what to do.
struct Trouble {
    said: String,
    advice: String,
}

fn name_of(entry: &Value) -> Option<&str> {
    entry["id"].as_str().or_else(|| entry["name"].as_str())
}
