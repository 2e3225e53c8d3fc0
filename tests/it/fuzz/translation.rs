//! Translation: requests, whole answers and streams of every dialect into every other one.

use llm_router_core::{
    api_type,
    operation::Operation,
    translate::{Context, Policy, ReplyTranslator, StreamTap, Translation, UsageFilter, WordReader, translate, words},
};
use serde_json::{Value, json};

use super::{fuzz, inputs, pieces};

const TYPES: [&str; 5] = ["openai", "vllm", "lmstudio", "ollama", "anthropic"];

fn context() -> Context<'static> {
    Context { public_model: "m", upstream_model: "up", now: 1, seed: "seed", policy: Policy::Drop, images: &[] }
}

/// The least request that gets an answer of this provider operation translated for a client.
fn least(client: Operation, stream: bool) -> Value {
    let (prompt, turn) = (json!("hi"), json!([{"role": "user", "content": "hi"}]));
    let mut body = json!({"model": "m", "stream": stream, "max_tokens": 9});
    let (field, value) = match client {
        Operation::Completions | Operation::LmStudioCompletions | Operation::OllamaGenerate => ("prompt", prompt),
        Operation::Embeddings
        | Operation::LmStudioEmbeddings
        | Operation::OllamaEmbed
        | Operation::Responses
        | Operation::LmStudioNativeChat => ("input", prompt),
        Operation::OllamaEmbeddings => ("prompt", prompt),
        _ => ("messages", turn),
    };
    body[field] = value;
    body
}

/// A client operation, a provider type, and the operation its providers are asked with.
type Way = (Operation, &'static str, Operation);

fn translator(client: Operation, kind: &str, stream: bool) -> Option<(Operation, ReplyTranslator)> {
    let to = api_type::find(kind).expect("a known provider type");
    match translate(client, to, least(client, stream).to_string().as_bytes(), &context()) {
        Ok(Translation::Send(sent)) => Some((sent.operation, sent.reply)),
        _ => None,
    }
}

/// Every client to every provider type, where there is a way.
fn ways() -> Vec<Way> {
    let all =
        Operation::ALL.into_iter().flat_map(|client| ["openai", "ollama", "anthropic"].map(|kind| (client, kind)));
    all.filter_map(|(client, kind)| Some((client, kind, translator(client, kind, false)?.0))).collect()
}

fn made((client, kind, _): Way, stream: bool) -> ReplyTranslator {
    translator(client, kind, stream).expect("there is a way").1
}

#[test]
fn a_request_of_any_client_becomes_json_or_an_error() {
    println!(
        "{}",
        fuzz("request", inputs("crates/core/tests/golden/requests"), |random, input| {
            let client = Operation::ALL[random.usize(..Operation::ALL.len())];
            let to = api_type::find(TYPES[random.usize(..TYPES.len())]).expect("a known provider type");
            match translate(client, to, input, &context()) {
                Ok(Translation::Send(sent)) => {
                    let body: Value = serde_json::from_slice(&sent.body).expect("what is sent is JSON");
                    assert_eq!(body["model"], "up");
                    let _ = sent.losses.header_value();
                }
                Ok(Translation::Answer(answer)) => {
                    serde_json::from_slice::<Value>(&answer.body).expect("an answer is JSON");
                }
                Err(error) => assert!(!error.to_string().is_empty()),
            }
        })
    );
}

#[test]
fn a_whole_answer_of_any_provider_becomes_json_or_an_error() {
    let ways = ways();
    println!(
        "{}",
        fuzz("reply", inputs("crates/core/tests/golden/replies"), |random, input| {
            let way = ways[random.usize(..ways.len())];
            let mut translator = made(way, random.bool());
            if let Ok(body) = translator.whole(input) {
                serde_json::from_slice::<Value>(&body).expect("an answer is JSON");
            }
            let (status, error) = translator.error(random.u16(400..600), input);
            assert!((400..600).contains(&status) && serde_json::from_slice::<Value>(&error).is_ok());
            let _ = words(way.2, input);
            let mut translator = made(way, true);
            let mut out = Vec::new();
            if translator.whole_as_stream(input, &mut out).is_ok() {
                assert!(std::str::from_utf8(&out).is_ok_and(|text| !text.is_empty()));
            }
        })
    );
}

/// What a client sees of a stream that comes in these pieces, and whether it came to its end.
fn told(mut translator: ReplyTranslator, pieces: &[&[u8]]) -> (String, bool) {
    let mut out = Vec::new();
    let read = pieces.iter().try_for_each(|piece| translator.frame(piece, &mut out));
    let whole = read.is_ok() && translator.finish().is_ok();
    (String::from_utf8(out).expect("a stream is text"), whole)
}

#[test]
fn a_stream_of_any_provider_is_the_same_in_any_pieces() {
    let ways = ways();
    println!(
        "{}",
        fuzz("stream", inputs("crates/core/tests/golden/streams"), |random, input| {
            let way = ways[random.usize(..ways.len())];
            assert_eq!(told(made(way, true), &pieces(random, input)), told(made(way, true), &[input]));
        })
    );
}

#[test]
fn what_watches_a_stream_sees_the_same_in_any_pieces() {
    println!(
        "{}",
        fuzz("watch", inputs("crates/core/tests/golden/streams"), |random, input| {
            let operation = Operation::ALL[random.usize(..Operation::ALL.len())];
            let seen = |pieces: &[&[u8]]| {
                let mut tap = StreamTap::new(operation);
                pieces.iter().for_each(|piece| tap.feed(piece));
                let (mut filter, mut kept) = (UsageFilter::default(), Vec::new());
                pieces.iter().for_each(|piece| filter.feed(piece, &mut kept));
                filter.finish(&mut kept);
                let (mut reader, mut text) = (WordReader::new(operation), String::new());
                let read = pieces.iter().try_for_each(|piece| reader.feed(piece, |word| text.push_str(word)));
                let usage = (format!("{:?}", tap.usage()), tap.is_complete(), format!("{:?}", filter.usage()));
                (usage, kept, text, read.is_ok() && reader.is_done())
            };
            assert_eq!(seen(&pieces(random, input)), seen(&[input]));
        })
    );
}
