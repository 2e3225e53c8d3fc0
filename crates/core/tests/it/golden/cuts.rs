//! Streams cut at every byte, and fed in pieces of every size.

use std::fs;

use llm_router_core::dialect::{ErrorInfo, ErrorKind, Surface};

use super::{inputs, readers};

#[test]
fn a_stream_cut_anywhere_is_never_complete() {
    for (provider, path) in inputs("streams") {
        let body = fs::read(&path).expect("a readable file");
        for (client, mut translator) in readers(provider, true) {
            let mut out = Vec::new();
            for (i, byte) in body.iter().enumerate() {
                // A carriage return alone ends a line too, so nothing is missing without the very last byte.
                let all = body.ends_with(b"\r\n") && i + 1 == body.len();
                assert!(
                    all || translator.finish().is_err(),
                    "{client} takes {} for whole after {i} bytes",
                    path.display()
                );
                translator.frame(&[*byte], &mut out).expect("the whole is fine, so its pieces are");
            }
            translator.finish().expect("nothing is missing");
        }
    }
}

#[test]
fn a_cut_stream_ends_in_an_error_that_the_client_can_see() {
    let error = ErrorInfo::new(ErrorKind::Upstream, "the provider ended the stream before it was complete");
    for (provider, path) in inputs("streams") {
        let body = fs::read(&path).expect("a readable file");
        let mut translators = Vec::new();
        let end = if body.ends_with(b"\r\n") { body.len() - 1 } else { body.len() };
        for cut in 0..end {
            if translators.is_empty() {
                translators = readers(provider, true);
            }
            let (client, mut translator) = translators.swap_remove(0);
            let mut out = Vec::new();
            translator.frame(&body[..cut], &mut out).expect("the whole is fine, so its beginning is");
            let fault = translator.finish().expect_err("it is cut");
            assert_eq!(fault.info(), error);
            translator.abort(&fault.info(), &mut out);
            let text = String::from_utf8(out).expect("text");
            let surface = translator.surface();
            let told = if surface == Surface::Responses {
                let last = text.trim_end().rsplit("\n\n").next().unwrap_or_default();
                text.contains("event: response.failed\n") && last.starts_with("event: error\n")
            } else {
                // Anthropic's errors name the request as well.
                text.as_bytes().ends_with(&surface.stream_error(&error.clone().request_id("seed")))
            };
            let ended = ["[DONE]", "message_stop", "\"done\":true", "response.completed", "chat.end"];
            let clean = ended.iter().any(|mark| text.contains(mark));
            assert!(told && !clean, "{client}, {} cut at {cut}:\n{text}", path.display());
        }
    }
}

#[test]
fn the_size_of_pieces_does_not_matter() {
    for (provider, path) in inputs("streams") {
        let body = fs::read(&path).expect("a readable file");
        let whole: Vec<_> =
            readers(provider, true).into_iter().map(|(_, translator)| run(translator, &body, body.len())).collect();
        for size in [1, 2, 3, 7, 64] {
            for ((client, translator), wanted) in readers(provider, true).into_iter().zip(&whole) {
                assert!(run(translator, &body, size) == *wanted, "{client}, {} in pieces of {size}", path.display());
            }
        }
    }
}

fn run(mut translator: llm_router_core::translate::ReplyTranslator, body: &[u8], size: usize) -> Vec<u8> {
    let mut out = Vec::new();
    for piece in body.chunks(size) {
        translator.frame(piece, &mut out).expect("the whole is fine, so its pieces are");
    }
    out
}
