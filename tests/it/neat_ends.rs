//! Untouched streams whose HTTP framing ends as it should: what stands in them says whether the answer is all there.
//! A provider whose own connection broke off may frame what it had as neatly as ever.

use llm_router_tests::{Provider, Reply, Router, models, until};
use serde_json::json;

use crate::hostile_providers::raw::{Play, RawProvider, Then};

/// A stream in one chunk, closed by the last one.
fn streams(content_type: &str, body: &str) -> Play {
    let head = format!("HTTP/1.1 200 OK\r\ncontent-type: {content_type}\r\ntransfer-encoding: chunked\r\n\r\n");
    let chunk = if body.is_empty() { String::new() } else { format!("{:x}\r\n{body}\r\n", body.len()) };
    Play(format!("{head}{chunk}0\r\n\r\n").into_bytes(), Then::Keep)
}

async fn ask(kind: &str, path: &str, plays: Vec<Play>) -> (Reply, usize) {
    let provider = RawProvider::start(plays).await;
    let others = [("a", provider.url()), ("b", provider.url())].map(|(id, url)| Provider::new(id, kind, url));
    let router = Router::start(&models([("m", others.into())]), &[("probe_interval", "0")]);
    let body = json!({"model": "m", "stream": true, "max_tokens": 9, "input": "hi",
        "messages": [{"role": "user", "content": "hi"}]});
    let reply = router.client().post(path, body.to_string()).await;
    until("all leases are settled", async || router.in_flight() == 0).await;
    (reply, provider.requests().len())
}

const SSE: &str = "text/event-stream";
const CHUNK: &str = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"hi\"},\"finish_reason\":null}]}\n\n";
const STOP: &str = "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n";
const DELTA: &str =
    "data: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"hi\"}}\n\n";
const TEXT: &str = "data: {\"type\":\"response.output_text.delta\",\"delta\":\"hi\"}\n\n";
const LINE: &str = "{\"message\":{\"role\":\"assistant\",\"content\":\"hi\"},\"done\":false}\n";

#[tokio::test]
async fn a_stream_without_the_end_of_its_answer_is_cut_short_and_one_with_it_is_whole() {
    for (kind, path, content_type, content, ends) in [
        ("openai", "/v1/chat/completions", SSE, CHUNK, vec![STOP, "data: [DONE]\n\n"]),
        (
            "anthropic",
            "/v1/messages",
            SSE,
            DELTA,
            vec![
                "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n",
                "data: {\"type\": \"message_stop\"}\n\n",
            ],
        ),
        (
            "openai",
            "/v1/responses",
            SSE,
            TEXT,
            vec![
                "event: response.completed\ndata: {\"type\":\"response.completed\",\"response\":{}}\n\n",
                "data: {\"type\":\"response.incomplete\",\"response\":{}}\n\n",
            ],
        ),
        ("ollama", "/api/chat", "application/x-ndjson", LINE, vec!["{\"done\":true}\n"]),
    ] {
        for end in ends {
            let whole = format!("{content}{end}");
            let (reply, _) = ask(kind, path, vec![streams(content_type, &whole)]).await;
            assert!(reply.whole, "{path}: {}", reply.text());
            assert_eq!(reply.text(), whole, "as it was");
        }
        // The provider's own error is an end too, and is told once.
        let error =
            if content_type == SSE { "data: {\"error\":{\"message\":\"no\"}}\n\n" } else { "{\"error\":\"no\"}\n" };
        let broken = format!("{content}{error}");
        assert_eq!(ask(kind, path, vec![streams(content_type, &broken)]).await.0.text(), broken, "{path}");
        let (reply, _) = ask(kind, path, vec![streams(content_type, content)]).await;
        let text = reply.text();
        assert!(!reply.whole && text.starts_with(content) && text[content.len()..].contains("error"), "{path}: {text}");
    }
}

#[tokio::test]
async fn another_provider_takes_over_from_one_whose_stream_ends_before_it_says_anything() {
    for nothing in
        ["", ": on my way\n\n", "data: {\"choices\":[{\"delta\":{\"role\":\"assistant\",\"content\":\"\"}}]}\n\n"]
    {
        let good = format!("{CHUNK}{STOP}data: [DONE]\n\n");
        let plays = vec![streams(SSE, nothing), streams(SSE, &good)];
        let (reply, asked) = ask("openai", "/v1/chat/completions", plays).await;
        assert_eq!((reply.text(), reply.whole, asked), (good, true, 2), "{nothing:?}");
        let (reply, _) = ask("openai", "/v1/chat/completions", vec![streams(SSE, nothing)]).await;
        assert_eq!(reply.status, 502, "nobody said anything: {}", reply.text());
    }
}

#[tokio::test]
async fn llama_cpps_field_for_errors_is_an_error_before_content_and_behind_it() {
    let error = "error: {\"code\":500,\"message\":\"out of memory\",\"type\":\"server_error\"}\n\n";
    for path in ["/v1/chat/completions", "/v1/messages", "/api/chat"] {
        let (reply, asked) = ask("openai", path, vec![streams(SSE, error)]).await;
        assert_eq!((reply.status.as_u16(), asked), (500, 2), "{path}: {}", reply.text());
        assert!(reply.text().contains("out of memory"), "{path}: {}", reply.text());
    }
    let (reply, _) = ask("openai", "/v1/messages", vec![streams(SSE, &format!("{CHUNK}{error}"))]).await;
    assert!(!(reply.whole && reply.status == 200) && reply.text().contains("out of memory"), "{}", reply.text());
}

#[tokio::test]
async fn a_page_in_place_of_an_answer_is_none() {
    let good = r#"{"choices":[{"index":0,"message":{"role":"assistant","content":"hi"},"finish_reason":"stop"}]}"#;
    for page in ["<html>Welcome</html>", ""] {
        let body = json!({"model": "m", "messages": [{"role": "user", "content": "hi"}]}).to_string();
        let provider = RawProvider::start(vec![streams("text/html", page), streams("application/json", good)]).await;
        let others = [("a", provider.url()), ("b", provider.url())].map(|(id, url)| Provider::new(id, "openai", url));
        let router = Router::start(&models([("m", others.into())]), &[("probe_interval", "0")]);
        let reply = router.client().post("/v1/chat/completions", body.clone()).await;
        assert_eq!((reply.status.as_u16(), reply.text().as_str()), (200, good), "another one answers");
        let provider = RawProvider::start(vec![streams("text/html", page)]).await;
        let alone = Provider::new("a", "openai", provider.url());
        let router = Router::start(&models([("m", vec![alone])]), &[("probe_interval", "0")]);
        let reply = router.client().post("/v1/chat/completions", body).await;
        assert_eq!(reply.status, 502, "{}", reply.text());
    }
}
