//! The streams of one HTTP/2 connection: a client that takes nothing of one loses it, and not the connection.
//!
//! Over HTTP/1.1 such a client shows at its socket. Here the socket lives on, and flow control alone holds the stream up:
//! its body is not asked for more, so it cannot notice by itself that its time is over.

use std::{
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};
use llm_router_endpoints::BodyError;
use tokio::time::Instant;

use crate::conduit::Tracked;

/// How many streams are remembered before those that are over are forgotten.
const MANY: usize = 512;

/// Watches the streams of a connection.
pub(super) struct Takers {
    streams: Mutex<Vec<Weak<Mutex<Stream>>>>,
    patience: Duration,
}

struct Stream {
    /// Gone when the client has lost it.
    body: Option<Tracked>,
    /// Since when nobody has asked for more.
    since: Option<Instant>,
}

/// A body that is watched.
pub(super) struct Taken(Arc<Mutex<Stream>>);

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Takers {
    /// `patience`: how long a client may take nothing of a stream.
    pub(super) fn new(patience: Duration) -> Arc<Self> {
        Arc::new(Self { streams: Mutex::default(), patience })
    }

    /// When to look next.
    pub(super) fn next_look(&self) -> Instant {
        Instant::now() + (self.patience / 4).max(Duration::from_millis(10))
    }

    /// Watches a stream.
    pub(super) fn watch(&self, body: Tracked) -> Taken {
        let stream = Arc::new(Mutex::new(Stream { body: Some(body), since: Some(Instant::now()) }));
        let mut streams = lock(&self.streams);
        if streams.len() >= MANY {
            streams.retain(|stream| stream.strong_count() > 0);
        }
        streams.push(Arc::downgrade(&stream));
        Taken(stream)
    }

    /// Gives up what nobody has taken for too long: the provider is let go, and what is left of the stream ends with an
    /// error if it is ever asked for.
    pub(super) fn give_up(&self) {
        lock(&self.streams).retain(|stream| {
            let Some(stream) = stream.upgrade() else { return false };
            let mut stream = lock(&stream);
            let over = stream.since.is_some_and(|since| since.elapsed() >= self.patience);
            if over {
                stream.body = None;
            }
            !over
        });
    }
}

impl HttpBody for Taken {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let mut stream = lock(&self.0);
        let Some(body) = &mut stream.body else {
            return Poll::Ready(Some(Err(BodyError::Cut("the client took nothing for too long".into()))));
        };
        let polled = Pin::new(body).poll_frame(cx);
        // Where there is nothing yet, it is the client that waits.
        stream.since = polled.is_ready().then(Instant::now);
        polled
    }

    fn is_end_stream(&self) -> bool {
        lock(&self.0).body.as_ref().is_some_and(HttpBody::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        lock(&self.0).body.as_ref().map_or_else(SizeHint::default, HttpBody::size_hint)
    }
}
