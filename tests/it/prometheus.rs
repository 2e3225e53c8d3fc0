//! A real Prometheus scrapes the router, and answers what the dashboard and the alert rules ask it.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    net::SocketAddr,
    process::{Child, Stdio},
    time::{Duration, Instant},
};

use llm_router_tests::{Client, tool};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;
use tempfile::TempDir;

use crate::{
    dashboard::{expressions, filled, resource},
    scene::Scene,
};

/// The longest wait for a number.
const PATIENCE: Duration = Duration::from_secs(60);

/// The server of the Debian package, with a folder of its own; it ends with the test.
struct Prometheus {
    process: Child,
    address: SocketAddr,
    _folder: TempDir,
}

impl Prometheus {
    /// Starts one that looks at a target many times a second and knows the alert rules.
    async fn start(target: SocketAddr) -> Self {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let config = folder.path().join("prometheus.yml");
        let text = format!(
            "global: {{scrape_interval: 250ms, evaluation_interval: 250ms}}\n\
             rule_files: ['{}']\n\
             scrape_configs: [{{job_name: llm-router, static_configs: [{{targets: ['{target}']}}]}}]\n",
            resource("alerts.yml").canonicalize().expect("it is there").display()
        );
        fs::write(&config, text).expect("the folder is writable");
        let mut process = tool("prometheus", "prometheus")
            .arg(format!("--config.file={}", config.display()))
            .arg(format!("--storage.tsdb.path={}", folder.path().join("data").display()))
            .arg("--web.listen-address=127.0.0.1:0")
            .stderr(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .expect("it starts");
        let mut lines = BufReader::new(process.stderr.take().expect("it is piped")).lines().map_while(Result::ok);
        let said = lines.find(|line| line.contains("\"Listening on\"")).expect("it says where it listens");
        let address = said.rsplit("address=").next().and_then(|text| text.trim_matches('"').parse().ok());
        // Nobody reading would stop it once the pipe is full.
        std::thread::spawn(move || lines.for_each(drop));
        let started = Self { process, address: address.expect("it is an address"), _folder: folder };
        // It listens before it can answer.
        let end = Instant::now() + PATIENCE;
        while Client::new(started.address).get("/-/ready").await.status != 200 {
            assert!(Instant::now() < end, "not ready within {PATIENCE:?}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        started
    }

    /// The series that an expression has now, as its API has them.
    async fn ask(&self, expr: &str) -> Vec<Value> {
        let path = format!("/api/v1/query?query={}", utf8_percent_encode(expr, NON_ALPHANUMERIC));
        let reply = Client::new(self.address).get(&path).await.json();
        assert_eq!(reply["status"], "success", "{expr}: {reply}");
        reply["data"]["result"].as_array().cloned().unwrap_or_else(|| panic!("{expr}: {reply}"))
    }

    /// Whether an expression has a series with a number.
    async fn has_data(&self, expr: &str) -> bool {
        let number = |series: &Value| series["value"][1].as_str().and_then(|text| text.parse::<f64>().ok());
        self.ask(expr).await.iter().filter_map(number).any(f64::is_finite)
    }

    /// Does something until an expression has data.
    async fn until(&self, expr: &str, again: impl AsyncFn()) {
        let end = Instant::now() + PATIENCE;
        while !self.has_data(expr).await {
            assert!(Instant::now() < end, "no data within {PATIENCE:?} for {expr}");
            again().await;
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

#[tokio::test]
async fn every_panel_has_data_once_everything_has_happened() {
    let scene = Scene::open().await;
    let prometheus = Prometheus::start(scene.router.address()).await;
    scene.play().await;
    let chat =
        r#"http_requests_total{job="llm-router",method="POST",endpoint="/v1/chat/completions",http_status="200"}"#;
    prometheus.until(chat, async || {}).await;
    let mut empty: Vec<String> = expressions().iter().map(|expr| filled(expr, "1m")).collect();
    let end = Instant::now() + PATIENCE;
    // Rates want two scrapes with something between them.
    while !empty.is_empty() {
        assert!(Instant::now() < end, "no data within {PATIENCE:?} for {empty:#?}");
        scene.play().await;
        let mut rest = Vec::new();
        for expr in empty {
            if !prometheus.has_data(&expr).await {
                rest.push(expr);
            }
        }
        empty = rest;
    }
}

#[tokio::test]
async fn a_provider_that_is_down_raises_its_alert() {
    let scene = Scene::open().await;
    let prometheus = Prometheus::start(scene.router.address()).await;
    prometheus.until(r#"ALERTS{alertname="LlmRouterModelDown",model_name="down"}"#, async || scene.play().await).await;
    let end = Instant::now() + PATIENCE;
    loop {
        let told = Client::new(prometheus.address).get("/api/v1/rules?type=alert").await.json();
        let groups = told["data"]["groups"].as_array().expect("a list");
        let rules = groups.iter().flat_map(|group| group["rules"].as_array().into_iter().flatten());
        let health: Vec<&str> = rules.map(|rule| rule["health"].as_str().expect("a word")).collect();
        assert!(health.len() > 5 && !health.contains(&"err"), "{told}");
        // One that has not had its turn yet is `unknown`.
        if health.iter().all(|health| *health == "ok") {
            break;
        }
        assert!(Instant::now() < end, "not evaluated within {PATIENCE:?}: {told}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
