//! What translation costs: a chunk of a stream, a whole request. `cargo bench -p llm-router-core --bench translate`.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use llm_router_core::{
    api_type,
    operation::Operation,
    translate::{Context, Policy, ReplyTranslator, StreamTap, Translation, UsageFilter, translate},
};

const OPENAI: &[u8] = br#"data: {"id":"chatcmpl-9","object":"chat.completion.chunk","created":1699999999,"model":"up","choices":[{"index":0,"delta":{"content":" and so on"},"logprobs":null,"finish_reason":null}],"usage":null}

"#;
const OLLAMA: &[u8] = br#"{"model":"up","created_at":"2025-10-17T23:14:07.414671Z","message":{"role":"assistant","content":" and so on"},"done":false}
"#;
const ANTHROPIC: &[u8] = br#"event: content_block_delta
data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":" and so on"}}

"#;
const REQUEST: &str = r#"{"model":"m","stream":true,"max_tokens":256,"messages":[{"role":"user","content":"hi"}]}"#;

fn reply(client: Operation, provider: &str, body: &str) -> ReplyTranslator {
    let context = Context {
        public_model: "m",
        upstream_model: "up",
        now: 1_700_000_000,
        seed: "seed",
        policy: Policy::Drop,
        images: &[],
    };
    let to = api_type::find(provider).expect("a known type");
    match translate(client, to, body.as_bytes(), &context).expect("translatable") {
        Translation::Send(translated) => translated.reply,
        Translation::Answer(answer) => panic!("{answer:?}"),
    }
}

fn chunks(c: &mut Criterion) {
    let mut group = c.benchmark_group("chunk");
    group.throughput(Throughput::Elements(1));
    let pairs = [
        ("openai to ollama", Operation::OllamaChat, "vllm", OPENAI),
        ("openai to anthropic", Operation::Messages, "vllm", OPENAI),
        ("ollama to openai", Operation::ChatCompletions, "ollama", OLLAMA),
        ("ollama to anthropic", Operation::Messages, "ollama", OLLAMA),
        ("anthropic to openai", Operation::ChatCompletions, "anthropic", ANTHROPIC),
        ("anthropic to ollama", Operation::OllamaChat, "anthropic", ANTHROPIC),
    ];
    for (name, client, provider, frame) in pairs {
        let mut translator = reply(client, provider, REQUEST);
        let mut out = Vec::with_capacity(1024);
        group.bench_function(name, |b| {
            b.iter(|| {
                out.clear();
                translator.frame(black_box(frame), &mut out).expect("a good frame");
                black_box(&out);
            });
        });
    }
    let mut tap = StreamTap::new(Operation::ChatCompletions);
    group.bench_function("untouched, tapped", |b| b.iter(|| tap.feed(black_box(OPENAI))));
    let (mut filter, mut out) = (UsageFilter::default(), Vec::with_capacity(1024));
    group.bench_function("untouched, extra chunk filtered", |b| {
        b.iter(|| {
            out.clear();
            filter.feed(black_box(OPENAI), &mut out);
        });
    });
    group.finish();
}

fn requests(c: &mut Criterion) {
    let mut group = c.benchmark_group("request");
    let turn = r#"{"role":"user","content":"What is the weather in Kraków, and what is the time?"},{"role":"assistant","content":"Rain, at noon."},"#;
    let long = REQUEST.replace("[{", &format!("[{}{{", turn.repeat(20)));
    for (name, body) in [("one message", REQUEST), ("41 messages", &long)] {
        for (client, provider) in [(Operation::ChatCompletions, "anthropic"), (Operation::Messages, "ollama")] {
            group.bench_function(format!("{name}, {client:?} to {provider}"), |b| {
                b.iter(|| black_box(reply(client, provider, black_box(body))));
            });
        }
    }
    group.finish();
}

criterion_group!(benches, chunks, requests);
criterion_main!(benches);
