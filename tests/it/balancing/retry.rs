//! The budget for attempts made again: help must not become the load.

use llm_router_tests::{Router, models, until};

use super::{QUIET, chat, mocks, providers};

const PATH: &str = "/v1/chat/completions";

#[tokio::test]
async fn beyond_the_budget_a_failure_is_final_and_passed_on() {
    let all = mocks(["status=500 body=first", "status=500 body=first", "status=500 body=first"]).await;
    let settings = [("retry_budget", "20"), ("retry_reserve", "0"), ("use_prometheus", "1"), QUIET];
    let router = Router::start(&models([("m", providers(&all))]), &settings);
    let requests = 60;
    for _ in 0..requests {
        let reply = router.client().post(PATH, chat("hi")).await;
        assert_eq!((reply.status.as_u16(), reply.text().as_str()), (500, "first"));
    }
    let seen: usize = all.iter().map(|mock| mock.requests().len()).sum();
    // A fifth of 60, and a few more where they do not all lie in one window of ten seconds.
    assert!(seen > requests && seen <= requests + requests / 3, "{seen} for {requests} requests");
    until("all are over", async || router.finished().len() == requests).await;
    let over = router.finished().iter().filter(|facts| facts.over_budget).count();
    assert!(over >= requests - requests / 3, "{over}");
    let page = router.client().get("/metrics").await.text();
    assert!(page.contains(&format!("llm_router_retry_over_budget_total{{model_name=\"m\"}} {over}\n")), "{page}");
}

#[tokio::test]
async fn the_reserve_allows_some_in_any_case() {
    let all = mocks(["status=500", ""]).await;
    let settings = [("retry_budget", "0"), ("retry_reserve", "1"), QUIET];
    let router = Router::start(&models([("m", providers(&all))]), &settings);
    for _ in 0..8 {
        assert_eq!(router.client().post(PATH, chat("hi")).await.status, 200);
    }
    until("all are over", async || router.finished().len() == 8).await;
    assert!(router.finished().iter().any(|facts| facts.attempts == 2));
}
