//! The life of the process: running, draining, ending, over. Requests under way watch it.

use std::{
    future::poll_fn,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU8, Ordering::Relaxed},
    },
    task::{Context, Poll, Waker},
};

use tokio::sync::watch;

use crate::upstream::BoxFuture;

/// Where the process is in its life. It only goes forward.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// Requests are taken.
    Running,
    /// No new connections, not ready; requests under way go on.
    Draining,
    /// The time for draining is up: streams end with an error event, requests without an answer with an error.
    Ending,
    /// Whatever is left is cut.
    Over,
}

/// Sets and tells the phase. Clones share it.
#[derive(Debug, Clone)]
pub struct Life(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    phase: watch::Sender<Phase>,
    /// The same, to be read with every frame of every stream.
    now: AtomicU8,
}

impl Default for Life {
    fn default() -> Self {
        Self(Arc::new(Inner { phase: watch::Sender::new(Phase::Running), now: AtomicU8::new(Phase::Running as u8) }))
    }
}

impl Life {
    /// Goes on to a later phase; never back.
    pub fn advance(&self, to: Phase) {
        self.0.phase.send_if_modified(|phase| {
            let later = to > *phase;
            if later {
                *phase = to;
                self.0.now.store(to as u8, Relaxed);
            }
            later
        });
    }

    /// The present phase.
    #[must_use]
    pub fn phase(&self) -> Phase {
        *self.0.phase.borrow()
    }

    /// Whether the phase is `wanted` or a later one. One atomic load.
    #[must_use]
    pub fn has_reached(&self, wanted: Phase) -> bool {
        self.0.now.load(Relaxed) >= wanted as u8
    }

    /// Does some work unless the process is ending; `None` when it ends first.
    ///
    /// This costs one atomic load a poll, and wakes nobody: whoever drives a connection polls what it does over it once
    /// more when the phase changes, as [`Until`] tells.
    pub async fn unless_ending<T>(&self, mut work: Pin<&mut impl Future<Output = T>>) -> Option<T> {
        poll_fn(|cx| match work.as_mut().poll(cx) {
            Poll::Ready(done) => Poll::Ready(Some(done)),
            Poll::Pending if self.has_reached(Phase::Ending) => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        })
        .await
    }

    /// Completes when the phase is `wanted` or a later one.
    pub async fn reached(&self, wanted: Phase) {
        // The sender lives as long as `self`, so waiting cannot fail.
        let _ = self.0.phase.subscribe().wait_for(|phase| *phase >= wanted).await;
    }
}

/// Wakes one task when a phase is reached. To poll it again from the same task costs one atomic load.
pub struct Until {
    life: Life,
    wanted: Phase,
    waiting: Option<(BoxFuture<'static, ()>, Waker)>,
}

impl Until {
    /// Waits for `wanted`.
    #[must_use]
    pub fn new(life: Life, wanted: Phase) -> Self {
        Self { life, wanted, waiting: None }
    }

    /// Ready from that phase on.
    pub fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.life.has_reached(self.wanted) {
            return Poll::Ready(());
        }
        match &mut self.waiting {
            Some((_, waker)) if waker.will_wake(cx.waker()) => Poll::Pending,
            Some((reached, waker)) => {
                waker.clone_from(cx.waker());
                reached.as_mut().poll(cx)
            }
            None => {
                let (life, wanted) = (self.life.clone(), self.wanted);
                let mut reached: BoxFuture<'static, ()> = Box::pin(async move { life.reached(wanted).await });
                let polled = reached.as_mut().poll(cx);
                self.waiting = Some((reached, cx.waker().clone()));
                polled
            }
        }
    }
}
