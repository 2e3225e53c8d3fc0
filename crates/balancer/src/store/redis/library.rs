//! The function library, called from Rust. What the functions do stands in the Lua files.

use std::time::Duration;

use fred::clients::Client;
use fred::error::Error;
use fred::interfaces::{ClientLike, FunctionInterface};
use fred::types::Value;

use super::config::RedisConfig;
use super::names::Name;

const SOURCE: &str =
    concat!(include_str!("lua/state.lua"), include_str!("lua/hand_off.lua"), include_str!("lua/calls.lua"));

/// Calls the functions for one process and one pool.
pub(super) struct Library {
    client: Client,
    /// Start of every key, with the hash tag.
    pub(super) base: String,
    /// Random, one per process start.
    pub(super) replica: String,
    ttl: i64,
    quarantine: i64,
    trust: i64,
    max_waiting: i64,
}

/// What every answer says about the server.
#[derive(Debug, Clone, Copy)]
pub(super) struct Head {
    /// The server process.
    pub(super) epoch: u32,
    /// How long it will grant nothing.
    pub(super) quarantine: Duration,
    /// Its clock, in ms. Only compared with itself.
    pub(super) time: u64,
}

#[derive(Debug)]
pub(super) enum Acquired {
    Granted { resource: Name, fence: u64 },
    Queued,
    Busy,
    Gone,
}

/// A lease the server has.
#[derive(Debug, Clone, Copy)]
pub(super) struct Found {
    pub(super) id: u128,
    pub(super) resource: Name,
    pub(super) fence: u64,
}

/// What is asked for, in the terms of the library.
#[derive(Debug, Clone)]
pub(super) struct Request {
    pub(super) id: u128,
    pub(super) line: Name,
    pub(super) model: Name,
    pub(super) residency: bool,
    pub(super) load: Duration,
    pub(super) hold: Duration,
    pub(super) candidates: Vec<(Name, u32)>,
}

/// A lease as a heartbeat lists it.
#[derive(Debug, Clone)]
pub(super) struct Listed {
    pub(super) id: u128,
    pub(super) resource: Name,
    pub(super) fence: u64,
    pub(super) model: Name,
    pub(super) left: Duration,
    pub(super) capacity: u32,
}

#[derive(Debug)]
pub(super) struct Beat {
    pub(super) lost: Vec<u128>,
    pub(super) unlisted: Vec<Found>,
    pub(super) roster: Vec<String>,
}

impl Library {
    pub(super) fn new(client: Client, config: &RedisConfig) -> Self {
        Self {
            client,
            base: format!("{}{{{}}}:", config.prefix, config.pool),
            replica: format!("{:016x}", fastrand::u64(..)),
            ttl: ms(config.ttl),
            quarantine: ms(config.quarantine()),
            trust: i64::from(config.trust_empty),
            max_waiting: i64::from(config.max_waiting),
        }
    }

    /// The channel on which this process hears of its grants.
    pub(super) fn channel(&self) -> String {
        format!("{}ch:{}", self.base, self.replica)
    }

    pub(super) async fn acquire(&self, request: &Request, wait: Duration) -> Result<(Head, Acquired), Error> {
        let mut words: Vec<Value> = vec![
            hex(request.id),
            self.replica.as_str().into(),
            request.line.to_string().into(),
            request.model.to_string().into(),
            i64::from(request.residency).into(),
            ms(request.load).into(),
            self.ttl.into(),
            self.quarantine.into(),
            self.trust.into(),
            ms(request.hold).into(),
            ms(wait).into(),
            self.max_waiting.into(),
        ];
        for (resource, capacity) in &request.candidates {
            words.extend([resource.to_string().into(), i64::from(*capacity).into()]);
        }
        let (head, mut rest) = self.call("llmr1_acquire", words).await?;
        let outcome = match rest.text()?.as_str() {
            "GRANTED" => Acquired::Granted { resource: rest.name()?, fence: rest.number()? },
            "QUEUED" => Acquired::Queued,
            "BUSY" => Acquired::Busy,
            "GONE" => Acquired::Gone,
            _ => return Err(malformed()),
        };
        Ok((head, outcome))
    }

    /// What these waiters were granted, and which of them the server does not know.
    pub(super) async fn poll(&self, ids: &[u128]) -> Result<(Head, Vec<Found>, Vec<u128>), Error> {
        let mut words = self.opening();
        words.extend(ids.iter().map(|&id| hex(id)));
        let (head, mut rest) = self.call("llmr1_poll", words).await?;
        Ok((head, rest.list()?.found()?, rest.list()?.ids()?))
    }

    pub(super) async fn release(&self, ended: &[(u128, u64)]) -> Result<Head, Error> {
        let mut words: Vec<Value> = vec![self.quarantine.into(), self.trust.into()];
        for (id, fence) in ended {
            words.extend([hex(*id), fence.to_string().into()]);
        }
        Ok(self.call("llmr1_release", words).await?.0)
    }

    pub(super) async fn heartbeat(&self, held: &[Listed]) -> Result<(Head, Beat), Error> {
        let mut words = self.opening();
        for lease in held {
            words.extend([
                hex(lease.id),
                lease.resource.to_string().into(),
                lease.fence.to_string().into(),
                lease.model.to_string().into(),
                ms(lease.left).into(),
                i64::from(lease.capacity).into(),
            ]);
        }
        let (head, mut rest) = self.call("llmr1_heartbeat", words).await?;
        let (lost, unlisted) = (rest.list()?.ids()?, rest.list()?.found()?);
        let mut names = rest.list()?;
        let roster = (0..names.0.len()).map(|_| names.text()).collect::<Result<_, _>>()?;
        Ok((head, Beat { lost, unlisted, roster }))
    }

    pub(super) async fn drain(&self) -> Result<(), Error> {
        let words = vec![self.replica.as_str().into(), self.quarantine.into(), self.trust.into()];
        self.call("llmr1_drain", words).await.map(drop)
    }

    fn opening(&self) -> Vec<Value> {
        vec![self.replica.as_str().into(), self.ttl.into(), self.quarantine.into(), self.trust.into()]
    }

    /// Calls a function; a server that does not know it is taught once.
    async fn call(&self, function: &'static str, words: Vec<Value>) -> Result<(Head, Rest), Error> {
        let mut answer: Result<Value, Error> = self.client.fcall(function, self.base.as_str(), words.clone()).await;
        if answer.as_ref().is_err_and(|error| error.details().contains("Function not found")) {
            self.load().await?;
            answer = self.client.fcall(function, self.base.as_str(), words).await;
        }
        let Value::Array(items) = answer? else { return Err(malformed()) };
        let mut rest = Rest(items.into_iter());
        let epoch = u32::from_str_radix(&rest.text()?, 16).map_err(|_| malformed())?;
        let quarantine = Duration::from_millis(rest.number()?);
        Ok((Head { epoch, quarantine, time: rest.number()? }, rest))
    }

    async fn load(&self) -> Result<(), Error> {
        if self.client.is_clustered() {
            self.client.function_load_cluster::<Value, _>(true, SOURCE).await.map(drop)
        } else {
            self.client.function_load::<Value, _>(true, SOURCE).await.map(drop)
        }
    }
}

/// What is left to read of an answer.
struct Rest(std::vec::IntoIter<Value>);

impl Rest {
    fn next(&mut self) -> Result<Value, Error> {
        self.0.next().ok_or_else(malformed)
    }

    fn text(&mut self) -> Result<String, Error> {
        self.next()?.into_string().ok_or_else(malformed)
    }

    fn number(&mut self) -> Result<u64, Error> {
        self.next()?.as_u64().ok_or_else(malformed)
    }

    fn name(&mut self) -> Result<Name, Error> {
        Name::parse(&self.text()?).ok_or_else(malformed)
    }

    fn id(&mut self) -> Result<u128, Error> {
        u128::from_str_radix(&self.text()?, 16).map_err(|_| malformed())
    }

    fn list(&mut self) -> Result<Self, Error> {
        match self.next()? {
            Value::Array(items) => Ok(Self(items.into_iter())),
            _ => Err(malformed()),
        }
    }

    fn ids(mut self) -> Result<Vec<u128>, Error> {
        (0..self.0.len()).map(|_| self.id()).collect()
    }

    fn found(mut self) -> Result<Vec<Found>, Error> {
        let count = self.0.len() / 3;
        let one = |_| Ok(Found { id: self.id()?, resource: self.name()?, fence: self.number()? });
        (0..count).map(one).collect()
    }
}

fn hex(id: u128) -> Value {
    format!("{id:032x}").into()
}

fn ms(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX / 1_000_000)
}

fn malformed() -> Error {
    Error::new(fred::error::ErrorKind::Protocol, "an answer of another shape than expected")
}
