//! `llm-router top` in a terminal and `llm-router why` on a command line, against a router that runs.

use std::{path::PathBuf, process::Command};

use bytes::Bytes;
use http::Request;
use llm_router_mock::{Mock, MockServer, Script};
use llm_router_tests::{Client, Provider, models, tool, until};

use crate::process::Process;

/// A router whose first choice refuses and whose second one answers.
async fn started() -> (Process, [MockServer; 2]) {
    let busy = Mock::spawn(Script::parse("status=503").expect("a script")).await.expect("a port is free");
    let well = Mock::spawn(Script::default()).await.expect("a port is free");
    let both = vec![
        Provider::new("busy-one", "openai", &busy.url()).with("tier", 0),
        Provider::new("well-one", "vllm", &well.url()).with("tier", 1),
    ];
    (Process::start(&models([("the-model", both)]), &[]), [busy, well])
}

async fn ask(router: &Process, id: &str, model: &str) {
    let body = format!(r#"{{"model":"{model}","stream":true,"messages":[{{"role":"user","content":"hi"}}]}}"#);
    let request = Request::post("/v1/chat/completions").header("x-request-id", id);
    let request = request.header("authorization", "Bearer sk-of-nobody").body(Bytes::from(body)).expect("well formed");
    Client::new(router.address).send(request).await;
}

/// Whether the router remembers a request: it does so once its answer has ended.
async fn remembers(router: &Process, id: &str) -> bool {
    Client::new(router.operators).get(&format!("/admin/requests/{id}")).await.status == 200
}

/// A terminal of its own, without a person before it; it ends with the test.
struct Terminal {
    socket: PathBuf,
}

impl Terminal {
    fn open(router: &Process, command: &[&str]) -> Self {
        let terminal = Self { socket: router.folder().join("terminal") };
        let said =
            terminal.tmux(&[&["-f", "/dev/null", "new-session", "-d", "-x", "170", "-y", "40"], command].concat());
        assert!(said.is_some(), "a terminal opens");
        terminal
    }

    /// What a command of the terminal's says; `None` when it fails.
    fn tmux(&self, words: &[&str]) -> Option<String> {
        let output = tool("tmux", "tmux").arg("-S").arg(&self.socket).args(words).output().expect("it runs");
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// What stands on the screen; empty once the program in it has ended.
    fn screen(&self) -> String {
        self.tmux(&["capture-pane", "-p"]).unwrap_or_default()
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        self.tmux(&["kill-server"]);
    }
}

#[tokio::test]
async fn top_shows_models_providers_and_requests_in_a_terminal() {
    let (router, _mocks) = started().await;
    ask(&router, "shown-1", "the-model").await;
    let url = format!("http://{}", router.operators);
    let terminal = Terminal::open(&router, &[env!("CARGO_BIN_EXE_llm-router"), "top", "--admin", &url]);
    for expected in ["the-model", "busy-one", "well-one", "vllm", "shown-1", "tokens a second", "! the-model: busy-one"]
    {
        until(expected, async || terminal.screen().contains(expected)).await;
    }
    // It is live: what happens later comes by itself.
    ask(&router, "shown-2", "the-model").await;
    until("the later request", async || terminal.screen().contains("shown-2")).await;
    terminal.tmux(&["send-keys", "q"]);
    until("it has ended", async || terminal.screen().is_empty()).await;
}

#[tokio::test]
async fn top_says_that_nobody_answers() {
    let (mut router, _mocks) = started().await;
    let url = format!("http://{}", router.operators);
    let terminal = Terminal::open(&router, &[env!("CARGO_BIN_EXE_llm-router"), "top", "--admin", &url]);
    until("the table", async || terminal.screen().contains("well-one")).await;
    router.kill();
    // What was known last stays, and is said to be that.
    let parts = ["cannot connect", "below is what was known last", "well-one"];
    let all = || {
        let screen = terminal.screen();
        parts.iter().all(|part| screen.contains(part)) && !screen.contains("all is well")
    };
    until("the trouble", async || all()).await;
    let run = Command::new(env!("CARGO_BIN_EXE_llm-router")).args(["top", "--admin", &url]).output().expect("it runs");
    let said = String::from_utf8_lossy(&run.stderr).into_owned();
    assert!(run.status.code() == Some(1) && said.contains("--admin names"), "{said}");
}

#[tokio::test]
async fn why_tells_of_both_attempts_and_of_the_choice() {
    let (router, _mocks) = started().await;
    for (id, model) in [("a/b", "the-model"), ("lost", "no-model")] {
        ask(&router, id, model).await;
    }
    until("both are remembered", async || remembers(&router, "lost").await && remembers(&router, "a%2Fb").await).await;
    let url = format!("http://{}", router.operators);
    let why = |id: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_llm-router"));
        let run = command.args(["why", id, "--admin", &url]).output().expect("it runs");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (run.status.code(), text(&run.stdout), text(&run.stderr))
    };
    let (code, said, _) = why("a/b");
    assert_eq!(code, Some(0));
    let parts = [
        "a/b  POST /v1/chat/completions",
        "status 200, complete",
        "answered by well-one, 2 asked",
        "failed: busy-one (503)",
        "choice 1:",
        "-> busy-one: could serve",
        "choice 2:",
        "busy-one: had failed this request",
        "-> well-one: could serve",
    ];
    let mut rest = &*said;
    for part in parts {
        let at = rest.find(part).unwrap_or_else(|| panic!("no {part:?}, or not in this order, in\n{said}"));
        rest = &rest[at + part.len()..];
    }
    assert!(!said.contains("sk-of-nobody") && said.contains("key: "), "{said}");
    let (code, said, _) = why("lost");
    assert!(code == Some(0) && said.contains("refused: model_not_found"), "{said}");
    let (code, _, error) = why("never");
    assert!(code == Some(1) && error.contains("not among the last requests"), "{error}");
}
