//! A second provider beside a slow first one: whoever begins first is heard, the other one is let go.

use std::time::Duration;

use llm_router_endpoints::Facts;
use llm_router_mock::MockServer;
use llm_router_tests::{Router, models, until};
use serde_json::json;

use super::{QUIET, chat, mocks, providers, script};

const PATH: &str = "/v1/chat/completions";

/// A router that knows how long its providers take: no time tells what is slow before there were a hundred.
async fn seasoned(mocks: &[MockServer], settings: &[(&str, &str)], own: Option<bool>) -> Router {
    let mut config = models([("m", providers(mocks))]);
    if let Some(own) = own {
        config["tests"]["m"]["hedge"] = json!(own);
    }
    let router = Router::start(&config, &[settings, &[QUIET]].concat());
    for _ in 0..102 {
        assert_eq!(router.client().post(PATH, chat("hi")).await.status, 200);
    }
    mocks.iter().for_each(MockServer::clear);
    router
}

/// Asks until the first choice was `a`, which is slow: it has one of two turns. Returns the facts of that request.
async fn slow(router: &Router) -> Facts {
    for _ in 0..2 {
        let before = router.finished().len();
        let reply = router.client().post(PATH, chat("hi")).await;
        assert_eq!(reply.status, 200, "{}", reply.text());
        until("it is over", async || router.finished().len() > before).await;
        let facts = router.finished().pop().expect("it is over");
        if facts.hedge.is_some() || facts.provider.as_deref() == Some("a") {
            return facts;
        }
    }
    panic!("the providers take turns");
}

#[tokio::test]
async fn the_slow_one_is_let_go_and_the_other_one_answers() {
    let all = mocks(["", ""]).await;
    let settings = [("hedge", "1"), ("hedge_budget", "100"), ("use_prometheus", "1")];
    let router = seasoned(&all, &settings, None).await;
    all[0].set_script(script("head-delay=60s"));
    let facts = slow(&router).await;
    let hedge = facts.hedge.expect("it was hedged");
    assert_eq!((facts.provider.as_deref(), facts.attempts, facts.tries.len()), (Some("b"), 2, 0));
    assert_eq!((hedge.won, hedge.given_up.as_deref()), (true, Some("a")));
    until("its connection is closed", async || all[0].stats().aborted == 1).await;
    until("its lease is dropped", async || router.in_flight() == 0).await;
    let state = router.running().shared().state().clone();
    let status = state.pool("m").unwrap().balancer.status();
    assert_eq!((status[0].cancelled, status[0].failed, status[1].cancelled), (1, 0, 0));
    let page = router.client().get("/metrics").await.text();
    let labels = r#"provider_type="openai",model_name="m",provider"#;
    for line in [
        r#"llm_router_hedge_total{model_name="m",answer="second"} 1"#.to_owned(),
        format!(r#"llm_router_provider_calls_total{{{labels}="a"}} 52"#),
    ] {
        assert!(page.contains(&format!("{line}\n")), "no {line} in\n{page}");
    }
}

#[tokio::test]
async fn a_first_one_that_answers_after_all_is_heard() {
    let all = mocks(["", ""]).await;
    let router = seasoned(&all, &[("hedge", "1"), ("hedge_budget", "100")], None).await;
    all[0].set_script(script("head-delay=1s"));
    all[1].set_script(script("head-delay=1s status=503"));
    // Where `b` is first, `a` answers after it has failed.
    let facts = slow(&router).await;
    assert_eq!(facts.provider.as_deref(), Some("a"));
    assert_eq!(facts.attempts, 2);
    until("nothing is left", async || router.in_flight() == 0 && all[1].stats().in_flight == 0).await;
}

#[tokio::test]
async fn when_the_first_one_fails_meanwhile_the_second_goes_on() {
    let all = mocks(["", ""]).await;
    let router = seasoned(&all, &[("hedge", "1"), ("hedge_budget", "100")], None).await;
    all[0].set_script(script("head-delay=1s status=500"));
    all[1].set_script(script("head-delay=3s"));
    let facts = slow(&router).await;
    let hedge = facts.hedge.expect("it was hedged");
    assert_eq!((facts.provider.as_deref(), facts.attempts), (Some("b"), 2));
    if hedge.won {
        let failed: Vec<_> = facts.tries.iter().map(|failed| (&*failed.provider, failed.trouble.name())).collect();
        assert_eq!((failed, hedge.given_up), (vec![("a", "500")], None));
    }
    let (asked, answered) = (all[1].stats().requests, router.finished().len() - 102);
    assert_eq!(asked, answered as u64, "it was not asked twice for one request");
}

#[tokio::test]
async fn nothing_is_sent_twice_unless_that_is_wanted_and_within_the_budget() {
    for (settings, own) in [
        (&[][..], None),
        (&[("hedge", "1"), ("hedge_budget", "0")], None),
        (&[("hedge", "1"), ("hedge_budget", "100")], Some(false)),
    ] {
        let all = mocks(["", ""]).await;
        let router = seasoned(&all, settings, own).await;
        all[0].set_script(script("head-delay=300ms"));
        let facts = slow(&router).await;
        assert_eq!((facts.provider.as_deref(), facts.attempts), (Some("a"), 1), "{settings:?}");
        assert!(facts.phases.head.expect("there was a head") >= Duration::from_millis(300));
    }
    let all = mocks(["", ""]).await;
    let router = seasoned(&all, &[("hedge_budget", "100")], Some(true)).await;
    all[0].set_script(script("head-delay=60s"));
    assert!(slow(&router).await.hedge.is_some(), "a model's own word counts more");
}
