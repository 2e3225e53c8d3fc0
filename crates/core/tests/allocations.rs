//! Allocations of what every request does: the counts here may fall, not rise.

use llm_router_core::json::{Peek, with_model};

/// Allocations while `work` runs.
fn count<T>(work: impl FnOnce() -> T) -> u64 {
    allocation_counter::measure(|| drop(work())).count_total
}

fn body(bytes: usize) -> Vec<u8> {
    format!(
        r#"{{"model":"bench","stream":true,"messages":[{{"role":"user","content":"{}"}}]}}"#,
        "word ".repeat(bytes / 5)
    )
    .into_bytes()
}

#[test]
fn looking_at_a_body_allocates_nothing() {
    for body in [body(1 << 10), body(1 << 20)] {
        let seen = count(|| {
            let peek = Peek::new(&body).unwrap();
            assert_eq!((peek.model().unwrap().as_ref(), peek.stream().unwrap()), ("bench", Some(true)));
        });
        assert_eq!(seen, 0);
    }
}

#[test]
fn changing_the_model_allocates_the_name_and_the_body() {
    let body = body(1 << 16);
    let peek = Peek::new(&body).unwrap();
    let other = count(|| with_model(&peek, "org/other").map(|pieces| pieces.join(&body)));
    assert!(other <= 2, "{other} allocations");
    let same = count(|| with_model(&peek, "bench"));
    assert!(same <= 1, "{same} allocations");
}
