//! `sticky`: what belongs together goes to the same provider.

use llm_router_mock::MockServer;
use llm_router_tests::{Router, models};
use serde_json::{Value, json};

use super::{QUIET, ask, mocks, providers};

/// How many of the mocks were asked.
async fn used(router: &Router, mocks: &[MockServer], bodies: impl Iterator<Item = Value>) -> usize {
    mocks.iter().for_each(MockServer::clear);
    for mut body in bodies {
        body["model"] = json!("m");
        let path = if body.get("prompt").is_some() { "/v1/completions" } else { "/v1/chat/completions" };
        assert_eq!(ask(router.client(), path, body.to_string(), &[]).await.status, 200);
    }
    mocks.iter().filter(|mock| !mock.requests().is_empty()).count()
}

#[tokio::test]
async fn conversations_or_prompts_that_begin_alike_stay_at_one_provider() {
    let all = mocks(["", "", "", ""]).await;
    let start = |own: Option<&str>| {
        let mut config = models([("m", providers(&all))]);
        if let Some(own) = own {
            config["tests"]["m"]["sticky_key"] = json!(own);
        }
        Router::start(&config, &[("balance_strategy", "sticky"), ("sticky_key", "prefix"), QUIET])
    };
    let (prefix, conversation) = (start(None), start(Some("conversation")));
    let rules = "be brief, be kind, be right. ".repeat(50);
    let user = |text: String| json!({"role": "user", "content": text});
    let system = json!({"role": "system", "content": rules});
    let alike = || (0..12).map(|n| json!({"messages": [system, user(format!("question {n}"))]}));
    let turns = || {
        let said: Vec<_> = (0..12).map(|n| user(format!("turn {n}"))).collect();
        (1..=12).map(move |turn| json!({"messages": said[..turn]}))
    };
    let completions = || (0..12).map(|n| json!({"prompt": format!("{rules}{n}")}));
    assert_eq!(used(&prefix, &all, alike()).await, 1);
    assert_eq!(used(&prefix, &all, completions()).await, 1);
    assert!(used(&conversation, &all, alike()).await > 1, "these are twelve conversations");
    assert_eq!(used(&conversation, &all, turns()).await, 1);
    assert_eq!(used(&conversation, &all, completions()).await, 1, "what is no conversation goes by its beginning");
}
