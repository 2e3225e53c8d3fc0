//! Resources that keep what they served last: who waits for a warm one, and how long others are passed over.

use crate::pool::{Answer, Ask, Pool};
use crate::server::Server;

const LOAD: i64 = 8_000;
const TWO: &[(&str, i64)] = &[("x", 1), ("y", 1)];
const ONE: &[(&str, i64)] = &[("x", 1)];

/// Takes and gives back, so that `resource` has served the model for `slot` ms.
fn serve(pool: &mut Pool, id: &str, model: &str, resource: &str, slot: i64) {
    let (_, fence) = pool.granted(&Ask::new(id, "A", model, &[(resource, 1)]));
    pool.advance(slot);
    pool.beat("A", &[]);
    assert_eq!(pool.release(id, fence), 1);
}

/// Advances in steps that no session outlasts.
fn advance(pool: &mut Pool, ms: i64) {
    for step in 0..ms / 1_000 {
        pool.advance(if step == 0 { 1_000 + ms % 1_000 } else { 1_000 });
        pool.beat("A", &[]);
    }
}

#[test]
fn a_request_goes_where_its_model_is_then_to_an_unused_one_then_to_one_with_a_copy_elsewhere() {
    let server = Server::start();
    let mut pool = Pool::new(&server);
    let all = &[("a", 1), ("b", 1), ("c", 1), ("d", 1)];
    serve(&mut pool, "1", "m", "a", 10);
    serve(&mut pool, "2", "n", "b", 10);
    serve(&mut pool, "3", "n", "c", 10);
    assert_eq!(pool.granted(&Ask::new("4", "A", "n", all).warm(0)).0, "c", "where it was last");
    assert_eq!(pool.granted(&Ask::new("5", "A", "n", all).warm(0)).0, "b", "where it is");
    assert_eq!(pool.granted(&Ask::new("6", "A", "o", all).warm(0)).0, "d", "the unused one");
    pool.release("5", 0);
    assert_eq!(pool.granted(&Ask::new("7", "A", "p", all).warm(0)).0, "b", "n is on c too, m is only on a");
}

#[test]
fn a_request_waits_for_a_warm_resource_while_that_is_quicker_than_a_load() {
    let server = Server::start();
    let mut pool = Pool::new(&server);
    serve(&mut pool, "1", "m", "x", 1_000);
    let (_, fence) = pool.granted(&Ask::new("2", "A", "m", ONE));
    assert_eq!(pool.acquire(&Ask::new("3", "A", "m", TWO).warm(LOAD)), Answer::Queued(0), "y is free, but cold");
    assert_eq!(pool.poll("A", &["3"]).0, [], "it still holds out");
    pool.release("2", fence);
    assert_eq!(pool.poll("A", &["3"]).0[0].1, "x");
    let now = Ask::new("4", "A", "m", TWO).warm(LOAD).at_once();
    assert_eq!(pool.granted(&now).0, "y", "who does not wait takes what there is");
}

#[test]
fn nobody_holds_out_for_longer_than_a_load() {
    let server = Server::start();
    let mut pool = Pool::new(&server);
    serve(&mut pool, "1", "m", "x", 1_000);
    pool.granted(&Ask::new("2", "A", "m", ONE));
    pool.acquire(&Ask::new("3", "A", "m", TWO).warm(LOAD));
    advance(&mut pool, LOAD - 1_000);
    assert_eq!(pool.poll("A", &["3"]).0, []);
    advance(&mut pool, 1_000);
    assert_eq!(pool.poll("A", &["3"]).0[0].1, "y");
}

#[test]
fn a_line_too_long_to_wait_in_goes_to_a_cold_resource() {
    let server = Server::start();
    let mut pool = Pool::new(&server);
    serve(&mut pool, "1", "m", "x", 3_000);
    pool.granted(&Ask::new("2", "A", "m", ONE));
    let ask = |id: &str| Ask::new(id, "A", "m", TWO).warm(LOAD);
    assert_eq!(pool.acquire(&ask("3")), Answer::Queued(0));
    assert_eq!(pool.acquire(&ask("4")), Answer::Queued(1));
    assert!(matches!(pool.acquire(&ask("5")), Answer::Granted { resource, .. } if resource == "y"));
}

#[test]
fn a_resource_stays_with_its_model_until_it_has_dwelt_and_the_first_in_line_is_old() {
    let server = Server::start();
    let mut pool = Pool::new(&server);
    let (_, mut fence) = pool.granted(&Ask::new("m0", "A", "m", ONE).warm(LOAD));
    let mut other = Ask::new("n", "A", "n", ONE).warm(LOAD);
    other.wait = 600_000;
    pool.acquire(&other);
    let mut last = "m0".to_owned();
    let mut turns = 0;
    loop {
        let next = format!("m{}", turns + 1);
        let mut ask = Ask::new(&next, "A", "m", ONE).warm(LOAD);
        ask.wait = 600_000;
        pool.acquire(&ask);
        advance(&mut pool, 2_000);
        pool.release(&last, fence);
        let granted = pool.poll("A", &[&next, "n"]).0;
        fence = granted[0].2;
        if granted[0].0 == "n" {
            break;
        }
        last = next;
        turns += 1;
        assert!(turns < 100, "nobody is passed over for ever");
    }
    assert_eq!(turns, 11, "three loads of 8 s in turns of 2 s");
}

#[test]
fn without_a_load_time_the_first_in_line_is_passed_over_four_times() {
    let server = Server::start();
    let mut pool = Pool::new(&server);
    let (_, mut fence) = pool.granted(&Ask::new("m0", "A", "m", ONE).warm(0));
    pool.acquire(&Ask::new("n", "A", "n", ONE).warm(0));
    let mut order = vec!["m0".to_owned()];
    (1..8).for_each(|turn| drop(pool.acquire(&Ask::new(&format!("m{turn}"), "A", "m", ONE).warm(0))));
    for _ in 0..6 {
        pool.release(order.last().unwrap(), fence);
        let (id, _, next) = pool.leases()[0].clone();
        (fence, _) = (next, order.push(id));
    }
    assert_eq!(order, ["m0", "m1", "m2", "m3", "m4", "n", "m5"]);
}

#[test]
fn in_plain_order_nobody_is_passed_over() {
    let server = Server::start();
    let mut pool = Pool::new(&server);
    let (_, fence) = pool.granted(&Ask::new("m0", "A", "m", ONE));
    pool.acquire(&Ask::new("n", "A", "n", ONE));
    pool.acquire(&Ask::new("m1", "A", "m", ONE));
    pool.release("m0", fence);
    assert_eq!(pool.leases()[0].0, "n");
}
