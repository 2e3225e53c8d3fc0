//! What it costs to look at a request body and to change its model name.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use llm_router_core::json::{Peek, with_model};

#[derive(serde::Deserialize)]
struct Borrowed<'a> {
    model: &'a str,
    stream: Option<bool>,
}

/// A chat request whose prompt repeats `text` up to `bytes` bytes; one message a turn of 2 KiB.
fn body(text: &str, bytes: usize) -> Vec<u8> {
    let turn: String = text.chars().cycle().take(2048).collect();
    let mut messages = Vec::new();
    let mut length = 0;
    while length < bytes {
        let content: String = turn.chars().take(bytes - length).collect();
        length += content.len();
        messages.push(serde_json::json!({ "role": "user", "content": content }));
    }
    let body = serde_json::json!({ "model": "bench", "stream": true, "temperature": 0.2, "messages": messages });
    body.to_string().into_bytes()
}

fn json(criterion: &mut Criterion) {
    let prose = "All work is measured by the clock of the process that did it. ";
    let code = "fn main() {\n    println!(\"hello\\n\");\n}\n";
    let polish = "Zażółć gęślą jaźń, a potem idź do domu. ";
    let bodies = [
        ("1 KiB", body(prose, 1 << 10)),
        ("200 KiB prose", body(prose, 200 << 10)),
        ("200 KiB code", body(code, 200 << 10)),
        ("200 KiB Polish", body(polish, 200 << 10)),
    ];
    for (name, body) in &bodies {
        let mut group = criterion.benchmark_group(*name);
        group.throughput(Throughput::Bytes(body.len() as u64));
        group.bench_function("peek", |bencher| {
            bencher.iter(|| {
                let peek = Peek::new(black_box(body)).expect("the body is right");
                black_box((peek.model().is_ok(), peek.stream()))
            });
        });
        let peek = Peek::new(body).expect("the body is right");
        group.bench_function("same model", |bencher| bencher.iter(|| with_model(black_box(&peek), "bench")));
        group.bench_function("other model", |bencher| bencher.iter(|| with_model(black_box(&peek), "org/other-7b")));
        group.bench_function("other model, joined", |bencher| {
            bencher.iter(|| with_model(black_box(&peek), "org/other-7b").map(|pieces| pieces.join(body)));
        });
        group.bench_function("serde, for comparison", |bencher| {
            bencher.iter(|| {
                let seen: Borrowed<'_> = serde_json::from_slice(black_box(body)).expect("the body is right");
                black_box((seen.model.len(), seen.stream))
            });
        });
    }
}

criterion_group!(benches, json);
criterion_main!(benches);
