//! The one place that spawns.
//!
//! A client connection is a task, and holds a permit: the process waits for all permits when it drains,
//! and ending a worker's event loop drops whatever is left.

/// Runs a task on this worker's event loop.
pub(crate) fn spawn(work: impl Future<Output = ()> + Send + 'static) {
    drop(tokio::spawn(work));
}

/// Runs some work at the same time and waits for all of it.
pub(crate) async fn together<W>(works: impl IntoIterator<Item = W>)
where
    W: Future<Output = ()> + Send + 'static,
{
    works.into_iter().collect::<tokio::task::JoinSet<()>>().join_all().await;
}
