//! `llm-router doctor` as it is typed: what it finds, what it advises, and how it exits.

use std::{fs, net::TcpListener, path::Path, process::Command};

use llm_router_mock::{Mock, Script};
use llm_router_tests::{Provider, models, tool};
use serde_json::Value;

/// Runs it in a folder; its exit code and everything it says.
fn doctor(folder: &Path, models: Option<&Value>, more: &[&str]) -> (Option<i32>, String) {
    let mut arguments = vec!["doctor".to_owned()];
    if let Some(models) = models {
        let file = folder.join("models.json");
        fs::write(&file, models.to_string()).expect("the folder is writable");
        arguments.extend(["--set".to_owned(), format!("models_config={}", file.display())]);
    }
    arguments.extend(more.iter().map(|&word| word.to_owned()));
    run(Command::new(env!("CARGO_BIN_EXE_llm-router")).args(arguments).current_dir(folder))
}

fn run(command: &mut Command) -> (Option<i32>, String) {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let output = command.env_clear().env("PATH", path).output().expect("it runs");
    let said = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    (output.status.code(), said.concat())
}

/// The line about a subject, with the advice below it.
fn about<'a>(said: &'a str, subject: &str) -> &'a str {
    let at = said.find(subject).unwrap_or_else(|| panic!("nothing about {subject} in\n{said}"));
    let start = said[..at].rfind('\n').map_or(0, |end| end + 1);
    let mut end = said[start..].find('\n').map_or(said.len(), |length| start + length);
    if said[end..].trim_start().starts_with("->") {
        end += 1 + said[end + 1..].find('\n').unwrap_or(said.len() - end - 1);
    }
    &said[start..end]
}

fn expect(said: &str, subject: &str, parts: &[&str]) {
    let line = about(said, subject);
    for part in parts {
        assert!(line.contains(part), "no {part:?} in\n{line}\nof\n{said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fresh_start_with_the_demo_has_no_faults() {
    let folder = tempfile::tempdir().expect("there is room for a folder");
    let (code, said) = doctor(folder.path(), None, &["--stream"]);
    assert_eq!(code, Some(0), "{said}");
    expect(&said, "demo / ", &["ok", "has demo"]);
    assert!(said.contains("streams") && said.contains("no faults"), "{said}");
    assert!(!folder.path().join("llm-router.log").exists(), "it leaves nothing behind");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_fault_of_a_provider_has_its_advice() {
    let mock = async |script: &str| {
        let script = Script::parse(script).expect("a script");
        Mock::spawn(script).await.expect("a port is free")
    };
    let locked = mock("key=right models=here").await;
    let there = mock("engine=vllm models=llama3.1:8b,here").await;
    let hangs_up = mock("cut=wire:1").await;
    let silent = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let closed = silent.local_addr().expect("it is bound");
    drop(silent);
    let small = |id: &str, url: &str| Provider::new(id, "vllm", url).with("model_path", "here");
    let all = models([(
        "m",
        vec![
            small("right", &locked.url()).with("api_token", "right"),
            small("wrong", &locked.url()).with("api_token", "wrong"),
            small("without", &locked.url()),
            small("long", &there.url()).with("input_size", 9_000_000),
            Provider::new("absent", "ollama", &there.url()).with("model_path", "llama3.1:8"),
            small("closed", &format!("http://{closed}")),
            small("nowhere", "http://no-such-host.invalid"),
            small("hangs", &hangs_up.url()),
            small("plain", &there.url().replace("http:", "https:")),
        ],
    )]);
    let folder = tempfile::tempdir().expect("there is room for a folder");
    let (code, said) = doctor(folder.path(), Some(&all), &[]);
    assert_eq!(code, Some(1), "{said}");
    expect(&said, "m / right", &["ok", "key accepted", "has here"]);
    expect(&said, "m / wrong", &["FAULT", "refuses the key (status 401)", "correct the provider's api_token"]);
    expect(&said, "m / without", &["FAULT", "it wants a key: set the provider's api_token"]);
    expect(&said, "m / long", &["warning", "takes 8192 tokens", "set input_size to 8192"]);
    expect(&said, "m / absent", &["FAULT", "does not list llama3.1:8", "set model_path to \"llama3.1:8b\""]);
    expect(&said, "m / closed", &["FAULT", &format!("nothing listens on {closed}")]);
    expect(&said, "m / nowhere", &["FAULT", "the name does not resolve", "no-such-host.invalid"]);
    expect(&said, "m / hangs", &["FAULT", "no whole answer"]);
    expect(&said, "m / plain", &["FAULT", "TLS fails: http:// if it speaks none"]);
    assert!(said.contains("are faults: requests will fail"), "{said}");
    assert!(!said.contains("api_token\": \"right"), "no key is shown: {said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_does_not_stream_is_found_when_it_is_asked_to() {
    let mock = Mock::spawn(Script::parse("status=200 body={}").expect("a script")).await.expect("a port is free");
    let refuses = Mock::spawn(Script::parse("error=context").expect("a script")).await.expect("a port is free");
    let all = models([(
        "m",
        vec![Provider::new("whole", "openai", &mock.url()), Provider::new("refuses", "openai", &refuses.url())],
    )]);
    let folder = tempfile::tempdir().expect("there is room for a folder");
    let (_, said) = doctor(folder.path(), Some(&all), &["--stream"]);
    assert!(said.contains("does not stream: it answers in one piece"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_and_the_system_are_looked_at() {
    let mock = Mock::spawn(Script::parse("models=m").expect("a script")).await.expect("a port is free");
    let all = models([("m", vec![Provider::new("a", "vllm", &mock.url())])]);
    let folder = tempfile::tempdir().expect("there is room for a folder");
    let socket = folder.path().join("redis.sock");
    let mut redis = tool("redis-server", "redis-server")
        .args(["--port", "0", "--save", "", "--requirepass", "open", "--unixsocket"])
        .arg(&socket)
        .current_dir(folder.path())
        .stdout(std::process::Stdio::null())
        .spawn()
        .expect("it starts");
    llm_router_tests::until("the socket is there", async || socket.exists()).await;
    let at = format!("redis_host={}", socket.display());
    let look = |more: &[&str]| doctor(folder.path(), Some(&all), more);
    let (code, said) = look(&["--set", &at, "--set", "redis_password=open"]);
    assert_eq!(code, Some(0), "{said}");
    expect(&said, "redis /", &["ok", "answers, version"]);
    let (code, said) = look(&["--set", &at]);
    assert_eq!(code, Some(1), "{said}");
    expect(&said, "redis /", &["FAULT", "NOAUTH", "set redis_password"]);
    let (_, said) = look(&["--set", &at, "--set", "redis_password=shut"]);
    expect(&said, "redis /", &["FAULT", "WRONGPASS", "redis_password or redis_username is not what"]);
    let (_, said) = look(&["--set", &at, "--set", "redis_password=open", "--set", "redis_cluster=true"]);
    expect(&said, "redis /", &["FAULT", "is a standalone server, the settings say cluster"]);
    drop(redis.kill());
    drop(redis.wait());
    let (code, said) =
        look(&["--set", "redis_host=127.0.0.1", "--set", "redis_port=1", "--set", "log_filename=no/such/x"]);
    assert_eq!(code, Some(1), "{said}");
    expect(&said, "redis 127.0.0.1:1", &["FAULT", "nothing listens there"]);
    expect(&said, "log file", &["warning", "no/such/x cannot be written", "set log_filename"]);
    let models = format!("models_config={}", folder.path().join("models.json").display());
    let few = "ulimit -n 100; exec \"$0\" doctor --set \"$1\"";
    let (code, said) = run(Command::new("sh").args(["-c", few, env!("CARGO_BIN_EXE_llm-router"), &models]));
    assert_eq!(code, Some(1), "{said}");
    expect(&said, "open files", &["FAULT", "enough for 18 clients", "LimitNOFILE=20064"]);
}

#[test]
fn settings_that_are_wrong_are_told_all_at_once() {
    let folder = tempfile::tempdir().expect("there is room for a folder");
    let (code, said) = doctor(folder.path(), None, &["--set", "server_port=x", "--set", "log_level=loud"]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("--server-port = \"x\"") && said.contains("--log-level = \"loud\""), "{said}");
}
