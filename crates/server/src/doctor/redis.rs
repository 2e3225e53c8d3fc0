//! The Redis servers: asked as the router asks them, by address, TLS and password, but for nothing that writes.

use std::{io, path::PathBuf, sync::Arc};

use llm_router_core::{catalogue::BaseUrl, settings::Redis};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::UnixStream,
    time::timeout,
};

use super::{Finding, Grade, PATIENCE};
use crate::upstream::{Trust, connect, trust};

/// The first version that has what the shared leases need.
const LEAST: u32 = 7;
/// The most that is read of an answer, in bytes.
const MOST: usize = 64 << 10;

/// One finding a server; none without servers.
pub(super) async fn servers(redis: &Redis) -> Vec<Finding> {
    let trust = match trust(redis.ca_file.as_ref()) {
        Ok(trust) => trust,
        Err(error) => {
            let advice = "set redis_ca_file to a PEM file of the authorities";
            return vec![Finding::bad(Grade::Fault, "redis", error.to_string(), advice)];
        }
    };
    let mut findings = Vec::new();
    for host in &redis.hosts {
        let place = Place::of(redis, host);
        let subject = format!("redis {}", place.shown());
        findings.push(match timeout(PATIENCE, ask(redis, &place, &trust)).await {
            Ok(Ok(answer)) => judge(redis, subject, &answer),
            Ok(Err(error)) => Finding::bad(Grade::Fault, subject, error.to_string(), cannot(redis, &error)),
            Err(_) => {
                let advice = "is it behind a firewall, or hung? redis_host and redis_port name it";
                Finding::bad(Grade::Fault, subject, format!("no answer within {PATIENCE:?}"), advice)
            }
        });
    }
    findings
}

/// Where a server is.
enum Place {
    Socket(PathBuf),
    Address(String, u16),
}

impl Place {
    fn of(redis: &Redis, host: &str) -> Self {
        if host.starts_with('/') {
            return Self::Socket(host.into());
        }
        let (name, port) = crate::redis::place(host, redis.port);
        Self::Address(name, port)
    }

    fn shown(&self) -> String {
        match self {
            Self::Socket(path) => path.display().to_string(),
            Self::Address(name, port) => format!("{name}:{port}"),
        }
    }
}

fn cannot(redis: &Redis, error: &io::Error) -> String {
    let meanwhile = "until then, exclusive requests go by redis_on_down";
    match error.kind() {
        io::ErrorKind::ConnectionRefused => {
            format!("nothing listens there: start the server or correct redis_host and redis_port; {meanwhile}")
        }
        io::ErrorKind::InvalidData if redis.tls => {
            "TLS fails: does the server speak it there, and is its authority in redis_ca_file?".to_owned()
        }
        io::ErrorKind::UnexpectedEof if !redis.tls => "it hung up: if it speaks TLS there, set redis_tls".to_owned(),
        _ => format!("check redis_host and redis_port, and that it can be reached from here; {meanwhile}"),
    }
}

/// The server's answers to the password, if there is one, and to the question who it is.
async fn ask(redis: &Redis, place: &Place, trust: &Arc<Trust>) -> io::Result<Vec<String>> {
    let mut commands: Vec<Vec<&str>> = Vec::new();
    // Sentinels have passwords of their own, which are not set here.
    if let (Some(password), None) = (&redis.password, &redis.sentinel) {
        let user = redis.username.as_deref();
        commands.push(["AUTH"].into_iter().chain(user).chain([password.expose()]).collect());
    }
    commands.push(vec!["INFO", "server"]);
    match place {
        Place::Socket(path) => converse(UnixStream::connect(path).await?, &commands).await,
        Place::Address(host, port) => {
            let scheme = if redis.tls { "https" } else { "http" };
            let host = if host.contains(':') { format!("[{host}]") } else { host.clone() };
            let url = BaseUrl::parse(&format!("{scheme}://{host}:{port}"))
                .map_err(|why| io::Error::new(io::ErrorKind::InvalidInput, why))?;
            converse(connect(&url, trust).await?, &commands).await
        }
    }
}

async fn converse(mut stream: impl AsyncRead + AsyncWrite + Unpin, commands: &[Vec<&str>]) -> io::Result<Vec<String>> {
    let mut answers = Vec::new();
    for words in commands {
        let mut text = format!("*{}\r\n", words.len());
        for word in words {
            text.push_str(&format!("${}\r\n{word}\r\n", word.len()));
        }
        stream.write_all(text.as_bytes()).await?;
        let answer = answer(&mut stream).await?;
        let refused = answer.starts_with('-');
        answers.push(answer);
        if refused {
            break;
        }
    }
    Ok(answers)
}

/// One answer: a line, or a text whose length its first line tells.
async fn answer(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<String> {
    let mut read = Vec::new();
    loop {
        if let Some(end) = read.windows(2).position(|two| two == b"\r\n") {
            let line = String::from_utf8_lossy(&read[..end]).into_owned();
            let Some(length) = line.strip_prefix('$').and_then(|length| length.parse::<usize>().ok()) else {
                return Ok(line);
            };
            let text = &read[end + 2..];
            if text.len() >= length.min(MOST) {
                return Ok(String::from_utf8_lossy(&text[..length.min(text.len())]).into_owned());
            }
        } else if read.len() > MOST {
            return Err(io::Error::other("it answers, but not as Redis does"));
        }
        if stream.read_buf(&mut read).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
}

fn judge(redis: &Redis, subject: String, answers: &[String]) -> Finding {
    let last = answers.last().map_or("", String::as_str);
    let fault = |said: &str, advice: &str| Finding::bad(Grade::Fault, subject.clone(), said, advice);
    if let Some(error) = last.strip_prefix('-') {
        let advice = match error.split(' ').next().unwrap_or_default() {
            "NOAUTH" if redis.sentinel.is_some() => "these sentinels want a password, and there is no setting for it",
            "NOAUTH" => "set redis_password (LLM_ROUTER_REDIS_PASSWORD)",
            "WRONGPASS" => "redis_password or redis_username is not what the server has",
            "NOPERM" => {
                "the user may do too little: it needs INFO, FCALL, FUNCTION and SUBSCRIBE on the keys of redis_prefix"
            }
            "LOADING" => "it reads its data: wait and look again",
            "ERR" if redis.password.is_some() => {
                "does the server know passwords at all? If not, leave redis_password empty"
            }
            _ => "ask it with redis-cli from here",
        };
        return fault(&format!("answers {error:?}"), advice);
    }
    let field = |name: &str| last.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    // Valkey tells the version of Redis that it stands for too.
    let (Some(version), mode) = (field("redis_version"), field("redis_mode").unwrap_or("standalone")) else {
        return fault("it answers, but not as Redis does", "check redis_host and redis_port");
    };
    let wanted = if redis.sentinel.is_some() {
        "sentinel"
    } else if redis.cluster {
        "cluster"
    } else {
        "standalone"
    };
    if mode != wanted {
        let said = format!("is a {mode} server, the settings say {wanted}");
        return fault(&said, "make redis_sentinel and redis_cluster say what the hosts are");
    }
    if version.split('.').next().and_then(|first| first.parse().ok()).is_none_or(|first: u32| first < LEAST) {
        return fault(&format!("is version {version}"), "it must be Redis or Valkey 7 or newer");
    }
    Finding::good(subject, format!("answers, version {version}"))
}
