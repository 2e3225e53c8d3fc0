//! A one-shot signal that any number of tasks may await; it knows no runtime.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};

/// Makes a signal and the one handle that can set it.
///
/// Dropping the [`Trigger`] without [`Trigger::set`] leaves the signal unset for ever.
#[must_use]
pub fn signal() -> (Trigger, Signal) {
    let shared = Arc::new(Shared { set: AtomicBool::new(false), wakers: Mutex::new(Vec::new()) });
    (Trigger(Arc::clone(&shared)), Signal(Some(shared)))
}

/// Sets the signal it was made with.
#[derive(Debug, Clone)]
pub struct Trigger(Arc<Shared>);

impl Trigger {
    /// Sets the signal and wakes everyone who waits for it. Setting twice does nothing.
    pub fn set(&self) {
        self.0.set.store(true, Ordering::SeqCst);
        let wakers = std::mem::take(&mut *self.0.wakers.lock().unwrap_or_else(PoisonError::into_inner));
        wakers.into_iter().for_each(Waker::wake);
    }
}

/// Becomes set at most once. Clones watch the same signal.
#[derive(Debug, Clone)]
pub struct Signal(Option<Arc<Shared>>);

impl Signal {
    /// A signal that is never set.
    #[must_use]
    pub const fn never() -> Self {
        Self(None)
    }

    /// Whether the signal is set.
    #[must_use]
    pub fn is_set(&self) -> bool {
        self.0.as_ref().is_some_and(|shared| shared.set.load(Ordering::SeqCst))
    }

    /// Completes when the signal is set. Dropping the future is harmless.
    pub fn wait(&self) -> impl Future<Output = ()> + Send + use<> {
        Wait(self.0.clone())
    }
}

#[derive(Debug)]
struct Shared {
    set: AtomicBool,
    wakers: Mutex<Vec<Waker>>,
}

struct Wait(Option<Arc<Shared>>);

impl Future for Wait {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let Some(shared) = &self.0 else { return Poll::Pending };
        if shared.set.load(Ordering::SeqCst) {
            return Poll::Ready(());
        }
        let mut wakers = shared.wakers.lock().unwrap_or_else(PoisonError::into_inner);
        // Looked at again under the lock: a trigger between the two would have found no waker.
        if shared.set.load(Ordering::SeqCst) {
            return Poll::Ready(());
        }
        if !wakers.iter().any(|waker| waker.will_wake(context.waker())) {
            wakers.push(context.waker().clone());
        }
        Poll::Pending
    }
}
