//! Fuzzing: every reader of bytes from outside, over a corpus of good inputs and what mutation makes of them.
//!
//! It needs no more than stable Rust: a target is a function of bytes that panics when something is wrong. In the
//! short form each runs over its corpus and for part of a second, always the same way; in the long form for a minute
//! from a seed of its own (`LLM_ROUTER_FUZZ_SECONDS` and `LLM_ROUTER_FUZZ_SEED` change that). An input that fails is
//! written to `target/fuzz/`; copied to `tests/corpus/TARGET/` it is tried first from then on.

mod mutate;
mod readers;
mod sockets;
mod translation;

use std::{
    env, fs,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use fastrand::Rng;

/// The time of one target in the short form.
const SHORT: Duration = Duration::from_millis(400);

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The inputs below a folder of this repository; those of golden tests alone where there are outputs beside them.
fn inputs(folder: &str) -> Vec<Vec<u8>> {
    fn add(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            match path.is_dir() {
                true => add(&path, found),
                false if !path.to_string_lossy().contains(".out.") => found.push(path),
                false => {}
            }
        }
    }
    let mut found = Vec::new();
    add(&root().join(folder), &mut found);
    found.sort();
    found.iter().map(|path| fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))).collect()
}

/// How long, and from which seed.
fn plan() -> (Duration, u64) {
    let number = |name: &str| env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let long = env::var("LLM_ROUTER_TESTS_LONG").is_ok_and(|long| !long.is_empty());
    let time = number("LLM_ROUTER_FUZZ_SECONDS")
        .map_or(if long { Duration::from_secs(60) } else { SHORT }, Duration::from_secs);
    let seed = number("LLM_ROUTER_FUZZ_SEED").unwrap_or_else(|| if time > SHORT { fastrand::u64(..) } else { 1 });
    (time, seed)
}

/// Runs a target over its corpus and what mutation makes of it; how many inputs that were.
fn fuzz(name: &str, seeds: Vec<Vec<u8>>, target: impl Fn(&mut Rng, &[u8])) -> String {
    let (time, seed) = plan();
    let known = inputs(&format!("tests/corpus/{name}"));
    let seeds: Vec<Vec<u8>> = known.into_iter().chain(seeds).collect();
    assert!(!seeds.is_empty(), "{name} has a corpus");
    let mut random = Rng::with_seed(seed);
    let try_one = |random: &mut Rng, input: &[u8]| {
        let tried = catch_unwind(AssertUnwindSafe(|| target(random, input)));
        if let Err(panic) = tried {
            let folder = root().join("target/fuzz");
            drop(fs::create_dir_all(&folder));
            let path = folder.join(format!("{name}-{:08x}", Rng::new().u32(..)));
            let kept = fs::write(&path, input);
            assert!(kept.is_ok(), "cannot write to {}", path.display());
            let panic = panic.downcast::<String>().map_or_else(
                |panic| panic,
                |text| Box::new(format!("{name}, seed {seed}: {text}\nthe input is in {}", path.display())),
            );
            resume_unwind(panic);
        }
    };
    for input in &seeds {
        try_one(&mut random, input);
    }
    let (begun, mut count) = (Instant::now(), seeds.len());
    while begun.elapsed() < time {
        let at = random.usize(..seeds.len());
        let input = mutate::mutate(&mut random, &seeds, &seeds[at]);
        try_one(&mut random, &input);
        count += 1;
    }
    format!("{name}: {count} inputs, seed {seed}")
}

/// An input in pieces, cut anywhere.
fn pieces<'a>(random: &mut Rng, mut bytes: &'a [u8]) -> Vec<&'a [u8]> {
    let mut pieces = Vec::new();
    let longest = 1 + random.usize(..64);
    while !bytes.is_empty() {
        let (piece, rest) = bytes.split_at((1 + random.usize(..longest)).min(bytes.len()));
        pieces.push(piece);
        bytes = rest;
    }
    pieces
}
