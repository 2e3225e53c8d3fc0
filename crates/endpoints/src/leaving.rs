//! Clients that leave before their answer's end: where the settings say so, the answer is read to its end all the same.

use std::{
    future::{Future, poll_fn},
    pin::Pin,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};
use tokio::time::timeout;

use crate::{
    body::{Body, BodyError},
    forward::Asked,
    relay::Relay,
    upstream::{BoxFuture, Upstream},
};

/// How much of an answer is read for nobody.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    /// The longest time from the client's leaving.
    pub within: Duration,
    /// Most bytes.
    pub most: u64,
    /// How many answers are read so at the same time.
    pub at_once: usize,
}

/// What is known of a request while providers are asked.
pub(crate) struct Progress {
    upstream: Arc<dyn Upstream>,
    /// Whether the client asked for a stream, once that is known.
    streams: AtomicBool,
    /// Whether a provider has been asked: before, there is nothing to go on with.
    asked: AtomicBool,
    /// Set when the answer is to be read to its end without its client.
    drains: OnceLock<Bounds>,
}

impl Progress {
    /// Nothing is known yet of what goes this way.
    pub(crate) fn new(upstream: Arc<dyn Upstream>) -> Self {
        Self { upstream, streams: AtomicBool::new(false), asked: AtomicBool::new(false), drains: OnceLock::new() }
    }

    /// The way to providers.
    pub(crate) fn upstream(&self) -> &dyn Upstream {
        &*self.upstream
    }

    /// Notes what the client asks for, and how much of the answer is read without it.
    pub(crate) fn wants(&self, stream: bool, drains: Option<Bounds>) {
        self.streams.store(stream, Relaxed);
        if let Some(bounds) = drains {
            // Set once, here.
            let _ = self.drains.set(bounds);
        }
    }

    /// Notes that a provider is being asked.
    pub(crate) fn asks(&self) {
        self.asked.store(true, Relaxed);
    }

    /// The body of an answer, which outlives its client where that is wanted.
    pub(crate) fn body(&self, relay: Relay) -> Body {
        match self.drains.get() {
            None => Body::stream(relay),
            Some(bounds) => Body::stream(Kept::new(relay, *bounds, Arc::clone(&self.upstream))),
        }
    }
}

/// Providers being asked. When the client leaves meanwhile, that goes on or ends, as the settings say.
pub(crate) struct Asking {
    asking: Option<BoxFuture<'static, Asked>>,
    progress: Arc<Progress>,
}

impl Asking {
    pub(crate) fn new(asking: BoxFuture<'static, Asked>, progress: Arc<Progress>) -> Self {
        Self { asking: Some(asking), progress }
    }

    /// Whether the client asked for a stream, as far as is known.
    pub(crate) fn streams(&self) -> bool {
        self.progress.streams.load(Relaxed)
    }
}

impl Future for Asking {
    type Output = Asked;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Asked> {
        let Some(asking) = &mut self.asking else { return Poll::Pending };
        let polled = asking.as_mut().poll(cx);
        if polled.is_ready() {
            self.asking = None;
        }
        polled
    }
}

impl Drop for Asking {
    fn drop(&mut self) {
        let (Some(asking), Some(bounds)) = (self.asking.take(), self.progress.drains.get().copied()) else { return };
        if !self.progress.asked.load(Relaxed) {
            return;
        }
        let work = async move {
            if let Some(relay) = asking.await.into_relay() {
                read_out(relay, bounds.most).await;
            }
        };
        // What is dropped by the limit settles its lease as cancelled.
        let rest = async move { drop(timeout(bounds.within, work).await) };
        self.progress.upstream.go_on(Box::pin(rest), bounds.at_once);
    }
}

/// An answer that is read to its end even when its client leaves.
struct Kept {
    relay: Option<Box<Relay>>,
    bounds: Bounds,
    upstream: Arc<dyn Upstream>,
}

impl Kept {
    fn new(relay: Relay, bounds: Bounds, upstream: Arc<dyn Upstream>) -> Self {
        Self { relay: Some(Box::new(relay)), bounds, upstream }
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        let Some(relay) = self.relay.take().filter(|relay| relay.is_under_way()) else { return };
        let Bounds { within, most, at_once } = self.bounds;
        let rest = async move { drop(timeout(within, read_out(relay, most)).await) };
        self.upstream.go_on(Box::pin(rest), at_once);
    }
}

impl HttpBody for Kept {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        match &mut self.relay {
            Some(relay) => Pin::new(&mut **relay).poll_frame(cx),
            None => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.relay.as_ref().is_none_or(|relay| relay.is_end_stream())
    }

    fn size_hint(&self) -> SizeHint {
        self.relay.as_ref().map_or_else(SizeHint::default, |relay| relay.size_hint())
    }
}

/// Reads an answer for nobody: its usage is counted, and the provider has its cache.
async fn read_out(mut relay: Box<Relay>, most: u64) {
    relay.leave();
    let mut read = 0;
    while let Some(Ok(frame)) = poll_fn(|cx| Pin::new(&mut *relay).poll_frame(cx)).await {
        read += frame.data_ref().map_or(0, |data| data.len() as u64);
        if read > most {
            return;
        }
    }
}
