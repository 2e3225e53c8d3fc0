//! The dashboard and the alert rules ask only for what a router really shows, in expressions that Prometheus takes.

use std::{collections::BTreeSet, fs, path::PathBuf};

use llm_router_tests::tool;
use serde_json::{Value, json};

use crate::scene::Scene;

pub(crate) fn resource(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../resources/grafana").join(name)
}

fn text(name: &str) -> String {
    fs::read_to_string(resource(name)).expect("the resource is there")
}

/// Every `expr` of the dashboard.
pub(crate) fn expressions() -> Vec<String> {
    let dashboard: Value = serde_json::from_str(&text("dashboard.json")).expect("the dashboard is JSON");
    let panels = dashboard["panels"].as_array().expect("a list").iter();
    let targets = panels.flat_map(|panel| panel["targets"].as_array().into_iter().flatten());
    targets.map(|target| target["expr"].as_str().expect("every target has one").to_owned()).collect()
}

/// An expression with the dashboard's variables filled in.
pub(crate) fn filled(expr: &str, interval: &str) -> String {
    expr.replace("$__rate_interval", interval).replace("$model", ".*")
}

/// The names in a text that look like metrics of ours.
fn names(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
    let ours =
        |word: &&str| ["llm_router_", "http_request", "http_response", "process_"].iter().any(|p| word.starts_with(p));
    words.filter(ours).map(str::to_owned).collect()
}

#[tokio::test]
async fn every_metric_that_is_asked_for_is_there() {
    let scene = Scene::open().await;
    scene.play().await;
    let page = scene.router.client().get("/metrics").await.text();
    let shown: BTreeSet<&str> =
        page.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.split(['{', ' ']).next()).collect();
    let asked = expressions();
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
    let rules: Vec<Value> = expressions()
        .into_iter()
        .enumerate()
        .map(|(number, expr)| json!({"record": format!("panel_{number}"), "expr": filled(&expr, "5m")}))
        .collect();
    let folder = tempfile::tempdir().expect("a folder can be made");
    let panels = folder.path().join("panels.yml");
    // JSON is YAML.
    let groups = json!({"groups": [{"name": "panels", "rules": rules}]});
    fs::write(&panels, groups.to_string()).expect("the folder is writable");
    for file in [panels, resource("alerts.yml")] {
        let checked =
            tool("promtool", "prometheus").args(["check", "rules"]).arg(file).output().expect("promtool runs");
        assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stderr));
    }
}
