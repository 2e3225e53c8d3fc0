//! Reload equals restart: after any way of changes a router answers like one that was started with the last of them,
//! and what stayed the same has kept what it had learned.

use std::{collections::BTreeMap, fs, path::Path};

use http::Request;
use llm_router_mock::{Mock, MockServer, Script};
use llm_router_tests::{Client, Provider, Router, models, until};
use proptest::{
    prelude::{Strategy, any, prop},
    sample::select,
    test_runner::{Config, TestRunner},
};
use serde_json::{Value, json};

const MODELS: [&str; 4] = ["alpha", "beta", "gamma", "delta"];
const STRATEGIES: [&str; 5] = ["balanced", "weighted", "least_loaded", "first_available", "adaptive"];
const TYPES: [&str; 3] = ["openai", "ollama", "anthropic"];
const CHAT: &str = "/v1/chat/completions";

/// One configuration.
#[derive(Debug, Clone)]
struct Configuration {
    models: BTreeMap<&'static str, Served>,
    settings: Settings,
}

/// One model: what it says of itself, and its providers by number, with their weights.
#[derive(Debug, Clone, PartialEq)]
struct Served {
    strategy: Option<&'static str>,
    reject: bool,
    kind: &'static str,
    providers: BTreeMap<u8, u8>,
}

/// Settings that take effect with a reload.
#[derive(Debug, Clone, PartialEq)]
struct Settings {
    strategy: &'static str,
    prefix: &'static str,
    cors: &'static str,
    largest_body: u32,
    details: bool,
    metrics: bool,
    reject: bool,
    language: &'static str,
    queue: u8,
}

/// The providers of one model are of one type: answers would differ with chance else.
fn served() -> impl Strategy<Value = Served> {
    let weights = prop::collection::btree_map(0..3_u8, 1..4_u8, 1..=3);
    (prop::option::of(select(&STRATEGIES[..])), any::<bool>(), select(&TYPES[..]), weights)
        .prop_map(|(strategy, reject, kind, providers)| Served { strategy, reject, kind, providers })
}

fn settings() -> impl Strategy<Value = Settings> {
    (
        (select(&STRATEGIES[..]), select(&["/api", "/v9", ""][..]), select(&["", "*", "https://a.example"][..])),
        (select(&[300_u32, 100_000][..]), any::<bool>(), any::<bool>(), any::<bool>()),
        (select(&["pl", "en"][..]), 0..3_u8),
    )
        .prop_map(|((strategy, prefix, cors), (largest_body, details, metrics, reject), (language, queue))| {
            Settings { strategy, prefix, cors, largest_body, details, metrics, reject, language, queue }
        })
}

fn configuration() -> impl Strategy<Value = Configuration> {
    (prop::collection::btree_map(select(&MODELS[..]), served(), 1..=4), settings())
        .prop_map(|(models, settings)| Configuration { models, settings })
}

impl Configuration {
    fn write(&self, folder: &Path, mock: &MockServer) {
        let all = self.models.iter().map(|(name, served)| {
            let of = |(id, weight): (&u8, &u8)| {
                Provider::new(&format!("{name}-{id}"), served.kind, &mock.url()).with("weight", f64::from(*weight))
            };
            (*name, served.providers.iter().map(of).collect())
        });
        let mut file = models(all);
        for (name, served) in &self.models {
            if let Some(strategy) = served.strategy {
                file["tests"][name]["strategy"] = json!(strategy);
            }
            if served.reject {
                file["tests"][name]["unsupported"] = json!("reject");
            }
        }
        let Settings { strategy, prefix, cors, largest_body, details, metrics, reject, language, queue } =
            &self.settings;
        let unsupported = if *reject { "reject" } else { "drop" };
        let settings = format!(
            "balance_strategy = \"{strategy}\"\nep_prefix = \"{prefix}\"\ncors_origins = \"{cors}\"\n\
             max_request_body_size = {largest_body}\nresponse_details = {details}\nuse_prometheus = {metrics}\n\
             unsupported = \"{unsupported}\"\ndefault_ep_language = \"{language}\"\nqueue_size = {queue}\n"
        );
        fs::write(folder.join("models.json"), file.to_string()).expect("the folder is writable");
        fs::write(folder.join("settings.toml"), settings).expect("the folder is writable");
    }

    /// Whether a reload from another configuration to this one may keep what a model's balancer has learned.
    fn keeps(&self, before: &Self, name: &str) -> bool {
        let strategy = |config: &Self| config.models[name].strategy.unwrap_or(config.settings.strategy);
        let both = self.models.contains_key(name) && before.models.contains_key(name);
        both && strategy(self) == strategy(before) && self.settings.queue == before.settings.queue
    }
}

fn start(folder: &Path) -> Router {
    let path = |name: &str| folder.join(name).to_str().expect("a temporary path is UTF-8").to_owned();
    let flags = [
        ("models_config", path("models.json")),
        ("admin_port", "0".to_owned()),
        ("probe_interval", "0".to_owned()),
        ("server_workers_count", "1".to_owned()),
    ];
    let flags: Vec<_> = flags.iter().map(|(name, value)| (*name, value.as_str())).collect();
    Router::start_from(&folder.join("settings.toml"), &flags)
}

/// Everything of an answer that does not differ from one request to the next.
async fn answer(client: Client, request: http::request::Builder, body: String) -> String {
    let reply = client.send(request.body(body.into()).expect("the request is well-formed")).await;
    let names =
        ["access-control-allow-origin", "allow", "content-type", "x-llm-router-attempts", "x-llm-router-dropped"];
    let headers: Vec<_> = names.iter().map(|name| reply.headers.get(*name)).collect();
    let body = match serde_json::from_slice::<Value>(&reply.body) {
        Ok(mut body) => {
            settle(&mut body);
            body.to_string()
        }
        // The names of the metrics there are, without what they have counted.
        Err(_) => reply.text().lines().filter(|line| line.starts_with("# TYPE")).collect::<Vec<_>>().join("\n"),
    };
    format!("{} {headers:?} {body}", reply.status)
}

/// Takes out what differs with time and chance.
fn settle(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            for name in [
                "created",
                "created_at",
                "id",
                "request_id",
                "loaded_at",
                "modified_at",
                "picked",
                "succeeded",
                "failed",
                "cancelled",
                "generation_time",
                "total_duration",
                "state",
                "uptime",
                "connections",
                "system_fingerprint",
                "usage",
                "signature",
            ] {
                if fields.get(name).is_some_and(|value| !(name == "id" && value.as_str().is_some_and(is_configured))) {
                    fields.remove(name);
                }
            }
            fields.values_mut().for_each(settle);
        }
        Value::Array(items) => items.iter_mut().for_each(settle),
        _ => {}
    }
}

fn is_configured(id: &str) -> bool {
    MODELS.iter().any(|name| id.starts_with(name))
}

/// What a router answers to everything.
async fn portrait(router: &Router) -> BTreeMap<String, String> {
    let mut seen = BTreeMap::new();
    let admin = Client::new(router.running().admin_address().expect("it has an operators' listener"));
    seen.insert("ready".to_owned(), answer(admin, Request::get("/readyz"), String::new()).await);
    let lists =
        ["/v1/models", "/api/tags", "/api/v0/models", "/api/ps", "/readyz", "/metrics", "/nothing", "/api/ping"];
    for path in lists.into_iter().chain(["/v9/ping", "/ping"]) {
        let request = Request::get(path).header("origin", "https://a.example");
        seen.insert(path.to_owned(), answer(router.client(), request, String::new()).await);
    }
    for model in MODELS {
        for (path, size) in [(CHAT, 10), ("/v1/messages", 10), (CHAT, 1000)] {
            // What `top_k` means differs from one provider to the next, and so does what becomes of it.
            let body = json!({"model": model, "max_tokens": 5,
                "messages": [{"role": "user", "content": "a".repeat(size)}]});
            let request = Request::post(path).header("origin", "https://b.example");
            seen.insert(format!("{model} {path} {size}"), answer(router.client(), request, body.to_string()).await);
        }
        seen.insert(format!("{model} options"), options(router, model));
    }
    seen
}

/// What a model's requests go by.
fn options(router: &Router, model: &str) -> String {
    let state = router.running().shared().state().clone();
    let Ok(pool) = state.pool(model) else { return "none".to_owned() };
    let targets: Vec<_> = pool
        .targets()
        .iter()
        .map(|member| (member.config.id.clone(), member.config.weight.to_string(), member.config.resource.clone()))
        .collect();
    let version = &state.version;
    format!("{targets:?} {:?} {:?} {version}", pool.model.options.strategy, pool.model.options.unsupported)
}

/// Answers so far, by provider.
fn counts(router: &Router) -> BTreeMap<String, u64> {
    let state = router.running().shared().state().clone();
    let all = state.pools().flat_map(|pool| pool.balancer.status());
    all.map(|status| (status.id.to_string(), status.picked)).collect()
}

async fn check(mock: &MockServer, way: &[Configuration]) -> Result<(), String> {
    let folder = tempfile::tempdir().expect("there is room for a folder");
    way[0].write(folder.path(), mock);
    let router = start(folder.path());
    for pair in way.windows(2) {
        let [before, after] = pair else { continue };
        for model in before.models.keys() {
            let body = json!({"model": model, "max_tokens": 5, "messages": [{"role": "user", "content": "hi"}]});
            let reply = router.client().post(CHAT, body.to_string()).await;
            if reply.status != 200 {
                return Err(format!("{model}: {}", reply.text()));
            }
        }
        until("every answer is settled", async || router.in_flight() == 0).await;
        let learned = counts(&router);
        after.write(folder.path(), mock);
        router.running().shared().reload("a test").map_err(|problems| problems.to_string())?;
        let kept = counts(&router);
        for (name, served) in &after.models {
            for id in served.providers.keys() {
                let same = before.models.get(name).is_some_and(|was| was.providers.contains_key(id));
                let id = format!("{name}-{id}");
                let expected = if same && after.keeps(before, name) { learned[&id] } else { 0 };
                if kept[&id] != expected {
                    return Err(format!("{id}: {expected} requests before the reload, {} after", kept[&id]));
                }
            }
        }
    }
    let fresh = start(folder.path());
    let (reloaded, started) = (portrait(&router).await, portrait(&fresh).await);
    let different = reloaded.iter().find(|(name, answer)| started.get(*name) != Some(*answer));
    different
        .map_or(Ok(()), |(name, answer)| Err(format!("{name}\nreloaded: {answer}\nstarted:  {:?}", started.get(name))))
}

#[test]
fn a_reload_equals_a_restart() {
    let long = std::env::var("LLM_ROUTER_TESTS_LONG").is_ok_and(|long| !long.is_empty());
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
    let mock = runtime.block_on(Mock::spawn(Script::default())).expect("a port is free");
    let config = Config {
        cases: if long { 300 } else { 16 },
        max_shrink_iters: 60,
        failure_persistence: None,
        ..Config::default()
    };
    let mut runner = TestRunner::new(config);
    let ways = prop::collection::vec(configuration(), 2..=5);
    let result = runner
        .run(&ways, |way| runtime.block_on(check(&mock, &way)).map_err(proptest::test_runner::TestCaseError::fail));
    result.unwrap_or_else(|error| panic!("{error}"));
}
