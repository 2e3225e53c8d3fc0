//! Readers of small things: lines and events, a peek into JSON, URLs, times, traces, errors, models files.

use std::io;
use std::path::Path;

use llm_router_core::{
    catalogue::{BaseUrl, Catalogue, Context, Secrets},
    codec::{CodecError, NdjsonDecoder, SseDecoder},
    dialect::{ErrorInfo, Surface},
    json::{Peek, with_model},
    settings::{Settings, Sources, word},
};
use llm_router_endpoints::Trace;
use serde_json::Value;

use super::{fuzz, inputs, pieces};

const SURFACES: [Surface; 7] = Surface::ALL;

/// Events as text, and whether the stream could be read to its end.
fn events(pieces: &[&[u8]]) -> (Vec<String>, bool, bool) {
    let (mut decoder, mut seen) = (SseDecoder::new(1000), Vec::new());
    let read = pieces.iter().try_for_each(|piece| {
        decoder.feed::<CodecError>(piece, |event| {
            assert!(event.data.len() <= 1000, "an event over the limit");
            seen.push(format!("{}|{:?}", event.name, event.data));
            Ok(())
        })
    });
    (seen, read.is_ok(), read.is_ok() && decoder.is_inside())
}

fn lines(pieces: &[&[u8]]) -> (Vec<Vec<u8>>, bool, bool) {
    let (mut decoder, mut seen) = (NdjsonDecoder::new(1000), Vec::new());
    let read = pieces.iter().try_for_each(|piece| {
        decoder.feed::<CodecError>(piece, |line| {
            seen.push(line.to_vec());
            Ok(())
        })
    });
    (seen, read.is_ok(), read.is_ok() && decoder.is_inside())
}

#[test]
fn events_are_the_same_in_any_pieces() {
    println!(
        "{}",
        fuzz("sse", inputs("crates/core/tests/golden/streams"), |random, input| {
            assert_eq!(events(&pieces(random, input)), events(&[input]));
        })
    );
}

#[test]
fn lines_are_the_same_in_any_pieces() {
    println!(
        "{}",
        fuzz("ndjson", inputs("crates/core/tests/golden/streams"), |random, input| {
            assert_eq!(lines(&pieces(random, input)), lines(&[input]));
        })
    );
}

#[test]
fn a_peek_sees_what_a_parser_sees_and_a_splice_changes_the_model_alone() {
    let limits = ["recursion limit", "number out of range", "hex escape"];
    println!(
        "{}",
        fuzz("peek", inputs("crates/core/tests/golden/requests"), |_, input| {
            let Ok(peek) = Peek::new(input) else { return };
            let (model, stream) = (peek.model(), peek.stream());
            let _ = peek.fields(["user", "tools", "metadata"]);
            let spliced =
                with_model(&peek, "new \"name\"\u{0}").map_or_else(|| input.to_vec(), |made| made.join(input));
            let (mut before, mut after) = match (serde_json::from_slice(input), serde_json::from_slice(&spliced)) {
                (Ok(Value::Object(before)), Ok(Value::Object(after))) => (before, after),
                // A parser that builds values has limits of its own: of depth, of numbers, of half characters.
                (Err(error), _) if limits.iter().any(|limit| error.to_string().contains(limit)) => return,
                (before, after) => panic!("{before:?} became {after:?}"),
            };
            if let Ok(model) = model {
                let named = before.get("model").or_else(|| before.get("model_name"));
                assert_eq!(named.and_then(Value::as_str), Some(&*model));
            }
            if let Ok(stream) = stream {
                assert_eq!(before.get("stream").and_then(Value::as_bool), stream);
            }
            assert_eq!(after.get("model").and_then(Value::as_str), Some("new \"name\"\u{0}"));
            for name in ["model", "model_name"] {
                before.remove(name);
                after.remove(name);
            }
            assert_eq!(before, after);
        })
    );
}

#[test]
fn an_address_that_is_taken_can_be_asked_and_written_again() {
    let seeds = ["http://host:8000", "https://host/path/v1/", "http://[::1]:80", "HTTP://a.b-c/%20", "http://1.2.3.4"];
    println!(
        "{}",
        fuzz("url", seeds.map(|text| text.as_bytes().to_vec()).into(), |_, input| {
            let Ok(url) = BaseUrl::parse(&String::from_utf8_lossy(input)) else { return };
            assert!(!url.host().is_empty() && url.port() > 0);
            let target = url.join("v1/chat/completions");
            assert!(target.as_str().starts_with('/') && target.path().ends_with("chat/completions"), "{target}");
            let again = BaseUrl::parse(&url.to_string()).unwrap_or_else(|why| panic!("{url}: {why}"));
            assert_eq!((again.host(), again.port()), (url.host(), url.port()));
        })
    );
}

#[test]
fn words_of_settings_and_headers_are_read_without_a_fault() {
    let seeds = ["30", "500ms", "1.5", "2h", "1e9", "yes", "nie", "0x10", "-1", "18446744073709551615s", "0.0000001"];
    println!(
        "{}",
        fuzz("word", seeds.map(|text| text.as_bytes().to_vec()).into(), |random, input| {
            let text = String::from_utf8_lossy(input);
            let _ = (word::boolean(&text), word::whole(&text));
            if let Some(time) = word::duration(&text) {
                let again = word::duration(&word::seconds(time)).expect("a written time can be read");
                assert!(again.abs_diff(time).as_secs_f64() <= time.as_secs_f64() * 1e-6 + 1e-6, "{time:?} {again:?}");
            }
            // Reading all settings takes a thousand times as long.
            if random.u8(..64) > 0 {
                return;
            }
            let flags = [
                "server_port",
                "timeout",
                "cors_origins",
                "ep_prefix",
                "otlp_headers",
                "redis_host",
                "max_connections",
            ]
            .map(|name| (name.to_owned(), text.clone().into_owned()));
            let (_, findings) = Settings::examine(Sources { flags: flags.into(), ..Sources::default() });
            findings.problems.iter().for_each(|problem| drop(problem.to_string()));
        })
    );
}

#[test]
fn a_trace_that_is_taken_is_passed_on() {
    let seeds = [
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more",
        "00-00000000000000000000000000000000-b7ad6b7169203331-00",
    ];
    println!(
        "{}",
        fuzz("traceparent", seeds.map(|text| text.as_bytes().to_vec()).into(), |_, input| {
            let Some(trace) = Trace::follow(&String::from_utf8_lossy(input), 7) else { return };
            let again = Trace::follow(&trace.header(), 9).expect("what we send is a trace");
            assert_eq!((again.id, again.sampled, again.parent), (trace.id, trace.sampled, Some(7)));
        })
    );
}

#[test]
fn an_error_of_a_provider_is_told_in_every_dialect() {
    println!(
        "{}",
        fuzz("error", inputs("crates/core/tests/golden/errors"), |random, input| {
            let info = ErrorInfo::read(random.u16(400..600), input);
            for surface in SURFACES {
                let body = surface.error_body(&info);
                assert!(serde_json::from_slice::<Value>(&body).is_ok(), "{}", String::from_utf8_lossy(&body));
                assert!((400..600).contains(&surface.error_status(&info)));
                assert!(std::str::from_utf8(&surface.stream_error(&info)).is_ok());
            }
        })
    );
}

struct NoSecrets;

impl Secrets for NoSecrets {
    fn variable(&self, _: &str) -> Option<String> {
        None
    }

    fn file(&self, _: &Path) -> io::Result<String> {
        Err(io::ErrorKind::NotFound.into())
    }
}

#[test]
fn a_models_file_is_taken_or_its_problems_are_named() {
    let seeds = inputs("resources/configs");
    println!(
        "{}",
        fuzz("models", seeds, |_, input| {
            let context = Context { secrets: &NoSecrets, strategies: &["balanced", "weighted"] };
            match Catalogue::load(&String::from_utf8_lossy(input), "models", context) {
                Ok((catalogue, _)) => assert!(catalogue.models().iter().all(|model| !model.providers.is_empty())),
                Err(problems) => assert!(!problems.to_string().is_empty()),
            }
        })
    );
}
