//! The status page in a real browser: what it shows, and how it looks in light, in the dark and on a phone.
//!
//! `LLM_ROUTER_SCREENSHOTS=1 cargo test -p llm-router-tests --test it screenshots` renews the pictures of the README.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use bytes::Bytes;
use http::Request;
use llm_router_mock::{Mock, MockServer, Script};
use llm_router_tests::{Client, Provider, Router, models, tool, until};
use serde_json::json;

/// A window's size, the browser's number for the colours its user likes (0 is dark), and the picture's name.
const LOOKS: [(&str, u8, &str); 3] =
    [("1000,820", 1, "status-light"), ("1000,820", 0, "status-dark"), ("500,1000", 1, "status-phone")];
/// The largest picture that is shown in the README, in bytes.
const LARGEST: u64 = 150_000;

/// A small fleet: two good servers, a slow one, one that is out, and a model in the cloud.
struct Fleet {
    router: Router,
    _mocks: Vec<MockServer>,
}

impl Fleet {
    async fn start() -> Self {
        let mut mocks = Vec::new();
        let mut mock = async |script: &str| {
            let server = Mock::spawn(Script::parse(script).expect("a script")).await.expect("a port is free");
            let url = server.url();
            mocks.push(server);
            url
        };
        let llama = vec![
            Provider::new("gpu-1", "vllm", &mock("first-delay=60ms token-delay=8ms").await).with("max_concurrency", 16),
            Provider::new("gpu-2", "vllm", &mock("first-delay=90ms token-delay=12ms").await)
                .with("max_concurrency", 16),
            Provider::new("gpu-3", "ollama", &mock("status=503").await),
        ];
        let qwen = vec![Provider::new("workstation", "lmstudio", &mock("first-delay=300ms token-delay=30ms").await)];
        let claude = vec![Provider::new("cloud", "anthropic", &mock("first-delay=450ms token-delay=4ms").await)];
        let all = models([("llama-3.1-70b", llama), ("qwen2.5-coder", qwen), ("claude", claude)]);
        let settings = [("admin_port", "0"), ("balance_strategy", "adaptive")];
        Self { router: Router::start(&all, &settings), _mocks: mocks }
    }

    async fn ask(&self, id: String, model: &str) -> u16 {
        let words = "one two three four five six seven eight nine ten eleven twelve";
        let body = json!({"model": model, "stream": true, "messages": [{"role": "user", "content": words}]});
        let request = Request::post("/v1/chat/completions").header("x-request-id", id);
        let request = request.body(Bytes::from(body.to_string())).expect("well formed");
        self.router.client().send(request).await.status.as_u16()
    }

    fn url(&self) -> String {
        format!("http://{}/", self.router.running().admin_address().expect("there are pages"))
    }

    /// How long the curves are.
    async fn moments(&self) -> usize {
        let admin = Client::new(self.router.running().admin_address().expect("there are pages"));
        admin.get("/admin/overview").await.json()["history"]["in_flight"].as_array().expect("a list").len()
    }

    /// Whether so many requests are remembered.
    async fn remembers(&self, count: usize) -> bool {
        let admin = Client::new(self.router.running().admin_address().expect("there are pages"));
        let reply = admin.get("/admin/requests?limit=1000").await.json();
        reply["requests"].as_array().expect("a list").len() >= count
    }
}

/// A browser that gives a page so much time, of which a live one takes all.
fn browser(folder: &Path, patience: Duration) -> Command {
    let mut command = tool("chromium", "chromium");
    command
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"])
        .args(["--disable-dev-shm-usage", "--hide-scrollbars"])
        .arg(format!("--user-data-dir={}", folder.display()))
        .arg(format!("--timeout={}", patience.as_millis()));
    command
}

#[tokio::test]
async fn the_page_shows_the_router_in_a_browser() {
    let fleet = Fleet::start().await;
    assert_eq!(fleet.ask("shown</script><b>".to_owned(), "llama-3.1-70b").await, 200);
    until("it is remembered", async || fleet.remembers(1).await).await;
    let page = Client::new(fleet.router.running().admin_address().expect("there are pages")).get("/").await;
    assert!(page.headers["content-security-policy"].to_str().expect("text").starts_with("default-src 'none'"));
    assert!(!page.text().contains("https://"), "the page asks nobody else for anything");
    let folder = tempfile::tempdir().expect("a folder can be made");
    let expected = ["shown&lt;/script&gt;&lt;b&gt;", ">gpu-1<", ">cloud<", "in flight", "tokens a second"];
    let mut shown = String::new();
    // A machine that does much else may need more time than the page itself.
    for patience in [4, 16, 64].map(Duration::from_secs) {
        let mut command = browser(folder.path(), patience);
        command.arg("--dump-dom").arg(fleet.url());
        let output = tokio::task::spawn_blocking(move || command.output()).await.expect("it ends").expect("it runs");
        shown = String::from_utf8_lossy(&output.stdout).into_owned();
        if expected.iter().all(|text| shown.contains(text)) {
            return;
        }
    }
    panic!("not all of {expected:?} in\n{shown}");
}

#[tokio::test(flavor = "multi_thread")]
async fn screenshots_of_the_page_are_small_pictures() {
    let renew = std::env::var_os("LLM_ROUTER_SCREENSHOTS").is_some();
    let looks = if renew { &LOOKS[..] } else { &LOOKS[..1] };
    let fleet = Fleet::start().await;
    let folder = tempfile::tempdir().expect("a folder can be made");
    let pictures = async {
        // A curve wants a past.
        for moments in 1..=if renew { 110 } else { 2 } {
            until("another moment", async || fleet.moments().await >= moments).await;
        }
        for (size, colours, name) in looks {
            let picture = folder.path().join(format!("{name}.png"));
            let mut command = browser(&folder.path().join(name), Duration::from_secs(4));
            command.arg(format!("--window-size={size}")).arg(format!("--screenshot={}", picture.display()));
            command.arg(format!("--blink-settings=preferredColorScheme={colours}")).arg(fleet.url());
            let output =
                tokio::task::spawn_blocking(move || command.output()).await.expect("it ends").expect("it runs");
            let length = fs::metadata(&picture).map_or(0, |file| file.len());
            let said = String::from_utf8_lossy(&output.stderr);
            assert!((5_000..LARGEST).contains(&length), "{name}: {length} bytes; {said}");
            if renew {
                let place = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../crates/server/docs");
                fs::create_dir_all(&place).expect("the folder is writable");
                fs::copy(&picture, place.join(format!("{name}.png"))).expect("the folder is writable");
            }
        }
    };
    let load = async {
        for number in 0_u32.. {
            let model = ["llama-3.1-70b", "llama-3.1-70b", "claude", "qwen2.5-coder", "llama-3.1-70b"];
            let model = if number % 23 == 22 { "gpt-5" } else { model[number as usize % model.len()] };
            let pause = Duration::from_millis(60 + 50 * u64::from(number % 7));
            tokio::join!(fleet.ask(format!("req-{number:04}"), model), tokio::time::sleep(pause));
        }
    };
    let more = async {
        for number in 0_u32.. {
            tokio::join!(
                fleet.ask(format!("job-{number:04}"), "llama-3.1-70b"),
                fleet.ask(format!("bg-{number:04}"), "claude")
            );
        }
    };
    tokio::select! {
        () = pictures => {}
        () = load => {}
        () = more => {}
    }
}
