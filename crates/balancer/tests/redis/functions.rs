//! The function library, call by call: each row of its failure matrix that needs no second process.

use crate::pool::{Answer, Ask, Held, Pool, QUARANTINE, TTL};
use crate::server::Server;

const ONE: &[(&str, i64)] = &[("a", 1)];
const TWO: &[(&str, i64)] = &[("a", 1), ("b", 1)];

fn held(id: &str, resource: &str, fence: u64, model: &str) -> Held {
    let (id, resource, model) = (id.to_owned(), resource.to_owned(), model.to_owned());
    Held { id, resource, fence, model, left: 600_000, cap: 1 }
}

#[test]
fn a_free_candidate_is_granted_in_the_order_given_and_a_taken_one_is_queued_for() {
    let server = Server::start();
    let mut pool = Pool::new(&server);
    assert_eq!(pool.granted(&Ask::new("1", "A", "m", TWO)).0, "a");
    assert_eq!(pool.granted(&Ask::new("2", "B", "m", TWO)).0, "b");
    assert_eq!(pool.acquire(&Ask::new("3", "A", "m", TWO).at_once()), Answer::Busy);
    assert_eq!(pool.acquire(&Ask::new("3", "A", "m", TWO)), Answer::Queued(0));
    assert_eq!(pool.acquire(&Ask::new("4", "A", "m", TWO)), Answer::Queued(1));
    pool.check();
}

#[test]
fn a_released_slot_goes_to_the_oldest_waiter_and_its_replica_is_told() {
    let server = Server::start();
    let mut pool = Pool::new(&server);
    let mut ear = server.connect();
    ear.ok(&["SSUBSCRIBE", "llmr:{test}:ch:B"]);
    let (_, fence) = pool.granted(&Ask::new("1", "A", "m", ONE));
    pool.acquire(&Ask::new("2", "B", "m", ONE));
    pool.acquire(&Ask::new("3", "A", "other", ONE));
    assert_eq!(pool.release("1", fence), 1);
    let message = ear.read().unwrap().texts();
    let words: Vec<_> = message[2].split(' ').collect();
    assert_eq!(words[..2], ["2", "a"]);
    let next: u64 = words[2].parse().unwrap();
    assert!(next > fence);
    assert_eq!(pool.acquire(&Ask::new("2", "B", "m", ONE)), Answer::Granted { resource: "a".into(), fence: next });
    assert_eq!(pool.release("2", next), 1);
    assert_eq!(pool.leases()[0].0, "3");
    pool.check();
}

#[test]
fn every_command_may_come_twice_or_late() {
    let server = Server::start();
    let mut pool = Pool::new(&server);
    let first = Ask::new("1", "A", "m", ONE);
    let (resource, fence) = pool.granted(&first);
    assert_eq!(pool.granted(&first), (resource, fence));
    assert_eq!(pool.release("1", fence + 1), 0, "the fence of another lease ends nothing");
    assert_eq!(pool.release("1", fence), 1);
    assert_eq!(pool.release("1", fence), 0);
    assert_eq!(pool.acquire(&first), Answer::Gone, "a late copy of an acquire");
    assert_eq!(pool.release("2", 0), 0, "cancelled before the acquire arrived");
    assert_eq!(pool.acquire(&Ask::new("2", "A", "m", ONE)), Answer::Gone);
    pool.drain("A");
    assert_eq!(pool.left_over(), Vec::<String>::new());
}

#[test]
fn a_capacity_above_one_counts_leases() {
    let server = Server::start();
    let mut pool = Pool::new(&server);
    let three = &[("s", 3)];
    for id in ["1", "2", "3"] {
        pool.granted(&Ask::new(id, "A", "m", three));
    }
    assert_eq!(pool.acquire(&Ask::new("4", "A", "m", three)), Answer::Queued(0));
    assert_eq!(pool.release("2", 0), 1);
    assert_eq!(pool.poll("A", &["4"]).0.len(), 1);
    pool.check();
}

#[test]
fn a_dead_replica_gives_its_leases_and_its_places_back_after_its_session() {
    let server = Server::start();
    let mut pool = Pool::new(&server);
    pool.granted(&Ask::new("1", "dead", "m", ONE));
    pool.acquire(&Ask::new("2", "dead", "m", ONE));
    pool.advance(TTL / 2);
    pool.acquire(&Ask::new("3", "B", "m", ONE));
    pool.advance(TTL / 2 - 1);
    assert_eq!(pool.poll("B", &["3"]).0.len(), 0);
    pool.advance(1);
    assert_eq!(pool.poll("B", &["3"]).0.len(), 1);
    pool.check();
    assert_eq!(pool.beat("B", &[]).roster, ["B"]);
}

#[test]
fn a_hard_limit_ends_what_a_live_replica_leaks() {
    let server = Server::start();
    let mut pool = Pool::new(&server);
    let (resource, fence) = pool.granted(&Ask::new("1", "A", "m", ONE));
    let lease = held("1", &resource, fence, "m");
    for _ in 0..70 {
        pool.advance(TTL - 1);
        pool.beat("A", std::slice::from_ref(&lease));
    }
    assert_eq!(pool.leases(), vec![]);
    assert_eq!(pool.beat("A", &[lease]).lost, ["1"]);
}

#[test]
fn a_waiter_leaves_at_its_deadline() {
    let server = Server::start();
    let mut pool = Pool::new(&server);
    pool.granted(&Ask::new("1", "A", "m", ONE));
    let mut short = Ask::new("2", "A", "m", ONE);
    short.wait = 5_000;
    pool.acquire(&short);
    pool.advance(5_000);
    assert_eq!(pool.poll("A", &["2"]).1, ["2"]);
    pool.check();
}

#[test]
fn an_empty_memory_means_quarantine_and_holders_keep_what_they_have() {
    let server = Server::start();
    let mut pool = Pool::new(&server);
    let (resource, fence) = pool.granted(&Ask::new("1", "A", "m", ONE));
    pool.acquire(&Ask::new("2", "B", "m", ONE));
    pool.wipe();
    pool.trust = false;
    assert_eq!(pool.acquire(&Ask::new("2", "B", "m", ONE)), Answer::Queued(0), "nothing is granted yet");
    let lease = held("1", &resource, fence, "m");
    let beat = pool.beat("A", std::slice::from_ref(&lease));
    assert_eq!((beat.quarantine, beat.lost.len()), (QUARANTINE, 0));
    assert_eq!(pool.leases(), [("1".to_owned(), "a".to_owned(), fence)]);
    pool.advance(TTL - 1);
    pool.beat("A", std::slice::from_ref(&lease));
    pool.beat("B", &[]);
    pool.advance(QUARANTINE - TTL + 1);
    assert_eq!(pool.poll("B", &["2"]).0, vec![], "the old holder goes on");
    pool.release("1", fence);
    let granted = pool.poll("B", &["2"]).0;
    assert_eq!(granted[0].1, "a");
    assert!(granted[0].2 > fence);
}

#[test]
fn after_the_quarantine_everything_free_is_handed_out() {
    let server = Server::start();
    let mut pool = Pool::new(&server);
    pool.trust = false;
    pool.wipe();
    pool.acquire(&Ask::new("1", "A", "m", TWO));
    pool.acquire(&Ask::new("2", "A", "m", TWO));
    pool.advance(TTL - 1);
    pool.beat("A", &[]);
    assert_eq!(pool.poll("A", &["1", "2"]), (vec![], vec![]));
    pool.advance(QUARANTINE - TTL + 1);
    assert_eq!(pool.poll("A", &["1", "2"]).0.len(), 2);
}

#[test]
fn after_the_quarantine_nobody_is_re_adopted() {
    let server = Server::start();
    let mut pool = Pool::new(&server);
    let (resource, fence) = pool.granted(&Ask::new("1", "A", "m", ONE));
    pool.wipe();
    pool.trust = false;
    pool.beat("B", &[]);
    pool.advance(QUARANTINE);
    assert_eq!(pool.beat("A", &[held("1", &resource, fence, "m")]).lost, ["1"]);
}

/// A promoted server that missed the hand-off has the holder still in line. Taking the lease back must take the
/// place in line away, or the same request is granted a second resource and the first is lost.
#[test]
fn a_lease_that_is_taken_back_leaves_no_place_in_line() {
    let server = Server::start();
    let mut pool = Pool::new(&server);
    pool.granted(&Ask::new("1", "A", "m", TWO));
    pool.granted(&Ask::new("2", "A", "m", TWO));
    pool.acquire(&Ask::new("3", "A", "m", TWO));
    let dump = pool.snapshot();
    pool.release("1", 0);
    let (_, _, fence) = pool.poll("A", &["3"]).0[0].clone();
    pool.restore(&dump);
    pool.replace_server();
    // On this server 1 still holds "a"; its replica does not list it, so it goes back as an orphan.
    let beat = pool.beat("A", &[held("2", "b", 0, "m")]);
    assert_eq!(beat.lost, ["2"]);
    pool.release("1", 0);
    pool.beat("A", &[held("3", "a", fence, "m")]);
    pool.check();
    pool.advance(QUARANTINE);
    pool.beat("A", &[held("3", "a", fence, "m")]);
    let leases = pool.leases();
    assert_eq!(leases.iter().filter(|lease| lease.0 == "3").count(), 1);
    pool.check();
}

#[test]
fn fences_grow_even_when_the_memory_is_lost() {
    let server = Server::start();
    let mut pool = Pool::new(&server);
    let mut last = 0;
    for round in 0..6 {
        let id = round.to_string();
        let (_, fence) = pool.granted(&Ask::new(&id, "A", "m", ONE));
        assert!(fence > last, "{fence} after {last}");
        last = fence;
        pool.release(&id, fence);
        if round % 2 == 1 {
            pool.advance(1);
            pool.wipe();
        }
    }
}

#[test]
fn a_grant_for_nobody_shows_in_the_heartbeat() {
    let server = Server::start();
    let mut pool = Pool::new(&server);
    let (_, fence) = pool.granted(&Ask::new("1", "A", "m", ONE));
    assert_eq!(pool.beat("A", &[]).extra, [("1".to_owned(), "a".to_owned(), fence)]);
    assert_eq!(pool.beat("B", &[]).extra, []);
}

#[test]
fn a_line_has_an_end() {
    let server = Server::start();
    let mut pool = Pool::new(&server);
    pool.granted(&Ask::new("x", "A", "m", ONE));
    for number in 0..1000 {
        assert_eq!(pool.acquire(&Ask::new(&number.to_string(), "A", "m", ONE)), Answer::Queued(number));
    }
    assert_eq!(pool.acquire(&Ask::new("last", "A", "m", ONE)), Answer::Busy);
}

/// The memory came along, the server was away for longer than any session: who waited keeps the place.
#[test]
fn a_promoted_server_forgets_no_line() {
    let server = Server::start();
    let mut pool = Pool::new(&server);
    let (_, fence) = pool.granted(&Ask::new("1", "A", "m", ONE));
    pool.acquire(&Ask::new("2", "B", "m", ONE));
    pool.acquire(&Ask::new("3", "A", "m", ONE));
    pool.advance(2 * TTL);
    pool.replace_server();
    assert_eq!(pool.acquire(&Ask::new("3", "A", "m", ONE)), Answer::Queued(1));
    pool.advance(QUARANTINE - 1);
    pool.beat("A", &[held("1", "a", fence, "m")]);
    pool.beat("B", &[]);
    pool.advance(1);
    pool.release("1", fence);
    assert_eq!(pool.leases()[0].0, "2");
    pool.check();
}

/// A dead process is found dead at once by its closed connection: what it waits for is not wasted on it until its
/// session ends. One that only lost its subscription is granted what it finds by polling.
#[test]
fn who_cannot_be_told_is_passed_over_until_it_calls() {
    let server = Server::start();
    let mut pool = Pool::new(&server);
    let (_, fence) = pool.granted(&Ask::new("1", "A", "m", ONE));
    pool.acquire(&Ask::new("2", "deaf", "m", ONE));
    pool.acquire(&Ask::new("3", "deaf", "m", ONE));
    pool.acquire(&Ask::new("4", "B", "m", ONE));
    pool.release("1", fence);
    assert_eq!(pool.leases()[0].0, "4");
    pool.beat("deaf", &[]);
    pool.release("4", 0);
    assert_eq!(pool.leases()[0].0, "2", "it called, so it lives");
    pool.listen("deaf");
    pool.release("2", 0);
    assert_eq!(pool.leases()[0].0, "3");
    pool.check();
    pool.drain("deaf");
    pool.drain("A");
    pool.drain("B");
    assert_eq!(pool.left_over(), Vec::<String>::new());
}

/// A request was granted x and never heard of it; its session ended and x went to another, and just that was lost with
/// the old server. The new one believes in the first grant. To tell it now, while the second holder is still sure of x,
/// would have x held twice: found by the chaos, as a fence that was older than the one before.
#[test]
fn a_grant_that_nobody_confirmed_is_not_told_during_a_quarantine() {
    let server = Server::start();
    let mut pool = Pool::new(&server);
    pool.granted(&Ask::new("1", "A", "m", ONE));
    pool.acquire(&Ask::new("2", "B", "m", ONE));
    pool.release("1", 0);
    let memory = pool.snapshot();
    pool.advance(TTL);
    let (_, fence) = pool.granted(&Ask::new("3", "A", "m", ONE));
    pool.restore(&memory);
    pool.replace_server();
    assert_eq!(pool.acquire(&Ask::new("2", "B", "m", ONE)), Answer::Queued(0));
    assert_eq!(pool.poll("B", &["2"]), (vec![], vec![]));
    assert_eq!(pool.beat("B", &[]).extra, []);
    let lease = held("3", "a", fence, "m");
    assert_eq!(pool.beat("A", std::slice::from_ref(&lease)).lost, Vec::<String>::new(), "the second holder goes on");
    pool.check();
    assert_eq!(pool.leases(), [("3".to_owned(), "a".to_owned(), fence)]);
    assert_eq!(pool.poll("B", &["2"]).1, ["2"], "the first asks again");
    pool.acquire(&Ask::new("2", "B", "m", ONE));
    pool.advance(TTL - 1);
    pool.beat("A", std::slice::from_ref(&lease));
    pool.beat("B", &[]);
    pool.advance(QUARANTINE - TTL + 1);
    pool.release("3", fence);
    assert_eq!(pool.poll("B", &["2"]).0[0].1, "a");
}

/// Nor is it told later: its fence may be older than one that was lost. Who waits asks again.
#[test]
fn a_grant_that_nobody_confirmed_is_over_after_the_quarantine() {
    let server = Server::start();
    let mut pool = Pool::new(&server);
    pool.granted(&Ask::new("1", "A", "m", ONE));
    pool.acquire(&Ask::new("2", "B", "m", ONE));
    pool.release("1", 0);
    pool.replace_server();
    assert_eq!(pool.poll("B", &["2"]), (vec![], vec![]));
    pool.advance(TTL - 1);
    pool.beat("B", &[]);
    pool.advance(QUARANTINE - TTL + 1);
    assert_eq!(pool.poll("B", &["2"]), (vec![], vec!["2".to_owned()]));
    pool.granted(&Ask::new("2", "B", "m", ONE));
    pool.check();
}
