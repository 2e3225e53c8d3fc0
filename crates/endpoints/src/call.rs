//! One request on its way through an endpoint.

use std::{
    future::poll_fn,
    pin::{Pin, pin},
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use http::request::Parts;
use http_body::Body as _;
use llm_router_core::dialect::Surface;
use tokio::time::Instant;

use crate::{
    body::{Body, BodyError},
    coding::Coding,
    error::Error,
    gather::Gather,
    life::Life,
    memory::{Held, Memory},
    moment,
    record::Record,
    state::State,
    upstream::Upstream,
};

/// Everything an endpoint has to answer one request.
pub struct Call {
    /// The request's head.
    pub head: Parts,
    /// The request's body, until it is read.
    pub body: Body,
    /// What a last `{name}` segment of the route stands for, percent-decoded; empty without one.
    pub rest: String,
    /// The dialect of the route.
    pub surface: Surface,
    /// Settings, models and prompts: one snapshot for the whole request.
    pub state: Arc<State>,
    /// The way to providers.
    pub upstream: Arc<dyn Upstream>,
    /// What is remembered of the request. An endpoint whose answer outlives the call takes it along.
    pub record: Option<Box<Record>>,
    /// When the request must be over, if ever, and how long that was from its start.
    pub deadline: Option<(Instant, Duration)>,
    /// What is held of the body that was read.
    pub held: Held,
    /// The life of the process: an answer that outlives the call ends when it is told to.
    pub life: Life,
}

impl Call {
    /// Notes something in the record, while it has not been taken along by an answer. A record has the fields of
    /// [`Facts`](crate::Facts): `call.note(|record| record.model = Some("small".into()))`.
    pub fn note(&mut self, note: impl FnOnce(&mut Record)) {
        if let Some(record) = &mut self.record {
            note(record);
        }
    }

    /// Sets the time for the whole request, counted from its arrival; the general setting where `own` is none.
    pub fn limit(&mut self, own: Option<Duration>) {
        let total = own.or(self.state.settings.upstream.timeouts.total);
        let started = self.record.as_ref().map_or_else(std::time::Instant::now, |record| record.started);
        self.deadline = total.map(|total| (Instant::from_std(started) + total, total));
    }

    /// Reads the body to its end, bounded in size and time, and unpacks it where the client has compressed it.
    ///
    /// # Errors
    /// [`Error::BodyTooLarge`], [`Error::MemoryFull`], [`Error::BodyTimeout`], [`Error::BodyCut`], [`Error::Coding`] or
    /// [`Error::BodyPacked`].
    pub async fn read_body(&mut self) -> Result<Bytes, Error> {
        let limits = &self.state.settings.server;
        let (most, within) = (limits.max_body.get(), limits.body_read_timeout);
        let coding = Coding::of(&self.head.headers)?;
        let body = std::mem::take(&mut self.body);
        let mut bytes = match body {
            Body::Full(bytes) if bytes.len() <= most => bytes,
            body => {
                // Boxed: a small body has come with its head.
                let (bytes, held) = Box::pin(collect(body, most, within, &self.state.memory)).await?;
                self.held = held;
                bytes
            }
        };
        if let Some(coding) = coding {
            let mut held = self.state.memory.hold();
            // Boxed, since it is rare.
            bytes = Box::pin(coding.unpack(&bytes, most, &mut held)).await?;
            self.held = held;
        }
        if let Some(record) = &mut self.record {
            record.body(&bytes, self.state.settings.capture.as_ref());
        }
        Ok(bytes)
    }
}

/// Joins a body's frames.
async fn collect(mut body: Body, most: usize, within: Duration, memory: &Memory) -> Result<(Bytes, Held), Error> {
    if body.size_hint().lower() > most as u64 {
        return Err(Error::BodyTooLarge(most));
    }
    // What is announced is refused at once where there is no room for it, but only what comes is counted.
    memory.has_room(usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX))?;
    let mut held = memory.hold();
    let until = moment::after(within);
    let mut gather = Gather::new(body.size_hint().exact(), most);
    loop {
        let frame = moment::within(until, pin!(poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)))).await;
        let frame = match frame.map_err(|_| Error::BodyTimeout(within))? {
            None => break,
            Some(Ok(frame)) => frame,
            Some(Err(BodyError::TooLarge(most))) => return Err(Error::BodyTooLarge(most)),
            Some(Err(_)) => return Err(Error::BodyCut),
        };
        let Ok(data) = frame.into_data() else { continue };
        if gather.len() + data.len() > most {
            return Err(Error::BodyTooLarge(most));
        }
        held.grow(data.len())?;
        gather.add(data);
    }
    Ok((gather.finish(), held))
}
