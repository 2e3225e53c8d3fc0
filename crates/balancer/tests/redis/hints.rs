//! What processes tell each other, and the numbers they draw in turn.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use llm_router_balancer::store::redis::Address;
use llm_router_balancer::store::{Hint, LeaseStore, StoreListener};

use crate::router::{Router, quick, until};
use crate::server::Server;

struct Notes {
    names: Vec<Arc<str>>,
    heard: Mutex<Vec<(String, Hint)>>,
}

impl StoreListener for Notes {
    fn peers(&self, _: u32) {}

    fn reachable(&self, _: bool) {}

    fn names(&self) -> Vec<Arc<str>> {
        self.names.clone()
    }

    fn hint(&self, name: &str, hint: Hint) {
        self.heard.lock().unwrap().push((name.to_owned(), hint));
    }
}

impl Notes {
    fn of(router: &Router, names: &[&str]) -> Arc<Self> {
        let names = names.iter().map(|&name| Arc::from(name)).collect();
        let notes = Arc::new(Self { names, heard: Mutex::default() });
        let listener: Weak<Self> = Arc::downgrade(&notes);
        router.store.watch(listener);
        notes
    }

    fn read(&self) -> Vec<(String, Hint)> {
        self.heard.lock().unwrap().clone()
    }
}

fn start(server: &Server) -> Router {
    Router::start(quick(Address::Socket(server.socket())))
}

#[tokio::test]
async fn what_one_learned_reaches_the_others_once() {
    let server = Server::start();
    let (a, b) = (start(&server), start(&server));
    a.until_up().await;
    b.until_up().await;
    let (own, other) = (Notes::of(&a, &["x", "y"]), Notes::of(&b, &["x"]));
    let away = Hint::Away(Duration::from_secs(30));
    a.store.tell("x", away);
    a.store.tell("y", away);
    until("b hears", || !other.read().is_empty()).await;
    // Time for the look-up, which finds the same again.
    tokio::time::sleep(Duration::from_millis(1_300)).await;
    let [(name, Hint::Away(left))] = &other.read()[..] else { panic!("{:?}", other.read()) };
    assert!(name == "x" && *left > Duration::from_secs(25) && *left <= Duration::from_secs(30));
    assert_eq!(own.read(), [], "nobody hears oneself");
    a.store.tell("x", Hint::Back);
    until("b hears", || other.read().len() == 2).await;
    assert_eq!(other.read()[1], ("x".to_owned(), Hint::Back));
}

#[tokio::test]
async fn who_starts_later_hears_what_still_holds() {
    let server = Server::start();
    let a = start(&server);
    a.until_up().await;
    a.store.tell("x", Hint::Away(Duration::from_secs(30)));
    a.store.tell("y", Hint::Away(Duration::from_millis(1)));
    let mut redis = server.connect();
    until("it is written", || redis.ok(&["KEYS", "*{hints}*"]).list().len() == 1).await;
    let b = start(&server);
    let notes = Notes::of(&b, &["x", "y"]);
    until("b hears", || !notes.read().is_empty()).await;
    assert!(matches!(&notes.read()[..], [(name, Hint::Away(_))] if name == "x"));
}

#[tokio::test]
async fn every_number_is_drawn_once() {
    let server = Server::start();
    let routers = [start(&server), start(&server), start(&server)];
    let sequences = routers.each_ref().map(|router| router.store.tickets("m").unwrap());
    let mut drawn = BTreeSet::new();
    let mut none = 0;
    until("a thousand are drawn", || {
        for tickets in &sequences {
            match tickets.next() {
                Some(number) => assert!(drawn.insert(number), "{number} is drawn twice"),
                None => none += 1,
            }
        }
        drawn.len() >= 1_000
    })
    .await;
    let last = *drawn.last().unwrap();
    assert!(last < 1_000 + 6 * 64, "three processes have two blocks each in hand: {last}");
    let other = routers[0].store.tickets("n").unwrap();
    until("a sequence of its own", || other.next() == Some(0)).await;
}

#[tokio::test]
async fn without_redis_nothing_waits() {
    let mut server = Server::start();
    server.kill();
    let router = start(&server);
    let tickets = router.store.tickets("m").unwrap();
    for _ in 0..5_000 {
        router.store.tell("x", Hint::Back);
        assert_eq!(tickets.next(), None);
    }
    server.run();
    until("numbers come", || tickets.next().is_some()).await;
}
