//! Waiting: first come, first served; keys in turn; bounded; nothing lost when somebody leaves.

use std::task::Poll;

use llm_router_balancer::{AcquireError, Demand, Failure, Fleet, PickError, QueueSettings};

use crate::support::{Pool, Task, builder, endpoint, limited, millis, seconds};

fn one(limit: u32) -> (Pool, llm_router_balancer::ManualClock) {
    let (builder, clock) = builder("balanced");
    (builder.endpoint(limited(0, limit)).build().unwrap(), clock)
}

#[test]
fn a_place_goes_to_who_waited_longest() {
    let (pool, _) = one(1);
    let demand = Demand::default();
    let mut held = pool.pick(&demand).unwrap();
    let mut waiters: Vec<_> = (0..5).map(|_| Task::new(pool.acquire(&demand))).collect();
    assert!(waiters.iter_mut().all(|waiter| waiter.poll().is_pending()));
    assert_eq!(pool.waiting(), 5);
    for _ in 0..5 {
        held.succeed();
        let Poll::Ready(lease) = waiters.remove(0).poll_if_woken() else { panic!("the first in line is served") };
        held = lease.unwrap();
        assert!(waiters.iter_mut().all(|waiter| waiter.poll_if_woken().is_pending()));
        assert!(pool.pick(&demand).is_err(), "nobody overtakes");
    }
}

#[test]
fn who_leaves_passes_on_what_was_handed_over() {
    let (pool, _) = one(1);
    let demand = Demand::default();
    let held = pool.pick(&demand).unwrap();
    let mut first = Task::new(pool.acquire(&demand));
    let mut second = Task::new(pool.acquire(&demand));
    assert!(first.poll().is_pending() && second.poll().is_pending());
    held.succeed();
    drop(first); // it was granted, and never looked
    let lease = second.ready().unwrap();
    drop(lease);
    assert_eq!(pool.status()[0].resource_in_flight, 0);
}

#[test]
fn keys_take_turns_by_weight() {
    let (pool, _) = one(1);
    let demand = |key, key_weight| Demand { key, key_weight, ..Demand::default() };
    let (greedy, modest, heavy) = (demand(1, 1.0), demand(2, 1.0), demand(3, 2.0));
    let mut held = pool.pick(&greedy).unwrap();
    let mut waiters: Vec<(u64, Task<_>)> = Vec::new();
    for _ in 0..20 {
        waiters.push((1, Task::new(pool.acquire(&greedy))));
    }
    for _ in 0..5 {
        waiters.push((2, Task::new(pool.acquire(&modest))));
    }
    for _ in 0..10 {
        waiters.push((3, Task::new(pool.acquire(&heavy))));
    }
    assert!(waiters.iter_mut().all(|(_, waiter)| waiter.poll().is_pending()));
    let mut order = Vec::new();
    for _ in 0..20 {
        held.succeed();
        let mut next = None;
        waiters.retain_mut(|(key, waiter)| match waiter.poll_if_woken() {
            Poll::Ready(lease) => {
                order.push(*key);
                next = lease.ok();
                false
            }
            Poll::Pending => true,
        });
        held = next.expect("somebody is served");
    }
    let count = |key: u64| order.iter().filter(|k| **k == key).count();
    assert_eq!((count(1), count(2), count(3)), (5, 5, 10), "{order:?}");
}

#[test]
fn the_line_is_bounded_and_the_greedy_give_way() {
    let (builder, _) = builder("balanced");
    let settings = QueueSettings { max_waiting: 3, ..QueueSettings::default() };
    let pool = builder.endpoint(limited(0, 1)).queue(settings).build().unwrap();
    let greedy = Demand { key: 1, ..Demand::default() };
    let modest = Demand { key: 2, ..Demand::default() };
    let _held = pool.pick(&greedy).unwrap();
    let mut waiters: Vec<_> = (0..3).map(|_| Task::new(pool.acquire(&greedy))).collect();
    assert!(waiters.iter_mut().all(|waiter| waiter.poll().is_pending()));
    assert!(matches!(Task::new(pool.acquire(&greedy)).ready(), Err(AcquireError::LineFull { .. })));
    let mut late = Task::new(pool.acquire(&modest));
    assert!(late.poll().is_pending(), "a key without anybody in line displaces the last of a greedy one");
    assert!(matches!(waiters[2].poll_if_woken(), Poll::Ready(Err(AcquireError::LineFull { .. }))));
    assert!(waiters[1].poll_if_woken().is_pending());
    assert_eq!(pool.waiting(), 3);
}

#[test]
fn a_deadline_ends_the_wait() {
    let (pool, clock) = one(1);
    let _held = pool.pick(&Demand::default()).unwrap();
    let demand = Demand { deadline: Some(pool.now() + seconds(2)), ..Demand::default() };
    let mut waiter = Task::new(pool.acquire(&demand));
    assert!(waiter.poll().is_pending());
    clock.advance(millis(1_999));
    assert!(waiter.poll_if_woken().is_pending());
    clock.advance(millis(1));
    assert!(matches!(waiter.poll_if_woken(), Poll::Ready(Err(AcquireError::Timeout { .. }))));
    assert_eq!(pool.waiting(), 0);
    let now = Demand { deadline: Some(pool.now()), ..Demand::default() };
    assert!(matches!(Task::new(pool.acquire(&now)).ready(), Err(AcquireError::Pick(PickError::Busy { .. }))));
}

#[test]
fn the_expected_wait_is_told_and_a_hopeless_wait_refused() {
    let (pool, clock) = one(2);
    let demand = Demand::default();
    for _ in 0..20 {
        let lease = pool.pick(&demand).unwrap();
        clock.advance(seconds(10));
        lease.succeed();
    }
    let _held: Vec<_> = (0..2).map(|_| pool.pick(&demand).unwrap()).collect();
    let mut waiters: Vec<_> = (0..3).map(|_| Task::new(pool.acquire(&demand))).collect();
    assert!(waiters.iter_mut().all(|waiter| waiter.poll().is_pending()));
    // Two places of ten seconds each, three before us: the fourth is due in twenty.
    let hurry = Demand { deadline: Some(pool.now() + seconds(19)), ..Demand::default() };
    let error = Task::new(pool.acquire(&hurry)).ready().unwrap_err();
    assert_eq!(error, AcquireError::TooLate { retry_after: seconds(20) });
    let patient = Demand { deadline: Some(pool.now() + seconds(21)), ..Demand::default() };
    assert!(Task::new(pool.acquire(&patient)).poll().is_pending());
}

#[test]
fn a_pause_that_ends_wakes_those_who_wait_for_it() {
    let (pool, clock) = one(1);
    let demand = Demand::default();
    pool.pick(&demand).unwrap().fail(Failure::Overloaded { retry_after: Some(seconds(3)) });
    let mut waiter = Task::new(pool.acquire(&demand));
    assert!(waiter.poll().is_pending());
    clock.advance(seconds(2));
    assert!(waiter.poll_if_woken().is_pending());
    clock.advance(seconds(1));
    assert!(matches!(waiter.poll_if_woken(), Poll::Ready(Ok(_))));
}

#[test]
fn a_new_endpoint_serves_those_who_wait() {
    let (pool, _) = one(1);
    let demand = Demand::default();
    let _held = pool.pick(&demand).unwrap();
    let mut waiter = Task::new(pool.acquire(&demand));
    assert!(waiter.poll().is_pending());
    let mut endpoints = pool.endpoints();
    endpoints.push(std::sync::Arc::new(limited(1, 1)));
    pool.set_endpoints(endpoints);
    let Poll::Ready(Ok(lease)) = waiter.poll_if_woken() else { panic!("it is served") };
    assert_eq!(*lease.target(), 1);
}

#[test]
fn balancers_of_one_fleet_share_places_and_line() {
    let fleet = Fleet::new();
    let make = |n: u32| {
        let (builder, _) = builder("first_available");
        let mut endpoint = limited(n, 1);
        endpoint.config.resource = "host".into();
        builder.endpoint(endpoint).fleet(&fleet).build().unwrap()
    };
    let (a, b) = (make(0), make(1));
    let demand = Demand::default();
    let held = a.pick(&demand).unwrap();
    assert!(matches!(b.pick(&demand), Err(PickError::Busy { .. })));
    let mut waiter = Task::new(b.acquire(&demand));
    assert!(waiter.poll().is_pending());
    assert_eq!(fleet.in_use("host"), Some(1));
    let fence = held.fence().unwrap();
    held.succeed();
    let Poll::Ready(Ok(lease)) = waiter.poll_if_woken() else { panic!("it is served") };
    assert_eq!(*lease.target(), 1);
    assert!(lease.fence().unwrap() > fence);
    drop(lease);
    assert_eq!(fleet.in_use("host"), Some(0));
}

#[test]
fn an_endpoint_that_goes_while_it_is_handed_over_leaves_the_waiter_in_line() {
    let (pool, _) = one(1);
    let demand = Demand::default();
    let held = pool.pick(&demand).unwrap();
    let mut waiter = Task::new(pool.acquire(&demand));
    assert!(waiter.poll().is_pending());
    held.succeed(); // handed over, not looked at yet
    pool.set_endpoints(vec![std::sync::Arc::new(limited(9, 1))]);
    let lease = waiter.ready().unwrap();
    assert_eq!(*lease.target(), 9);
}

/// The machine's own clock and timer thread, once: the deadline comes.
#[test]
fn the_clock_of_the_machine_ends_a_wait_too() {
    use llm_router_balancer::{Balancer, Endpoint};
    struct Unpark(std::thread::Thread);
    impl std::task::Wake for Unpark {
        fn wake(self: std::sync::Arc<Self>) {
            self.0.unpark();
        }
    }
    let mut endpoint = Endpoint::new("only", ());
    endpoint.config.max_concurrency = 1.try_into().ok();
    let pool = Balancer::builder().endpoint(endpoint).build().unwrap();
    let _held = pool.pick(&Demand::default()).unwrap();
    let demand = Demand { deadline: Some(pool.now() + millis(30)), ..Demand::default() };
    let mut future = std::pin::pin!(pool.acquire(&demand));
    let waker = std::task::Waker::from(std::sync::Arc::new(Unpark(std::thread::current())));
    let mut context = std::task::Context::from_waker(&waker);
    let result = loop {
        match std::future::Future::poll(future.as_mut(), &mut context) {
            Poll::Ready(result) => break result,
            Poll::Pending => std::thread::park(),
        }
    };
    assert!(matches!(result, Err(AcquireError::Timeout { .. })));
    assert!(pool.now() >= demand.deadline.unwrap());
}

#[test]
fn who_may_share_a_resource_with_more_is_served_where_others_must_wait() {
    let fleet = Fleet::new();
    let pool = |most: u32| {
        let shared = endpoint(0, |config| {
            config.resource = "host".into();
            config.max_concurrency = most.try_into().ok();
        });
        builder("least_loaded").0.fleet(&fleet).endpoint(shared).build().unwrap()
    };
    let (alone, many) = (pool(1), pool(3));
    let demand = Demand::default();
    let mut held: Vec<_> = (0..3).map(|_| many.pick(&demand).unwrap()).collect();
    let mut first = Task::new(alone.acquire(&demand));
    let mut second = Task::new(many.acquire(&demand));
    assert!(first.poll().is_pending() && second.poll().is_pending());
    held.pop().unwrap().succeed();
    // Two are left: too many for the first in line, not for the second.
    assert!(first.poll().is_pending());
    held.push(second.ready().unwrap());
    held.drain(..2).for_each(|lease| lease.succeed());
    assert!(first.poll().is_pending());
    held.clear();
    assert_eq!(fleet.in_use("host"), Some(1), "handed over");
    first.ready().unwrap().succeed();
}
