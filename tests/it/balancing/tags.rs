//! Tags: a request may ask for providers of a kind.

use llm_router_tests::{Router, models};
use serde_json::json;

use super::{QUIET, ask, chat, mocks, providers};

const TAGS: &str = "x-llm-router-tags";

#[tokio::test]
async fn a_request_goes_to_providers_that_have_all_its_tags() {
    let all = mocks(["", "", ""]).await;
    let tags = [json!(["eu", "fast"]), json!(["eu"]), json!([])];
    let tagged = providers(&all).into_iter().zip(tags).map(|(provider, tags)| provider.with("tags", tags)).collect();
    let router = Router::start(&models([("m", tagged)]), &[QUIET]);
    for (asked, wanted) in
        [(&[][..], [4, 4, 4]), (&["eu"], [6, 6, 0]), (&["eu, fast"], [12, 0, 0]), (&["fast", " eu ,"], [12, 0, 0])]
    {
        all.iter().for_each(llm_router_mock::MockServer::clear);
        let headers: Vec<_> = asked.iter().map(|tags| (TAGS, *tags)).collect();
        for _ in 0..12 {
            assert_eq!(ask(router.client(), "/v1/chat/completions", chat("hi"), &headers).await.status, 200);
        }
        let seen = all.each_ref().map(|mock| mock.requests().len());
        // The turns of those that may not serve are passed over, so the others share alike but for one.
        assert!(seen.iter().zip(wanted).all(|(seen, wanted)| seen.abs_diff(wanted) <= 1), "{asked:?}: {seen:?}");
        assert!(all[0].requests().iter().all(|seen| !seen.headers.contains_key(TAGS)), "it is for the router alone");
    }
    let text = json!({"model_name": "m", "user_last_statement": "hi"}).to_string();
    for _ in 0..4 {
        let reply = ask(router.client(), "/api/conversation_with_model", text.clone(), &[(TAGS, "fast")]).await;
        assert_eq!(reply.status, 200, "{}", reply.text());
    }
    assert_eq!(all[0].requests().len(), 12 + 4);
}

#[tokio::test]
async fn tags_that_no_provider_has_are_refused_with_those_there_are() {
    let all = mocks(["", ""]).await;
    let [a, b]: [_; 2] = providers(&all).try_into().unwrap_or_else(|_| unreachable!("two mocks"));
    let config = models([("m", vec![a.with("tags", json!(["eu", "fast"])), b.with("tags", json!(["us"]))])]);
    let router = Router::start(&config, &[]);
    for (tags, said) in [
        ("asia", "asks for tags that no provider of the model has together; there are: eu, fast, us"),
        ("eu,us", "asks for tags that no provider of the model has together; there are: eu, fast, us"),
        ("1,2,3,4,5,6,7,8,9", "may name 8 tags at most"),
        ("\u{fc}", "must be text"),
    ] {
        let reply = ask(router.client(), "/v1/chat/completions", chat("hi"), &[(TAGS, tags)]).await;
        assert_eq!(reply.status, 400, "{tags}");
        let error = reply.json()["error"].clone();
        assert_eq!(error["message"], format!("the header {TAGS} {said}"));
        assert_eq!(error["param"], TAGS);
    }
    let reply = ask(router.client(), "/v1/chat/completions", chat("hi"), &[(TAGS, " , ")]).await;
    assert_eq!(reply.status, 200, "no tag is no wish");
}
