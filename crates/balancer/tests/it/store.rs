//! The local store, and a balancer over a store.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::task::Poll;

use llm_router_balancer::store::{Candidate, Mode, StoreError, Want};
use llm_router_balancer::{Demand, LeaseStore, LocalStore, ManualClock, PickError};

use crate::support::{Task, builder, limited, seconds};

fn want(id: u128, resources: &[&str], wait: u64) -> Want {
    let capacity = NonZeroU32::MIN;
    Want {
        id,
        candidates: resources.iter().map(|name| Candidate { resource: (*name).into(), capacity }).collect(),
        class: "m".into(),
        wait: seconds(wait),
        max_hold: seconds(60),
        mode: Mode::Order,
    }
}

#[test]
fn exclusive_in_order_and_fenced() {
    let clock = ManualClock::new();
    let store = LocalStore::with_clock(clock.clone());
    let first = Task::new(store.acquire(want(1, &["a", "b"], 0))).ready().unwrap();
    let second = Task::new(store.acquire(want(2, &["a", "b"], 0))).ready().unwrap();
    assert_eq!((first.candidate, second.candidate), (0, 1));
    assert!(second.fence > first.fence);
    assert!(matches!(Task::new(store.acquire(want(3, &["a", "b"], 0))).ready(), Err(StoreError::Busy { .. })));
    let mut waiters: Vec<_> = (4..7).map(|id| Task::new(store.acquire(want(id, &["a", "b"], 9)))).collect();
    assert!(waiters.iter_mut().all(|waiter| waiter.poll().is_pending()));
    store.release(1, first.fence + 100);
    assert!(waiters[0].poll_if_woken().is_pending(), "a wrong fence frees nothing");
    store.release(1, first.fence);
    store.release(1, first.fence);
    let Poll::Ready(Ok(third)) = waiters[0].poll_if_woken() else { panic!("the first in line is served") };
    assert!(third.candidate == 0 && third.fence > second.fence);
    assert!(waiters[1].poll_if_woken().is_pending());
    clock.advance(seconds(9));
    assert!(matches!(waiters[1].poll_if_woken(), Poll::Ready(Err(StoreError::Timeout))));
    drop(waiters);
    store.release(2, second.fence);
    store.release(4, third.fence);
    assert_eq!((store.in_use("a"), store.in_use("b")), (0, 0));
    assert!(matches!(Task::new(store.acquire(want(9, &[], 0))).ready(), Err(StoreError::NoCandidate)));
}

#[test]
fn a_balancer_over_a_store_shares_its_limits_with_others() {
    let (one, clock) = builder("first_available");
    let store: Arc<dyn LeaseStore> = Arc::new(LocalStore::with_clock(clock.clone()));
    let one = one.endpoint(limited(0, 1)).store(Arc::clone(&store)).build().unwrap();
    let (two, _) = builder("first_available");
    let two = two.clock(clock).endpoint(limited(0, 1)).store(store).build().unwrap();
    let demand = Demand::default();
    let lease = Task::new(one.acquire(&demand)).ready().unwrap();
    let mut waiter = Task::new(two.acquire(&demand));
    assert!(waiter.poll().is_pending());
    let fence = lease.fence().unwrap();
    assert!(!lease.is_lost());
    lease.succeed();
    let Poll::Ready(Ok(lease)) = waiter.poll_if_woken() else { panic!("it is served") };
    assert!(lease.fence().unwrap() > fence);
    drop(lease);
    assert!(Task::new(one.acquire(&demand)).ready().is_ok());
    assert!(matches!(one.pick(&demand), Err(PickError::Stored)), "nothing is handed out behind the store's back");
}
