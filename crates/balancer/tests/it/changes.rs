//! The endpoints change while threads pick: nobody gets one that is gone, and none is kept alive.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::channel;

use llm_router_balancer::{AnyStrategy, Balancer, Demand, Endpoint, PickError};

fn numbered<T>(targets: impl IntoIterator<Item = T>) -> Vec<Arc<Endpoint<T>>> {
    targets.into_iter().enumerate().map(|(n, target)| Arc::new(Endpoint::new(format!("e{n}"), target))).collect()
}

#[test]
fn who_picks_after_a_change_gets_what_it_brought() {
    for name in ["weighted", "least_loaded", "adaptive"] {
        let strategy = AnyStrategy::from_name(name).unwrap();
        let pool = Balancer::builder().strategy(strategy).endpoints(numbered([0_u64; 3])).build().unwrap();
        let (done, stop) = (AtomicU64::new(0), AtomicBool::new(false));
        std::thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    let mut held = Vec::new();
                    while !stop.load(Ordering::Relaxed) {
                        let least = done.load(Ordering::Acquire);
                        let lease = pool.pick(&Demand::default()).unwrap();
                        assert!(*lease.target() >= least, "{name}: {} after {least}", lease.target());
                        held.push(lease);
                        if held.len() > 5 {
                            held.swap_remove(2).succeed();
                        }
                    }
                });
            }
            for change in 1..=3_000 {
                pool.set_endpoints(numbered(vec![change; 1 + change as usize % 5]));
                done.store(change, Ordering::Release);
            }
            stop.store(true, Ordering::Relaxed);
        });
        assert!(pool.status().iter().all(|status| status.in_flight == 0 && status.resource_in_flight == 0), "{name}");
    }
}

#[test]
fn a_target_that_was_replaced_goes_with_its_last_lease() {
    let (target, other) = (Arc::new("old"), Arc::new("new"));
    let pool = Balancer::builder().endpoints(numbered([Arc::clone(&target)])).build().unwrap();
    let (to_thread, told) = channel::<()>();
    let (picked, lease) = channel();
    std::thread::scope(|scope| {
        let pool = &pool;
        scope.spawn(move || {
            picked.send(pool.pick(&Demand::default()).unwrap()).unwrap();
            // It lives on, and has seen the old endpoints last.
            let _ = told.recv();
        });
        let lease = lease.recv().unwrap();
        pool.set_endpoints(numbered([Arc::clone(&other)]));
        assert_eq!(Arc::strong_count(&target), 2, "the lease holds it");
        lease.succeed();
        assert_eq!(Arc::strong_count(&target), 1, "nobody else does");
        drop(to_thread);
    });
    assert_eq!(**pool.pick(&Demand::default()).unwrap().target(), "new");
    pool.set_endpoints(Vec::new());
    assert_eq!(pool.pick(&Demand::default()).unwrap_err(), PickError::Empty);
    assert_eq!(Arc::strong_count(&other), 1);
}
