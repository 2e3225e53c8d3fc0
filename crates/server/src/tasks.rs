//! The one place that spawns.
//!
//! A client connection is a task, and holds a permit: the process waits for all permits when it drains,
//! and ending a worker's event loop drops whatever is left.

use std::task::{Context, Poll};

/// Runs a task on this worker's event loop.
pub(crate) fn spawn(work: impl Future<Output = ()> + Send + 'static) {
    drop(tokio::spawn(work));
}

/// Runs some work at the same time and waits for all of it; the results come in the order in which they were ready.
pub(crate) async fn together<W, T>(works: impl IntoIterator<Item = W>) -> Vec<T>
where
    W: Future<Output = T> + Send + 'static,
    T: Send + 'static,
{
    works.into_iter().collect::<tokio::task::JoinSet<T>>().join_all().await
}

/// Lets everything else that is ready go first; then the task is polled again.
///
/// Whoever writes to a socket wakes a peer. When all that has arrived is read before anything is written, peers are woken
/// once for many messages and not once for each, which costs a busy machine more than the message itself.
pub(crate) fn after_the_others<T>(cx: &mut Context<'_>) -> Poll<T> {
    cx.waker().wake_by_ref();
    Poll::Pending
}
