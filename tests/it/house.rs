//! The rules of the house that the compiler does not keep: crate edges, first lines, file lengths.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

/// Which crate may depend on which of ours. What is not here is not allowed.
const EDGES: [(&str, &[&str]); 7] = [
    ("core", &[]),
    ("balancer", &[]),
    ("endpoints", &["core", "balancer"]),
    ("server", &["core", "balancer", "endpoints"]),
    ("mock", &[]),
    ("bench", &[]),
    ("llm-router", &["core", "balancer", "server", "mock", "bench"]),
];

/// Dependencies that would break an invariant, by crate: core does no I/O of its own, endpoints opens no socket.
const FORBIDDEN: [(&str, &[&str]); 3] = [
    ("core", &["tokio", "hyper", "hyper-util", "tracing", "fred"]),
    ("balancer", &["hyper", "http", "serde_json"]),
    ("endpoints", &["hyper", "hyper-util", "fred", "rustls"]),
];

const LONGEST_FILE: usize = 400;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the tests are a folder of the workspace").to_owned()
}

/// The dependencies that a crate always has, by their package names.
fn dependencies(folder: &str) -> BTreeSet<String> {
    let text = fs::read_to_string(root().join("crates").join(folder).join("Cargo.toml")).expect("every crate has one");
    let section = text.split("\n[").find(|section| section.starts_with("dependencies]")).unwrap_or_default();
    let lines = section.lines().skip(1).filter(|line| !line.contains("optional = true"));
    lines.filter_map(|line| Some(line.split(['.', ' ', '=']).next()?.to_owned())).filter(|n| !n.is_empty()).collect()
}

fn sources() -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders: Vec<PathBuf> = ["crates", "tests", "examples"].iter().map(|name| root().join(name)).collect();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a folder of ours is readable") {
            let path = entry.expect("an entry is readable").path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if path.is_dir() && name != "target" && !name.starts_with('.') {
                folders.push(path);
            } else if name.ends_with(".rs") {
                found.push(path);
            }
        }
    }
    found
}

#[test]
fn crates_depend_on_each_other_as_the_map_says() {
    let mut named: Vec<String> = EDGES.iter().map(|(name, _)| (*name).to_owned()).collect();
    let mut there: Vec<String> = fs::read_dir(root().join("crates"))
        .expect("there are crates")
        .filter_map(|entry| entry.ok().filter(|e| e.path().is_dir()))
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    named.sort();
    there.sort();
    assert_eq!(there, named, "a crate that the map does not have, or the other way round");
    for (folder, allowed) in EDGES {
        for dependency in dependencies(folder) {
            let Some(name) = dependency.strip_prefix("llm-router-") else { continue };
            assert!(allowed.contains(&name), "{folder} must not depend on {name}");
        }
    }
}

#[test]
fn crates_stay_clear_of_what_would_break_their_invariants() {
    for (folder, forbidden) in FORBIDDEN {
        let all = dependencies(folder);
        for name in forbidden {
            assert!(!all.contains(*name), "{folder} must not depend on {name}");
        }
    }
}

#[test]
fn every_file_says_in_its_first_line_what_lives_there() {
    for path in sources() {
        let text = fs::read_to_string(&path).expect("a source file is UTF-8");
        let first = text.lines().next().unwrap_or_default();
        assert!(first.starts_with("//! ") && first.len() > 12, "{}: {first:?}", path.display());
    }
}

#[test]
fn no_file_is_too_long_to_be_about_one_thing() {
    for path in sources() {
        let lines = fs::read_to_string(&path).expect("a source file is UTF-8").lines().count();
        assert!(lines <= LONGEST_FILE, "{} has {lines} lines", path.display());
    }
}

#[test]
fn only_one_place_of_the_router_spawns() {
    for path in sources() {
        let shown = path.strip_prefix(root()).expect("sources are below the root").display().to_string();
        let ours = ["crates/core/src", "crates/balancer/src", "crates/endpoints/src", "crates/server/src"];
        if !ours.iter().any(|folder| shown.starts_with(folder)) || shown == "crates/server/src/tasks.rs" {
            continue;
        }
        let text = fs::read_to_string(&path).expect("a source file is UTF-8");
        let code = text.split("#[cfg(test)]").next().unwrap_or_default();
        for call in ["tokio::spawn(", "spawn_local(", "task::spawn("] {
            let found = code.lines().find(|line| line.contains(call) && !line.trim_start().starts_with("//"));
            assert!(found.is_none(), "{shown} spawns: {found:?}");
        }
    }
}
