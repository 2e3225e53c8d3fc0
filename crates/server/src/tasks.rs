//! The one place that spawns.
//!
//! A client connection is a task, and holds a permit: the process waits for all permits when it drains,
//! and ending a worker's event loop drops whatever is left.

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
