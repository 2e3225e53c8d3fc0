//! Answers: of every provider dialect to every client dialect, whole, streamed, and errors.

use std::fs;

use llm_router_core::dialect::{ErrorInfo, ErrorKind};
use serde_json::{Map, Value, json};

use super::{check, inputs, pretty, readers};

#[test]
fn golden_replies() {
    for (provider, path) in inputs("replies") {
        let body = fs::read(&path).expect("a readable file");
        let mut out = Map::new();
        for (client, mut translator) in readers(provider, false) {
            let whole = translator.whole(&body).unwrap_or_else(|error| panic!("{client} {}: {error}", path.display()));
            out.insert(client.to_owned(), serde_json::from_slice(&whole).expect("JSON"));
        }
        check(&path, &pretty(&out.into()));
    }
}

#[test]
fn golden_streams() {
    for (provider, path) in inputs("streams") {
        let body = fs::read(&path).expect("a readable file");
        let mut all = String::new();
        for (client, mut translator) in readers(provider, true) {
            let mut out = Vec::new();
            translator.frame(&body, &mut out).unwrap_or_else(|error| panic!("{client} {}: {error}", path.display()));
            let summary = translator.finish().unwrap_or_else(|error| panic!("{client} {}: {error}", path.display()));
            assert!(summary.stop.is_some(), "{client} {}", path.display());
            all.push_str(&format!("======== {client}\n{}", String::from_utf8(out).expect("text")));
        }
        check(&path, &all);
    }
}

#[test]
fn golden_streams_cut_in_the_middle() {
    let error = ErrorInfo::new(ErrorKind::Upstream, "the provider ended the stream before it was complete");
    for (provider, path) in inputs("streams") {
        let body = fs::read(&path).expect("a readable file");
        let mut all = String::new();
        for (client, mut translator) in readers(provider, true) {
            let mut out = Vec::new();
            translator.frame(&body[..body.len() * 2 / 3], &mut out).expect("the whole is fine, so its beginning is");
            translator.abort(&error, &mut out);
            all.push_str(&format!("======== {client}\n{}", String::from_utf8(out).expect("text")));
        }
        if path.to_string_lossy().contains("tools") {
            check(
                &path.with_file_name(path.file_name().expect("a file").to_string_lossy().replace(".in.", "_cut.in.")),
                &all,
            );
        }
    }
}

#[test]
fn golden_errors() {
    for (provider, path) in inputs("errors") {
        let input: Value = serde_json::from_slice(&fs::read(&path).expect("a readable file")).expect("JSON");
        let status = input["status"].as_u64().and_then(|status| u16::try_from(status).ok()).expect("a status");
        let body = input["body"].to_string();
        let mut out = Map::new();
        out.insert("kind".to_owned(), format!("{:?}", ErrorInfo::read(status, body.as_bytes()).kind).into());
        for (client, translator) in readers(provider, false) {
            let (status, body) = translator.error(status, body.as_bytes());
            let body: Value = serde_json::from_slice(&body).expect("JSON");
            out.insert(client.to_owned(), json!({"status": status, "body": body}));
        }
        check(&path, &pretty(&out.into()));
    }
}
