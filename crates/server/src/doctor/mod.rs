//! The examination behind `llm-router doctor`: everything outside of the process that a router needs.

mod clock;
mod provider;

use std::{sync::Arc, time::Duration};

use llm_router_core::settings::Redis;
use llm_router_endpoints::State;
use rustls::ClientConfig;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};

use crate::metrics::open_files_limit;

/// The longest wait for one answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// Descriptors beside those of connections: logs, listeners, event loops, files under a reload.
const OWN_FILES: u64 = 64;

/// How a finding is to be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Grade {
    /// As it should be.
    Good,
    /// Odd; the router works.
    Warning,
    /// Requests will fail.
    Fault,
}

/// One thing that was looked at.
#[derive(Debug, Clone)]
pub struct Finding {
    /// How it is to be taken.
    pub grade: Grade,
    /// What was looked at.
    pub subject: String,
    /// What was found.
    pub said: String,
    /// What to do about it.
    pub advice: Option<String>,
}

impl Finding {
    fn good(subject: impl Into<String>, said: impl Into<String>) -> Self {
        Self { grade: Grade::Good, subject: subject.into(), said: said.into(), advice: None }
    }

    fn bad(grade: Grade, subject: impl Into<String>, said: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { grade, subject: subject.into(), said: said.into(), advice: Some(advice.into()) }
    }
}

/// Looks at everything. `stream`: also has every provider write one token, which it may charge for.
pub async fn examine(state: &State, trust: &Arc<ClientConfig>, stream: bool) -> Vec<Finding> {
    let mut findings = vec![prompts(state), files(state)];
    if let Some(host) = state.settings.redis.hosts.first() {
        findings.push(redis(&state.settings.redis, host).await);
    }
    let mut skews = Vec::new();
    for model in state.catalogue.models() {
        for provider in &model.providers {
            let visit = provider::Visit { state, model, provider, trust };
            findings.extend(visit.examine(stream, &mut skews).await);
        }
    }
    findings.extend(clock::judge(&skews));
    findings
}

fn prompts(state: &State) -> Finding {
    let models = state.catalogue.models().len();
    if models == 0 {
        let advice = "add models to active_models in the models file";
        return Finding::bad(Grade::Warning, "models", "none is active", advice);
    }
    Finding::good("settings, models and prompts", format!("{models} models; see `llm-router check`"))
}

fn files(state: &State) -> Finding {
    let connections = state.settings.server.max_connections.get() as u64;
    // One for the client, one for the provider.
    let wanted = connections * 2 + OWN_FILES;
    match open_files_limit() {
        Some(limit) if limit < wanted => {
            let said = format!("{limit} open files allowed, {wanted} may be wanted");
            let advice = format!(
                "raise the limit (ulimit -n {wanted}, or LimitNOFILE= of the service), or lower max_connections"
            );
            Finding::bad(Grade::Warning, "file limit", said, advice)
        }
        Some(limit) => Finding::good("file limit", format!("{limit} open files allowed")),
        None => Finding::good("file limit", "not known on this system"),
    }
}

async fn redis(redis: &Redis, host: &str) -> Finding {
    let (name, port) = match host.rsplit_once(':') {
        Some((name, port)) if !name.contains(':') => (name, port.parse().unwrap_or(redis.port)),
        _ => (host, redis.port),
    };
    let subject = format!("redis {name}:{port}");
    if redis.tls || host.starts_with('/') {
        return Finding::good(subject, "not looked at: it is behind TLS or a socket file");
    }
    let said = timeout(PATIENCE, async {
        let mut stream = TcpStream::connect((name, port)).await?;
        stream.write_all(b"PING\r\n").await?;
        let mut answer = [0_u8; 64];
        let read = stream.read(&mut answer).await?;
        Ok::<_, std::io::Error>(String::from_utf8_lossy(&answer[..read]).trim().to_owned())
    });
    let advice = "check redis_host and redis_port, and that the server runs and can be reached from here";
    match said.await {
        Ok(Ok(answer)) if answer.starts_with("+PONG") => Finding::good(subject, "answers"),
        Ok(Ok(answer)) if answer.starts_with("-NOAUTH") && redis.password.is_some() => {
            Finding::good(subject, "answers, and wants the password that is set")
        }
        Ok(Ok(answer)) if answer.starts_with("-NOAUTH") => {
            Finding::bad(Grade::Fault, subject, "wants a password", "set LLM_ROUTER_REDIS_PASSWORD")
        }
        Ok(Ok(answer)) => Finding::bad(Grade::Fault, subject, format!("answers {answer:?}"), advice),
        Ok(Err(error)) => Finding::bad(Grade::Fault, subject, error.to_string(), advice),
        Err(_) => Finding::bad(Grade::Fault, subject, format!("no answer within {PATIENCE:?}"), advice),
    }
}
