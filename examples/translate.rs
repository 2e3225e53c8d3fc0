//! The core alone: an Ollama chat request on standard input becomes an Anthropic one on standard output, and an
//! Anthropic stream becomes the chunks that an OpenAI client reads.
//!
//! `echo '{"model":"a","messages":[{"role":"user","content":"hi"}]}' | cargo run -p examples --bin translate`

use std::io::{Read, Write, stdin, stdout};

use llm_router_core::{
    api_type,
    operation::Operation,
    translate::{Context, Policy, Translated, Translation, translate},
};

const ANTHROPIC_STREAM: &[u8] = include_bytes!("translate.sse");

fn to_anthropic(from: Operation, body: &[u8]) -> Result<Box<Translated>, Box<dyn std::error::Error>> {
    let context = Context {
        public_model: "my-model",
        upstream_model: "claude-sonnet-4-5",
        now: 1_700_000_000,
        seed: "example",
        policy: Policy::Drop,
        images: &[],
    };
    let anthropic = api_type::find("anthropic").ok_or("no such provider type")?;
    match translate(from, anthropic, body, &context)? {
        Translation::Send(translated) => Ok(translated),
        Translation::Answer(answer) => Err(format!("no provider is needed for {answer:?}").into()),
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut body = Vec::new();
    stdin().read_to_end(&mut body)?;
    let request = to_anthropic(Operation::OllamaChat, &body)?;
    stdout().write_all(&request.body)?;
    writeln!(stdout(), "\n# not carried: {:?}\n", request.losses.fields())?;

    let question = br#"{"model":"my-model","stream":true,"messages":[{"role":"user","content":"hi"}]}"#;
    let mut reply = to_anthropic(Operation::ChatCompletions, question)?.reply;
    let mut chunks = Vec::new();
    for frame in ANTHROPIC_STREAM.chunks(64) {
        reply.frame(frame, &mut chunks)?;
    }
    let summary = reply.finish()?;
    stdout().write_all(&chunks)?;
    writeln!(stdout(), "# {summary:?}")?;
    Ok(())
}
