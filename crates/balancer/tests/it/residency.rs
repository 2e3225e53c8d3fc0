//! `first_available_optim`: a resource that is ready for the class is worth waiting for, within bounds.

use std::task::Poll;

use llm_router_balancer::{Demand, ManualClock};

use crate::support::{Pool, Task, builder, limited, seconds};

fn hosts(count: u32) -> (Pool, ManualClock) {
    let (mut builder, clock) = builder("first_available_optim");
    for n in 0..count {
        builder = builder.endpoint(limited(n, 1));
    }
    (builder.build().unwrap(), clock)
}

fn of(class: &str) -> Demand<'_> {
    Demand { class, ..Demand::default() }
}

fn serve(pool: &Pool, clock: &ManualClock, class: &str, span: u64) -> u32 {
    let lease = pool.pick(&of(class)).unwrap();
    clock.advance(seconds(span));
    let target = *lease.target();
    lease.succeed();
    target
}

#[test]
fn a_class_returns_to_where_it_was_served_and_others_take_unused_ones_first() {
    let (pool, clock) = hosts(3);
    assert_eq!(serve(&pool, &clock, "a", 1), 0);
    assert_eq!(serve(&pool, &clock, "b", 1), 1);
    assert_eq!(serve(&pool, &clock, "a", 1), 0);
    assert_eq!(serve(&pool, &clock, "c", 1), 2);
    assert_eq!(serve(&pool, &clock, "b", 1), 1);
    assert_eq!(serve(&pool, &clock, "d", 1), 0, "the one used least recently is given up");
}

#[test]
fn a_short_wait_for_a_ready_one_beats_making_another_ready() {
    let (pool, clock) = hosts(2);
    for _ in 0..5 {
        serve(&pool, &clock, "a", 2);
    }
    let held = pool.pick(&of("a")).unwrap();
    let demand = of("a");
    let mut waiter = Task::new(pool.acquire(&demand));
    assert!(waiter.poll().is_pending(), "two seconds are less than the eight of a change, though a host is idle");
    clock.advance(seconds(2));
    held.succeed();
    let Poll::Ready(Ok(lease)) = waiter.poll_if_woken() else { panic!("it is served") };
    assert_eq!(*lease.target(), 0);
}

#[test]
fn a_long_wait_for_a_ready_one_does_not() {
    let (pool, clock) = hosts(2);
    for _ in 0..5 {
        serve(&pool, &clock, "a", 60);
    }
    let _held = pool.pick(&of("a")).unwrap();
    assert_eq!(*pool.pick(&of("a")).unwrap().target(), 1);
}

#[test]
fn nobody_starves_while_a_popular_class_keeps_its_host() {
    let (pool, clock) = hosts(1);
    for _ in 0..3 {
        serve(&pool, &clock, "a", 2);
    }
    let (popular, rare) = (of("a"), of("b"));
    let mut held = Some(pool.pick(&popular).unwrap());
    let mut other = Task::new(pool.acquire(&rare));
    assert!(other.poll().is_pending());
    let mut waiting: Vec<Task<_>> = Vec::new();
    for round in 0..40 {
        waiting.push(Task::new(pool.acquire(&popular)));
        assert!(waiting.last_mut().unwrap().poll().is_pending());
        clock.advance(seconds(2));
        held.take().into_iter().for_each(|lease| lease.succeed());
        if let Poll::Ready(lease) = other.poll_if_woken() {
            assert!(lease.is_ok());
            assert!((8..=13).contains(&round), "after the dwell of 24 s, in round {round}");
            return;
        }
        waiting.retain_mut(|waiter| match waiter.poll_if_woken() {
            Poll::Ready(lease) => {
                held = lease.ok();
                false
            }
            Poll::Pending => true,
        });
    }
    panic!("the rare class starved");
}
