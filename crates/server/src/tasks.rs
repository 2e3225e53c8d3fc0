//! The one place that spawns.
//!
//! A client connection is a task, and holds a permit: the process waits for all permits when it drains,
//! and ending a worker's event loop drops whatever is left.

use std::{
    panic::resume_unwind,
    task::{Context, Poll},
};

use tokio::task::JoinSet;

/// Runs a task on this worker's event loop.
pub(crate) fn spawn(work: impl Future<Output = ()> + Send + 'static) {
    drop(tokio::spawn(work));
}

/// How much work is done at a time. Each may hold a connection, and many systems allow a process 1,024 open files.
const AT_A_TIME: usize = 256;

/// Runs some work at the same time, so much as is good, and waits for all of it; the results come in the order in which
/// they were ready. Work is taken when its turn comes, and takes memory from then on.
pub(crate) async fn together<W, T>(works: impl IntoIterator<Item = W>) -> Vec<T>
where
    W: Future<Output = T> + Send + 'static,
    T: Send + 'static,
{
    let mut under_way = JoinSet::new();
    let mut done = Vec::new();
    for work in works {
        if under_way.len() == AT_A_TIME
            && let Some(ended) = under_way.join_next().await
        {
            done.push(ended.unwrap_or_else(|error| resume_unwind(error.into_panic())));
        }
        under_way.spawn(work);
    }
    done.extend(under_way.join_all().await);
    done
}

/// Lets everything else that is ready go first; then the task is polled again.
///
/// Whoever writes to a socket wakes a peer. When all that has arrived is read before anything is written, peers are
/// woken once for many messages and not once for each, which costs a busy machine more than the message itself.
pub(crate) fn after_the_others<T>(cx: &mut Context<'_>) -> Poll<T> {
    cx.waker().wake_by_ref();
    Poll::Pending
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    };

    use super::*;

    #[tokio::test]
    async fn much_work_is_done_in_turns_and_all_of_it() {
        let (under_way, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let works = (0..4 * AT_A_TIME).map(|number| {
            let (under_way, most) = (Arc::clone(&under_way), Arc::clone(&most));
            async move {
                most.fetch_max(under_way.fetch_add(1, SeqCst) + 1, SeqCst);
                for _ in 0..number % 7 {
                    tokio::task::yield_now().await;
                }
                under_way.fetch_sub(1, SeqCst);
                number
            }
        });
        let mut done = together(works).await;
        done.sort_unstable();
        assert!(done.into_iter().eq(0..4 * AT_A_TIME));
        assert!((2..=AT_A_TIME).contains(&most.load(SeqCst)), "{most:?} at a time");
    }
}
