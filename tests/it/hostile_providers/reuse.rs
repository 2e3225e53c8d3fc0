//! Connections that serve again: what a provider sends beside an answer is never taken for the next one.

use super::{
    EVIL, LONG, PATHS, Play, RawProvider, TEXT, Then,
    answers::{completion, good},
    question, router,
};
use llm_router_tests::{answers, until};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

/// Asks with one question after another; the texts must come in this order.
async fn asks(name: &str, plays: Vec<Play>, texts: &[&str]) -> RawProvider {
    let provider = RawProvider::start(plays).await;
    let router = router(&provider, LONG);
    for text in texts {
        let reply = router.client().post(PATHS[0], question()).await;
        assert_eq!(reply.status, 200, "{name}: {}", reply.text());
        assert!(reply.whole && reply.text().contains(text), "{name}: {text}: {}", reply.text());
        assert!(!reply.text().contains(EVIL), "{name}: {}", reply.text());
    }
    until("the leases are settled", async || router.in_flight() == 0).await;
    provider
}

fn without_body(status: &str, headers: &str) -> String {
    format!("HTTP/1.1 {status}\r\n{headers}\r\n")
}

#[tokio::test]
async fn a_good_connection_serves_again() {
    let provider = asks("plain", vec![Play(good(TEXT), Then::Keep)], &[TEXT; 5]).await;
    assert_eq!((provider.connections(), provider.requests().len()), (1, 5));
    let body = completion(TEXT);
    let chunked =
        format!("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n{:x}\r\n{body}\r\n0\r\n\r\n", body.len());
    let provider = asks("chunks", vec![Play(chunked.into(), Then::Keep)], &[TEXT; 5]).await;
    assert_eq!((provider.connections(), provider.requests().len()), (1, 5));
}

#[tokio::test]
async fn an_answer_that_nobody_asked_for_is_given_to_nobody() {
    let behind = |more: Vec<u8>| [good(TEXT), more].concat();
    let evil = good(EVIL);
    let stranger = without_body("408 Request Timeout", "connection: close\r\ncontent-length: 0\r\n").into_bytes();
    for (name, bytes) in [
        ("a second answer behind the first", behind(evil.clone())),
        ("goodbye behind the answer", behind(stranger)),
        ("half an answer behind the first", behind(evil[..30].to_vec())),
        ("one byte behind the answer", behind(b"x".to_vec())),
        ("a line end behind the answer", behind(b"\r\n".to_vec())),
        ("an interim answer behind the answer", behind(b"HTTP/1.1 100 Continue\r\n\r\n".to_vec())),
    ] {
        asks(name, vec![Play(bytes, Then::Keep), Play(good("the second"), Then::Keep)], &[TEXT, "the second"]).await;
    }
}

#[tokio::test]
async fn an_answer_without_a_body_has_none_whatever_follows() {
    let evil = String::from_utf8(good(EVIL)).expect("it is text");
    let length = format!("content-length: {}\r\n", evil.len());
    for (status, headers) in [
        ("204 No Content", ""),
        ("204 No Content", length.as_str()),
        ("204 No Content", "transfer-encoding: chunked\r\n"),
        ("304 Not Modified", length.as_str()),
    ] {
        let plays = vec![
            Play(format!("{}{evil}", without_body(status, headers)).into(), Then::Keep),
            Play(good("the second"), Then::Keep),
        ];
        let provider = RawProvider::start(plays).await;
        let router = router(&provider, LONG);
        let first = router.client().post(PATHS[0], question()).await;
        assert!(!first.text().contains(EVIL) && first.status.as_u16() != 200, "{status} {headers}: {first:?}");
        let second = router.client().post(PATHS[0], question()).await;
        assert!(second.status == 200 && second.text().contains("the second"), "{status} {headers}: {second:?}");
    }
}

#[tokio::test]
async fn a_connection_that_closes_as_the_next_request_comes_costs_nobody_an_answer() {
    for round in 0..5 {
        // The kept connection is closed without a byte of an answer: the request goes out once more, over a new one.
        let plays = vec![Play(good(TEXT), Then::CloseOnNext), Play(good("the second"), Then::Keep)];
        let provider = asks(&format!("round {round}"), plays, &[TEXT, "the second", "the second"]).await;
        assert_eq!(provider.connections(), 2, "round {round}");
    }
}

#[tokio::test]
async fn a_connection_that_says_goodbye_is_not_used_again() {
    let goodbye = String::from_utf8(good(TEXT)).expect("it is text");
    let closing = goodbye.replace("200 OK\r\n", "200 OK\r\nconnection: close\r\n");
    let old = goodbye.replace("HTTP/1.1", "HTTP/1.0");
    for (name, bytes) in [("goodbye", closing), ("HTTP/1.0", old)] {
        // It stays open on the provider's side: only what it said counts.
        let provider = asks(name, vec![Play(bytes.into(), Then::Keep)], &[TEXT; 3]).await;
        assert_eq!(provider.connections(), 3, "{name}");
    }
}

#[tokio::test]
async fn what_is_sent_to_a_provider_is_one_request_and_nothing_of_the_clients_connection() {
    let provider = RawProvider::start(vec![Play(good(TEXT), Then::Keep)]).await;
    let router = router(&provider, LONG);
    let body = question();
    let request = http::Request::post(PATHS[0])
        .header("connection", "x-mine, keep-alive")
        .header("x-mine", "1")
        .header("te", "trailers")
        .header("trailer", "x")
        .header("upgrade", "h2c")
        .header("proxy-authorization", "secret")
        .header("authorization", "Bearer of-the-router")
        .header("cookie", "secret")
        .header("expect", "100-continue")
        .header("transfer-encoding", "chunked")
        .body(body);
    let reply = router.client().send(request.expect("the request is well-formed")).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    let requests = provider.requests();
    assert_eq!(requests.len(), 1);
    let head = requests[0].split("\r\n\r\n").next().unwrap_or_default().to_ascii_lowercase();
    for never in ["x-mine", "te:", "trailer", "upgrade", "secret", "of-the-router", "expect", "transfer-encoding"] {
        assert!(!head.lines().any(|line| line.contains(never) && !line.starts_with("host")), "{never}: {head}");
    }
    for once in ["host:", "content-length:", "content-type:", "x-request-id:"] {
        assert_eq!(head.lines().filter(|line| line.starts_with(once)).count(), 1, "{once} {head}");
    }
}

#[tokio::test]
async fn only_the_status_of_a_status_line_reaches_the_client() {
    let said = String::from_utf8(good(TEXT)).expect("it is text").replace("200 OK", "200 said 127.0.0.1");
    let provider = RawProvider::start(vec![Play(said.into(), Then::Keep)]).await;
    let router = router(&provider, LONG);
    let body = question();
    let head = format!("POST {} HTTP/1.1\r\nhost: r\r\nconnection: close\r\ncontent-length: {}", PATHS[0], body.len());
    let mut stream = tokio::net::TcpStream::connect(router.address()).await.expect("it listens");
    stream.write_all(&[head.as_bytes(), b"\r\n\r\n", &body].concat()).await.expect("it takes the request");
    let mut came = Vec::new();
    stream.read_to_end(&mut came).await.expect("it answers and closes");
    let found = answers(&came, &[]).unwrap_or_else(|why| panic!("{why}"));
    assert!(found.len() == 1 && found[0].head.starts_with("http/1.1 200 ok\r\n"), "{found:?}");
    assert!(found[0].whole && found[0].text().contains(TEXT), "{found:?}");
}
