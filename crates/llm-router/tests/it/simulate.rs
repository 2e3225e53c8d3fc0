//! `llm-router simulate` as it is typed: scenarios, an operator's own providers, recorded calls.

use std::{fmt::Write as _, fs, path::Path, process::Command};

use serde_json::{Value, json};
use tempfile::TempDir;

/// What the command says on both its outputs, and whether it succeeded.
fn simulate(folder: &Path, words: &[&str]) -> (bool, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_llm-router"));
    let output = command.current_dir(folder).arg("simulate").args(words).output().expect("the program starts");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.success(), text(&output.stdout), text(&output.stderr))
}

/// A fast provider that is down for a while, a slow one, and a reserve; a trace of a call every half second.
fn files() -> TempDir {
    let folder = tempfile::tempdir().expect("there is room for a folder");
    let host = "http://10.0.0.1:8000";
    let fast = json!({"id": "fast", "api_type": "vllm", "api_host": host, "api_token": "env:NO_SUCH_KEY", "weight": 4,
        "simulate": {"slots": 8, "troubles": [{"what": "down", "from": 60, "to": 80}]}});
    let slow = json!({"id": "slow", "api_type": "ollama", "api_host": host, "max_concurrency": 1});
    let lone = json!({"id": "lone", "api_type": "ollama", "api_host": host});
    let idle = json!({"id": "idle", "api_type": "ollama", "api_host": host, "weight": 0});
    let reserve = json!({"id": "reserve", "api_type": "openai", "api_host": host});
    let models = json!({"active_models": {"g": ["m", "other"]}, "g": {
        "m": {"providers": [fast, slow, idle], "providers_sleep": [reserve]},
        "other": {"providers": [lone]}}});
    fs::write(folder.path().join("models.json"), models.to_string()).expect("the folder is writable");
    let mut trace = String::new();
    for call in 0..240 {
        let at = 1000.0 + f64::from(call) / 2.0;
        let line = json!({"at": at, "prompt": 400, "output": 20, "model": "m", "conversation": call % 12});
        writeln!(trace, "{line}").expect("writing to memory");
        writeln!(trace, "{}", json!({"at": at, "prompt": 9_000_000, "output": 1, "model": "other"})).expect("the same");
    }
    fs::write(folder.path().join("trace.jsonl"), trace).expect("the folder is writable");
    folder
}

#[test]
fn an_operators_providers_meet_recorded_calls() {
    let folder = files();
    let words = ["--models", "models.json", "--model", "m", "--trace", "trace.jsonl", "--json"];
    let (good, report, said) = simulate(folder.path(), &words);
    assert!(good, "{said}");
    assert_eq!(said, "warning: models.json: provider \"idle\" has the weight 0 and is not simulated\n");
    let found: Value = serde_json::from_str(&report).expect("a JSON object");
    assert_eq!((&found["scenario"], &found["load"], &found["replicas"]), (&json!("m"), &json!(1), &json!(1)));
    let of = |name: &str| {
        let list = found["strategies"].as_array().expect("a list");
        list.iter()
            .find(|finding| finding["strategy"] == name)
            .unwrap_or_else(|| panic!("no {name} in {report}"))
            .clone()
    };
    // Four times the usual speed: 400 tokens at 8000 a second. The calls of the other model would take hours.
    assert_eq!(of("omniscient")["ttft_p50_ms"], 50);
    assert_eq!(of("omniscient")["failed"], 0);
    assert!(of("adaptive")["goodput"].as_f64() > Some(0.95) && of("sticky")["goodput"].is_number(), "{report}");
    let again = simulate(folder.path(), &words).1;
    assert_eq!(again, report, "bit for bit");
}

#[test]
fn random_calls_and_scenarios_meet_a_load() {
    let folder = files();
    let (good, table, said) =
        simulate(folder.path(), &["--models", "models.json", "--model", "other", "--load", "0.3"]);
    assert!(good && table.starts_with("other, load 0.3, 1 replica, seed 1\n") && said.is_empty(), "{table}{said}");
    let (good, table, said) = simulate(folder.path(), &["--scenario", "h1", "--trace", "trace.jsonl", "--load", "2"]);
    assert!(good && table.contains("| adaptive |") && said.is_empty(), "{table}{said}");
}

#[test]
fn what_cannot_be_simulated_is_named() {
    let folder = files();
    fs::write(folder.path().join("bad.jsonl"), "{\"at\": \"soon\"}\n").expect("the folder is writable");
    for (words, wanted) in [
        (&["--models", "models.json"][..], "has several models: m, other; name one with --model"),
        (&["--models", "models.json", "--model", "M"], "is not an active model of models.json; there are: m, other"),
        (&["--models", "none.json"], "none.json: cannot be read"),
        (&["--trace", "bad.jsonl"], "bad.jsonl:1: `at` must be a number of seconds"),
        (&["--scenario", "H9"], "is not a scenario; there are: H1, H1b"),
        (&["--load", "0"], "load and seconds must be above zero"),
        (&["--models", "models.json", "--scenario", "H1"], "cannot be used with"),
    ] {
        let (good, _, said) = simulate(folder.path(), words);
        assert!(!good && said.contains(wanted), "{words:?}: {said}");
    }
}
