//! Routers that share a Redis: each heeds what the other learned, and none waits for it.

use llm_router_balancer::{Reason, Standing};
use llm_router_tests::{Provider, Redis, Router, models, until};

use super::{QUIET, chat, mocks, providers};

const PATH: &str = "/v1/chat/completions";

/// Whether the model's first provider is left alone, and why.
fn left_alone(router: &Router) -> Option<Reason> {
    let state = router.running().shared().state().clone();
    match state.pool("m").expect("it is served").balancer.status()[0].standing {
        Standing::Paused { reason, .. } => Some(reason),
        _ => None,
    }
}

fn peers(router: &Router) -> u32 {
    router.running().shared().state().pool("m").expect("it is served").balancer.peers()
}

#[tokio::test]
async fn what_one_router_found_down_the_other_does_not_ask() {
    let redis = Redis::start();
    let all = mocks(["status=429 retry-after=60", "", ""]).await;
    let host = redis.host();
    let settings = [("redis_host", host.as_str()), QUIET];
    let start = || Router::start(&models([("m", providers(&all))]), &settings);
    let (one, other) = (start(), start());
    until("they know each other", async || peers(&one) == 2 && peers(&other) == 2).await;
    while left_alone(&one).is_none() {
        assert_eq!(one.client().post(PATH, chat("hi")).await.status, 200);
    }
    let asked = all[0].requests().len();
    until("the other one has heard", async || left_alone(&other) == Some(Reason::Hint)).await;
    for _ in 0..9 {
        assert_eq!(other.client().post(PATH, chat("hi")).await.status, 200);
    }
    assert_eq!(all[0].requests().len(), asked, "nobody asked it again");
    until("all are over", async || other.finished().len() == 9).await;
    assert!(other.finished().iter().all(|facts| facts.attempts == 1));
    drop(one);
    until("the one that is gone counts no more", async || peers(&other) == 1).await;
}

#[tokio::test]
async fn turns_come_from_redis_and_nobody_waits_when_it_stands_still() {
    let redis = Redis::start();
    let all = mocks(["", ""]).await;
    let host = redis.host();
    let settings = [("redis_host", host.as_str()), ("balance_strategy", "weighted"), QUIET];
    let weighted: Vec<Provider> = providers(&all).into_iter().map(|provider| provider.with("weight", 1)).collect();
    let router = Router::start(&models([("m", weighted)]), &settings);
    until("blocks of turns are fetched", async || {
        assert_eq!(router.client().post(PATH, chat("hi")).await.status, 200);
        redis.ask(&["--scan", "--pattern", "llmr:ticket:*"]).lines().count() == 1
    })
    .await;
    redis.signal("STOP");
    // More than what is in hand: then it counts by itself.
    for _ in 0..140 {
        assert_eq!(router.client().post(PATH, chat("hi")).await.status, 200);
    }
    redis.signal("CONT");
    let (a, b) = (all[0].requests().len(), all[1].requests().len());
    assert!(a.abs_diff(b) <= 4, "{a} and {b}");
}
