//! The dashboard and the alert rules ask only for what a router really shows, in expressions that Prometheus takes.

use std::{collections::BTreeSet, fs, path::PathBuf, process::Command};

use llm_router_mock::{Mock, Script};
use llm_router_tests::{Provider, Router, models};
use serde_json::{Value, json};

fn resource(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../resources/grafana").join(name)
}

fn text(name: &str) -> String {
    fs::read_to_string(resource(name)).expect("the resource is there")
}

/// Every `expr` of the dashboard.
fn expressions(dashboard: &Value) -> Vec<String> {
    let panels = dashboard["panels"].as_array().expect("a list").iter();
    let targets = panels.flat_map(|panel| panel["targets"].as_array().into_iter().flatten());
    targets.map(|target| target["expr"].as_str().expect("every target has one").to_owned()).collect()
}

/// The names in a text that look like metrics of ours.
fn names(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
    let ours =
        |word: &&str| ["llm_router_", "http_request", "http_response", "process_"].iter().any(|p| word.starts_with(p));
    words.filter(ours).map(str::to_owned).collect()
}

/// A page of a router to which everything has happened that leaves a trace.
async fn page() -> String {
    let well = Mock::spawn(Script::default()).await.expect("a port is free");
    let busy = Mock::spawn(Script::parse("status=503").expect("a script")).await.expect("a port is free");
    let both = vec![
        Provider::new("busy", "openai", &busy.url()).with("tier", 0),
        Provider::new("well", "vllm", &well.url()).with("tier", 1),
    ];
    let down = vec![Provider::new("gone", "openai", "http://127.0.0.1:1")];
    let router = Router::start(&models([("m", both), ("down", down)]), &[("use_prometheus", "true")]);
    let client = router.client();
    for (model, status) in [("m", 200), ("down", 502), ("nope", 404)] {
        let body = json!({"model": model, "stream": true, "messages": [{"role": "user", "content": "hi"}]});
        assert_eq!(client.post("/v1/chat/completions", body.to_string()).await.status, status, "{model}");
    }
    client.get("/metrics").await.text()
}

#[tokio::test]
async fn every_metric_that_is_asked_for_is_there() {
    let page = page().await;
    let shown: BTreeSet<&str> =
        page.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.split(['{', ' ']).next()).collect();
    let dashboard: Value = serde_json::from_str(&text("dashboard.json")).expect("the dashboard is JSON");
    let asked = expressions(&dashboard);
    assert!(asked.len() > 30, "{} expressions", asked.len());
    // Only where a Redis server is configured.
    let sometimes = ["llm_router_redis_up"];
    for name in names(&format!("{}\n{}", asked.join("\n"), text("alerts.yml"))) {
        let counted = format!("{name}_count");
        assert!(
            shown.contains(&*name) || shown.contains(&*counted) || sometimes.contains(&&*name),
            "{name} is not shown:\n{page}"
        );
    }
}

#[test]
fn prometheus_takes_every_expression() {
    if Command::new("promtool").arg("--version").output().is_err() {
        assert!(std::env::var_os("CI").is_none(), "promtool is missing: install the Debian package prometheus");
        return;
    }
    let dashboard: Value = serde_json::from_str(&text("dashboard.json")).expect("the dashboard is JSON");
    let rules: Vec<Value> = expressions(&dashboard)
        .into_iter()
        .enumerate()
        .map(|(number, expr)| {
            let expr = expr.replace("$__rate_interval", "5m").replace("$model", ".*");
            json!({"record": format!("panel_{number}"), "expr": expr})
        })
        .collect();
    let folder = tempfile::tempdir().expect("a folder can be made");
    let panels = folder.path().join("panels.yml");
    // JSON is YAML.
    let groups = json!({"groups": [{"name": "panels", "rules": rules}]});
    fs::write(&panels, groups.to_string()).expect("the folder is writable");
    for file in [panels, resource("alerts.yml")] {
        let checked = Command::new("promtool").args(["check", "rules"]).arg(file).output().expect("promtool runs");
        assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stderr));
    }
}
