//! Probes: every server is asked once a round, and all providers that stand there learn of its answer.

use std::collections::HashMap;

use llm_router_balancer::Standing;
use llm_router_mock::{Mock, Script};
use llm_router_tests::{Provider, Router, models, until};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
    sync::watch,
};

/// How many providers the router leaves alone.
fn left_alone(router: &Router) -> usize {
    let state = router.running().shared().state();
    let statuses = state.pools().flat_map(|pool| pool.balancer.status());
    statuses.filter(|status| matches!(status.standing, Standing::Paused { .. })).count()
}

#[tokio::test]
async fn a_server_is_asked_once_for_all_its_providers_and_all_learn_of_it() {
    let mock = Mock::spawn(Script::default()).await.unwrap();
    let (url, below) = (mock.url(), format!("{}/below", mock.url()));
    let with_key = |key| Provider::new("a", "openai", &url).with("api_token", key);
    let served = models([
        ("m1", vec![Provider::new("a", "openai", &url), Provider::new("b", "openai", &format!("{url}/v1"))]),
        ("m2", vec![Provider::new("a", "openai", &url).with("model_path", "other").with("weight", 2)]),
        ("m3", vec![with_key("one"), Provider::new("b", "openai", &url).with("api_token", "one")]),
        ("m4", vec![with_key("two")]),
        ("m5", vec![Provider::new("a", "openai", &below)]),
        ("m6", vec![Provider::new("a", "ollama", &url), Provider::new("b", "ollama", &url)]),
    ]);
    let router = Router::start(&served, &[("probe_interval", "0.05"), ("probe_timeout", "60")]);
    until("three rounds are over", async || mock.requests().len() >= 15).await;

    let mut times = HashMap::new();
    for seen in mock.requests() {
        let key = seen.headers.get("authorization").map(|value| value.to_str().unwrap().to_owned());
        *times.entry((seen.target, key)).or_insert(0) += 1;
    }
    let mut kinds: Vec<_> = times.keys().map(|(path, key)| (path.as_str(), key.as_deref())).collect();
    kinds.sort_unstable();
    let wanted = [
        ("/api/tags", None),
        ("/below/v1/models", None),
        ("/v1/models", None),
        ("/v1/models", Some("Bearer one")),
        ("/v1/models", Some("Bearer two")),
    ];
    assert_eq!(kinds, wanted);
    // A round may be under way.
    let (most, least) = (times.values().max().unwrap(), times.values().min().unwrap());
    assert!(most - least <= 1, "{times:?}");

    assert_eq!(left_alone(&router), 0);
    mock.shutdown();
    until("all are left alone", async || left_alone(&router) == 9).await;
}

#[tokio::test]
async fn one_connection_that_is_closed_is_no_server_that_is_down() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (accepted, seen) = watch::channel(0_u32);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            accepted.send_modify(|count| *count += 1);
            // Every other connection comes to nothing.
            if accepted.borrow().is_multiple_of(2) && stream.read(&mut [0; 4096]).await.is_ok() {
                let answer = b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\n{}";
                drop(stream.write_all(answer).await);
            }
        }
    });
    let providers = || vec![Provider::new("a", "openai", &url)];
    let served = models([("m1", providers()), ("m2", providers())]);
    let router = Router::start(&served, &[("probe_interval", "0.05"), ("probe_timeout", "60")]);
    until("five rounds are over", async || {
        assert_eq!(left_alone(&router), 0);
        *seen.borrow() >= 10
    })
    .await;
}
