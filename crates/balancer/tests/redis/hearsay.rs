//! Balancers of several processes over one Redis: what one learned of an endpoint, and turns in common.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use llm_router_balancer::{
    AnyStrategy, Balancer, Choice, Demand, Endpoint, EndpointConfig, Failure, HealthSettings, LeaseStore, Member,
    Reason, Standing, Strategy, View, store::redis::Address,
};

use crate::router::{Router, quick, until};
use crate::server::Server;

type Pool = Balancer<()>;

fn pool(router: &Router, name: &str, strategy: &str, weights: &[f64]) -> Pool {
    let endpoints = weights.iter().enumerate().map(|(number, &weight)| {
        let mut config = EndpointConfig::new(format!("e{number}"));
        config.weight = weight;
        Arc::new(config.with(()))
    });
    Balancer::builder()
        .name(name)
        .strategy(AnyStrategy::from_name(strategy).unwrap())
        .endpoints(endpoints)
        .health(HealthSettings { base_pause: Duration::from_secs(30), ..HealthSettings::default() })
        .store(Arc::new(router.store.clone()) as Arc<dyn LeaseStore>)
        .build()
        .unwrap()
}

async fn two(server: &Server) -> (Router, Router) {
    let start = || Router::start(quick(Address::Socket(server.socket())));
    let both = (start(), start());
    both.0.until_up().await;
    both.1.until_up().await;
    both
}

fn reason(pool: &Pool, id: &str) -> Option<Reason> {
    let status = pool.status().into_iter().find(|status| &*status.id == id).unwrap();
    match status.standing {
        Standing::Paused { reason, .. } => Some(reason),
        _ => None,
    }
}

fn fail(pool: &Pool, id: &str, failure: Failure) {
    let pick = || pool.pick(&Demand::default()).unwrap();
    let lease = std::iter::repeat_with(pick).take(10).find(|lease| lease.endpoint().id() == id);
    lease.unwrap().fail(failure);
}

#[tokio::test]
async fn what_one_balancer_learned_the_others_of_its_name_heed() {
    let server = Server::start();
    let (here, there) = two(&server).await;
    let a = pool(&here, "m", "balanced", &[1.0; 3]);
    let (b, other) = (pool(&there, "m", "balanced", &[1.0; 3]), pool(&there, "other", "balanced", &[1.0; 3]));
    (0..5).for_each(|_| fail(&a, "e0", Failure::Connect));
    fail(&a, "e1", Failure::Overloaded { retry_after: Some(Duration::from_secs(20)) });
    until("b heeds it", || reason(&b, "e0") == Some(Reason::Hint) && reason(&b, "e1") == Some(Reason::Hint)).await;
    for _ in 0..20 {
        assert_eq!(b.pick(&Demand::default()).unwrap().endpoint().id(), "e2");
    }
    assert_eq!((reason(&a, "e0"), reason(&other, "e0")), (Some(Reason::Failing), None), "own knowledge, other names");
    assert!(a.probe_result("e0", true), "a probe found it up again");
    until("b takes it up again", || reason(&b, "e0").is_none()).await;
    assert_eq!(reason(&b, "e1"), Some(Reason::Hint), "nobody spoke of that one");
}

#[tokio::test]
async fn endpoints_that_come_later_are_heard_of_too() {
    let server = Server::start();
    let (here, there) = two(&server).await;
    let (a, b) = (pool(&here, "m", "balanced", &[1.0; 2]), pool(&there, "m", "balanced", &[1.0]));
    fail(&a, "e1", Failure::Overloaded { retry_after: Some(Duration::from_secs(20)) });
    b.set_endpoints(vec![Arc::new(Endpoint::new("e0", ())), Arc::new(Endpoint::new("e1", ()))]);
    until("b heeds it", || reason(&b, "e1") == Some(Reason::Hint)).await;
}

/// Turns drawn at one go: fewer than a block has, since beyond a block each balancer counts by itself until the next
/// one is there.
const FEW: usize = 30;

/// Notes the turns it is given.
#[derive(Clone, Default)]
struct Turns(Arc<Mutex<BTreeSet<u64>>>);

impl Strategy for Turns {
    type Plan = ();

    fn plan(&self, _: &[Member]) {}

    fn choose(&self, view: &View<'_, ()>, _: &Demand<'_>) -> Choice {
        self.0.lock().unwrap().insert(view.turn());
        Choice::Use(0)
    }
}

#[tokio::test]
async fn turns_are_drawn_from_one_sequence() {
    let server = Server::start();
    let (here, there) = two(&server).await;
    let draws = [&here, &there].map(|router| {
        let turns = Turns::default();
        let pool = Balancer::builder().name("m").endpoint(Endpoint::new("e", ())).strategy(turns.clone());
        (turns, pool.store(Arc::new(router.store.clone())).build().unwrap())
    });
    let mut drawn = || {
        for (turns, pool) in &draws {
            turns.0.lock().unwrap().clear();
            (0..FEW).for_each(|_| drop(pool.pick(&Demand::default()).unwrap()));
        }
        let [a, b] = draws.each_ref().map(|(turns, _)| turns.0.lock().unwrap().clone());
        a.len() == FEW && b.len() == FEW && a.is_disjoint(&b)
    };
    // Each counts by itself until its first block is there.
    until("all numbers are different", &mut drawn).await;
}
