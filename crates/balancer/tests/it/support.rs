//! A balancer on a manual clock, and futures that are polled by hand.

use std::future::Future;
use std::num::NonZeroU32;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use llm_router_balancer::{AnyStrategy, Balancer, BalancerBuilder, Endpoint, EndpointConfig, ManualClock};

pub(crate) type Pool = Balancer<u32, AnyStrategy, ManualClock>;

/// Endpoints `e0`, `e1`, …, each with its number as target.
pub(crate) fn endpoints(count: u32) -> Vec<Arc<Endpoint<u32>>> {
    (0..count).map(|n| Arc::new(Endpoint::new(format!("e{n}"), n))).collect()
}

/// An endpoint with its number as target, and settings.
pub(crate) fn endpoint(n: u32, set: impl FnOnce(&mut EndpointConfig)) -> Endpoint<u32> {
    let mut config = EndpointConfig::new(format!("e{n}"));
    set(&mut config);
    config.with(n)
}

/// One that serves `limit` requests at once.
pub(crate) fn limited(n: u32, limit: u32) -> Endpoint<u32> {
    endpoint(n, |config| config.max_concurrency = NonZeroU32::new(limit))
}

pub(crate) fn builder(strategy: &str) -> (BalancerBuilder<u32, AnyStrategy, ManualClock>, ManualClock) {
    let clock = ManualClock::new();
    clock.advance(Duration::from_secs(1_000));
    let builder = Balancer::builder().strategy(AnyStrategy::from_name(strategy).unwrap()).clock(clock.clone());
    (builder, clock)
}

pub(crate) fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

pub(crate) fn millis(n: u64) -> Duration {
    Duration::from_millis(n)
}

/// A future that is polled when asked, and knows whether it was woken.
pub(crate) struct Task<F: Future> {
    future: Pin<Box<F>>,
    flag: Arc<Flag>,
}

#[derive(Default)]
struct Flag(AtomicBool);

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::SeqCst);
    }
}

impl<F: Future> Task<F> {
    pub(crate) fn new(future: F) -> Self {
        Self { future: Box::pin(future), flag: Arc::default() }
    }

    pub(crate) fn poll(&mut self) -> Poll<F::Output> {
        self.flag.0.store(false, Ordering::SeqCst);
        let waker = Waker::from(Arc::clone(&self.flag));
        self.future.as_mut().poll(&mut Context::from_waker(&waker))
    }

    /// Polls if it was woken since.
    pub(crate) fn poll_if_woken(&mut self) -> Poll<F::Output> {
        if self.flag.0.load(Ordering::SeqCst) { self.poll() } else { Poll::Pending }
    }

    pub(crate) fn ready(&mut self) -> F::Output {
        match self.poll() {
            Poll::Ready(output) => output,
            Poll::Pending => panic!("the future is not ready"),
        }
    }
}
