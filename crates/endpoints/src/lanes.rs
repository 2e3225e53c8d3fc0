//! Works on many things at the same time, a bounded number at once, within one task.

use std::{
    future::{Future, poll_fn},
    pin::Pin,
    sync::atomic::{AtomicUsize, Ordering},
    task::Poll,
};

/// Hands the numbers from 0 to `count` to `work`, at most `width` at the same time, until all are done or `work` says
/// `false`; then what is still under way is dropped. Dropping the future drops everything.
pub(crate) async fn run<F>(count: usize, width: usize, work: impl Fn(usize) -> F)
where
    F: Future<Output = bool>,
{
    let (next, work) = (&AtomicUsize::new(0), &work);
    let lane = |_| async move {
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            if index >= count {
                return true;
            }
            if !work(index).await {
                return false;
            }
        }
    };
    let mut lanes: Vec<Pin<Box<_>>> = (0..width.min(count)).map(|lane_number| Box::pin(lane(lane_number))).collect();
    poll_fn(|cx| {
        let mut stopped = false;
        // A lane that has ended is not polled again.
        lanes.retain_mut(|lane| match lane.as_mut().poll(cx) {
            Poll::Pending => true,
            Poll::Ready(go_on) => {
                stopped |= !go_on;
                false
            }
        });
        if stopped || lanes.is_empty() { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
}

#[cfg(test)]
mod tests {
    use std::{
        cell::{Cell, RefCell},
        time::Duration,
    };

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn no_more_than_the_width_are_under_way_and_all_are_done() {
        let (now, most, done) = (Cell::new(0), Cell::new(0), RefCell::new(Vec::new()));
        let started = tokio::time::Instant::now();
        run(200, 4, |index| {
            let (now, most, done) = (&now, &most, &done);
            async move {
                now.set(now.get() + 1);
                most.set(most.get().max(now.get()));
                tokio::time::sleep(Duration::from_millis(100)).await;
                now.set(now.get() - 1);
                done.borrow_mut().push(index);
                true
            }
        })
        .await;
        done.borrow_mut().sort_unstable();
        assert_eq!((most.get(), done.into_inner()), (4, (0..200).collect::<Vec<_>>()));
        assert_eq!(started.elapsed().as_millis() / 100, 50);
    }

    #[tokio::test(start_paused = true)]
    async fn one_no_drops_what_is_under_way() {
        let finished = Cell::new(0);
        run(10, 3, |index| {
            let finished = &finished;
            async move {
                tokio::time::sleep(Duration::from_millis(if index == 1 { 10 } else { 50 })).await;
                finished.set(finished.get() + 1);
                index != 1
            }
        })
        .await;
        assert_eq!(finished.get(), 1);
    }

    #[tokio::test]
    async fn nothing_to_do_is_done_at_once() {
        run(0, 4, |_| async { panic!("nothing to do") }).await;
    }
}
