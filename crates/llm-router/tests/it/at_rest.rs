//! What a router that nobody asks anything takes of the machine.

use std::fs;

use serde_json::json;

use crate::process::Process;

/// Memory of its own, without the program file, in KiB: twice what a debug build takes. Three places of the heap in
/// pages of 2 MiB are more than that, and so is a table that is filled before anybody needs it.
const MOST_OF_ITS_OWN: u64 = 6 * 1024;

#[test]
fn a_router_at_rest_holds_little_memory() {
    let models = json!({
        "m": {"m": {"providers": [{"id": "p", "api_host": "http://127.0.0.1:9", "api_type": "openai", "model_path": "m"}]}},
        "active_models": {"m": ["m"]},
    });
    let process = Process::start(&models, &[("server_workers_count", "2")]);
    let memory = fs::read_to_string(format!("/proc/{}/smaps_rollup", process.pid)).expect("Linux tells of memory");
    assert_eq!(kib(&memory, "AnonHugePages:"), 0, "no memory comes in pages of 2 MiB (.cargo/config.toml): {memory}");
    let own = kib(&memory, "Anonymous:");
    assert!(own > 0 && own < MOST_OF_ITS_OWN, "{own} KiB of its own: {memory}");
}

fn kib(memory: &str, name: &str) -> u64 {
    let figure =
        memory.lines().find_map(|line| line.strip_prefix(name)).and_then(|rest| rest.split_whitespace().next());
    figure.and_then(|figure| figure.parse().ok()).unwrap_or_else(|| panic!("{name} is missing in {memory}"))
}
