//! A request's body on its way from the connection to whoever answers: one piece at a time, when it is asked for.

use std::{
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
};

use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};
use llm_router_endpoints::BodyError;

/// The connection's end.
#[derive(Debug)]
pub(super) struct Intake(Arc<Mutex<Slot>>);

/// The reader's end.
#[derive(Debug)]
pub(super) struct RequestBody {
    slot: Arc<Mutex<Slot>>,
    /// How much is still to come, where that is known.
    left: Option<u64>,
}

#[derive(Debug, Default)]
struct Slot {
    piece: Option<Bytes>,
    /// Nothing comes behind the piece: the body is whole, or broken.
    over: Option<Result<(), BodyError>>,
    reader: Option<Waker>,
    asked: bool,
    dropped: bool,
}

fn lock(slot: &Mutex<Slot>) -> MutexGuard<'_, Slot> {
    slot.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Intake {
    /// Both ends of a body, of which so much is to come if that is known.
    pub(super) fn new(length: Option<u64>) -> (Self, RequestBody) {
        let slot = Arc::new(Mutex::new(Slot::default()));
        (Self(Arc::clone(&slot)), RequestBody { slot, left: length })
    }

    /// Whether the reader waits for a piece.
    pub(super) fn is_asked(&self) -> bool {
        lock(&self.0).asked
    }

    /// Whether nobody will read any more.
    pub(super) fn is_dropped(&self) -> bool {
        lock(&self.0).dropped
    }

    /// Hands over a piece; whether it is the last one.
    pub(super) fn give(&self, piece: Option<Bytes>, last: bool) {
        let mut slot = lock(&self.0);
        slot.piece = piece;
        slot.asked = false;
        if last {
            slot.over = Some(Ok(()));
        }
        if let Some(reader) = slot.reader.take() {
            reader.wake();
        }
    }

    /// The body broke off.
    pub(super) fn fail(&self, error: BodyError) {
        let mut slot = lock(&self.0);
        slot.asked = false;
        slot.over = Some(Err(error));
        if let Some(reader) = slot.reader.take() {
            reader.wake();
        }
    }
}

impl HttpBody for RequestBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let mut slot = lock(&self.slot);
        if let Some(piece) = slot.piece.take() {
            drop(slot);
            self.left = self.left.map(|left| left.saturating_sub(piece.len() as u64));
            return Poll::Ready(Some(Ok(Frame::data(piece))));
        }
        match &mut slot.over {
            Some(Ok(())) => Poll::Ready(None),
            Some(over) => Poll::Ready(std::mem::replace(over, Ok(())).err().map(Err)),
            None => {
                slot.asked = true;
                slot.reader = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }

    fn size_hint(&self) -> SizeHint {
        self.left.map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}

impl Drop for RequestBody {
    fn drop(&mut self) {
        lock(&self.slot).dropped = true;
    }
}
