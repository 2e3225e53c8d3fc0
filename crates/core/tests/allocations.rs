//! Allocations of what every request does: the counts here may fall, not rise.

use llm_router_core::{
    api_type,
    json::{Peek, with_model},
    operation::Operation,
    translate::{Context, Policy, ReplyTranslator, Translation, translate},
};

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

/// Client, provider, and what may be allocated for a whole request and its answer, for a request with a
/// history, and for a frame of a stream.
const TRANSLATED: [(Operation, &str, [u64; 3]); 4] = [
    (Operation::ChatCompletions, "ollama", [22, 108, 2]),
    (Operation::ChatCompletions, "anthropic", [25, 113, 2]),
    (Operation::OllamaChat, "vllm", [31, 126, 3]),
    (Operation::Messages, "vllm", [24, 99, 3]),
];

fn translated(client: Operation, provider: &str, body: &str) -> ReplyTranslator {
    let to = api_type::find(provider).expect("a known type");
    let context = Context {
        public_model: "m",
        upstream_model: "up",
        now: 1_700_000_000,
        seed: "seed",
        policy: Policy::Drop,
        images: &[],
    };
    match translate(client, to, body.as_bytes(), &context).expect("translatable") {
        Translation::Send(translated) => translated.reply,
        Translation::Answer(answer) => panic!("{answer:?}"),
    }
}

/// A whole answer and a frame of a streamed one, by provider.
fn said(provider: &str) -> (&'static [u8], &'static [u8]) {
    match provider {
        "ollama" => (
            br#"{"model":"up","created_at":"2025-10-17T23:14:07Z","message":{"role":"assistant","content":"yes"},"done":true,"done_reason":"stop","eval_count":1}"#,
            b"{\"model\":\"up\",\"message\":{\"role\":\"assistant\",\"content\":\"yes \"},\"done\":false}\n",
        ),
        "anthropic" => (
            br#"{"id":"msg_1","type":"message","role":"assistant","content":[{"type":"text","text":"yes"}],"stop_reason":"end_turn","usage":{"input_tokens":1,"output_tokens":1}}"#,
            b"event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"yes \"}}\n\n",
        ),
        _ => (
            br#"{"id":"1","choices":[{"index":0,"message":{"role":"assistant","content":"yes"},"finish_reason":"stop"}],"usage":{"prompt_tokens":1,"completion_tokens":1}}"#,
            b"data: {\"id\":\"1\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"yes \"},\"finish_reason\":null}]}\n\n",
        ),
    }
}

#[test]
fn translating_allocates_no_more_than_it_did() {
    let plain = r#"{"model":"m","stream":false,"max_tokens":9,"messages":[{"role":"user","content":"what is it?"}]}"#;
    let turns = r#"{"role":"assistant","content":"one moment"},{"role":"user","content":"well?"},"#.repeat(10);
    let long = plain.replace("[{", &format!("[{turns}{{"));
    for (client, provider, most) in TRANSLATED {
        let (whole, frame) = said(provider);
        let exchange = count(|| translated(client, provider, plain).whole(whole).expect("a good answer"));
        let history = count(|| translated(client, provider, &long));
        let mut translator = translated(client, provider, &plain.replace("false", "true"));
        let mut out = Vec::with_capacity(1 << 16);
        translator.frame(frame, &mut out).expect("a good frame");
        let frames = count(|| (0..10).for_each(|_| translator.frame(frame, &mut out).expect("a good frame"))) / 10;
        let seen = [exchange, history, frames];
        assert!(
            seen.iter().zip(most).all(|(seen, most)| *seen <= most),
            "{client:?} to {provider}: {seen:?}, not {most:?}"
        );
    }
}
