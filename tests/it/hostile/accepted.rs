//! Unusual requests that are right: each gets its own answer, and nothing inside of it is taken for another request.

use llm_router_tests::{WireAnswer, answers};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::{POST, start, talk_bytes};

const GOOD: &str = r#"{"model":"m","max_tokens":9,"messages":[{"role":"user","content":"one two"}]}"#;
const STREAM: &str = r#"{"model":"m","stream":true,"max_tokens":9,"messages":[{"role":"user","content":"one two"}]}"#;
/// Ends a connection with one more request.
const LAST: &str = "GET /v1/models HTTP/1.1\r\nhost: r\r\nconnection: close\r\n\r\n";
/// What nobody asked for.
const SMUGGLED: &str = "GET /smuggled HTTP/1.1\r\nhost: r\r\n\r\n";
/// A part of every answer to [`LAST`].
const LIST: &str = "\"object\":\"list\"";
/// A part of every answer to [`GOOD`].
const SAID: &str = "You said: one two";

/// What must come of a connection: the methods asked with, and a part of each answer with its status.
type Wanted = Vec<(&'static str, u16, &'static str)>;

fn chunked(body: &str) -> String {
    format!("{POST}transfer-encoding: chunked\r\n\r\n{body}")
}

fn sized(method: &str, path: &str, headers: &str, body: &str) -> String {
    format!("{method} {path} HTTP/1.1\r\nhost: r\r\n{headers}content-length: {}\r\n\r\n{body}", body.len())
}

fn inputs() -> Vec<(&'static str, String, Wanted)> {
    let size = GOOD.len();
    let chat = "/v1/chat/completions";
    let (first, second) = GOOD.split_at(10);
    let list = ("GET", 200, LIST);
    let said = ("POST", 200, SAID);
    vec![
        ("a length", sized("POST", chat, "", GOOD) + LAST, vec![said, list]),
        (
            "chunks with capitals, zeros, extensions and trailers",
            chunked(&format!(
                "0000A;x=\"y z\"\r\n{first}\r\n{:X} ;last\r\n{second}\r\n000\r\nx-evil: 1\r\ncontent-length: 3\r\n\r\n",
                size - 10
            )) + LAST,
            vec![said, list],
        ),
        (
            "a coding in capitals",
            format!("{POST}Transfer-Encoding: CHUNKED\r\n\r\n{size:x}\r\n{GOOD}\r\n0\r\n\r\n{LAST}"),
            vec![said, list],
        ),
        ("three at once", LAST.replace("connection: close\r\n", "").repeat(2) + LAST, vec![list, list, list]),
        ("a whole URL", format!("GET http://r/v1/models HTTP/1.1\r\nhost: r\r\n\r\n{LAST}"), vec![list, list]),
        ("an empty line first", format!("\r\n{LAST}"), vec![list]),
        ("blanks around a value", LAST.replace("host: r", "host:\t r \t"), vec![list]),
        (
            "only a head",
            LAST.replace("GET", "HEAD").replace("connection: close\r\n", "") + LAST,
            vec![("HEAD", 200, ""), list],
        ),
        (
            "a body that waits for its permission",
            sized("POST", chat, "expect: 100-continue\r\n", GOOD) + LAST,
            vec![said, list],
        ),
        (
            "an offer of another protocol",
            LAST.replace(
                "connection: close",
                "connection: upgrade, http2-settings, close\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABk",
            ),
            vec![list],
        ),
        ("a stream", sized("POST", chat, "", STREAM) + LAST, vec![("POST", 200, "[DONE]"), list]),
    ]
}

/// Requests whose bodies nobody reads: the connection may go on behind the body, or end, but never inside of it.
fn unread() -> Vec<(&'static str, String, u16)> {
    let chat = "/v1/chat/completions";
    let large = format!("{SMUGGLED}{}", "x".repeat(150_000));
    vec![
        ("a body where there should be none", sized("GET", "/v1/models", "", SMUGGLED) + LAST, 200),
        ("a body for nobody", sized("POST", "/nowhere", "", SMUGGLED) + LAST, 404),
        ("a large body for nobody", sized("POST", "/nowhere", "", &large) + LAST, 404),
        ("a body with another method", sized("PUT", chat, "", SMUGGLED) + LAST, 405),
        ("a body that is too large", sized("POST", chat, "", &SMUGGLED.repeat(6_000)) + LAST, 413),
        (
            "chunks where there should be none",
            format!(
                "GET /v1/models HTTP/1.1\r\nhost: r\r\ntransfer-encoding: chunked\r\n\r\n{:x}\r\n{SMUGGLED}\r\n0\r\n\r\n{LAST}",
                SMUGGLED.len()
            ),
            200,
        ),
        (
            "a request for nobody behind a permission",
            sized("POST", "/nowhere", "expect: 100-continue\r\n", SMUGGLED) + LAST,
            404,
        ),
    ]
}

fn check(found: &[WireAnswer], wanted: &Wanted) -> Result<(), String> {
    if found.len() != wanted.len() {
        return Err(format!("{} answers in place of {}", found.len(), wanted.len()));
    }
    for (answer, (_, status, text)) in found.iter().zip(wanted) {
        if answer.status != *status || !answer.whole || !answer.text().contains(text) {
            return Err(format!("not {status} with {text}"));
        }
        if answer.header("x-evil").is_some() || answer.header("x-request-id").is_none() {
            return Err("a wrong header".to_owned());
        }
    }
    Ok(())
}

#[tokio::test]
async fn an_unusual_request_that_is_right_gets_its_own_answer() {
    let (_mock, router) = start().await;
    for (name, bytes, wanted) in inputs() {
        let came = talk_bytes(router.address(), bytes.as_bytes()).await;
        let methods: Vec<_> = wanted.iter().map(|(method, ..)| *method).collect();
        let found = answers(&came, &methods).unwrap_or_else(|why| panic!("{name}: {why}"));
        check(&found, &wanted).unwrap_or_else(|why| panic!("{name}: {why}: {found:#?}"));
    }
}

#[tokio::test]
async fn what_nobody_reads_is_never_taken_for_a_request() {
    let (_mock, router) = start().await;
    for (name, bytes, status) in unread() {
        let came = talk_bytes(router.address(), bytes.as_bytes()).await;
        let found = answers(&came, &[]).unwrap_or_else(|why| panic!("{name}: {why}"));
        // An answer to a body that is still being sent may be lost with the connection, which is closed then.
        assert!(found.first().is_none_or(|first| first.status == status), "{name}: {found:#?}");
        assert!(found.len() <= 2 && found.get(1).is_none_or(|last| last.text().contains(LIST)), "{name}: {found:#?}");
        assert!(!String::from_utf8_lossy(&came).contains("/smuggled"), "{name}: {found:#?}");
    }
}

#[tokio::test]
async fn requests_of_http_1_0_get_answers_without_chunks() {
    let (_mock, router) = start().await;
    let old = |body: &str, headers: &str| {
        format!("POST /v1/chat/completions HTTP/1.0\r\n{headers}content-length: {}\r\n\r\n{body}", body.len())
    };
    for (name, bytes, end) in [
        ("whole", old(GOOD, ""), SAID),
        ("streamed", old(STREAM, ""), "[DONE]"),
        ("kept open, streamed", old(STREAM, "connection: keep-alive\r\n"), "[DONE]"),
        ("a list", "GET /v1/models HTTP/1.0\r\n\r\n".to_owned(), LIST),
    ] {
        let came = talk_bytes(router.address(), bytes.as_bytes()).await;
        let found = answers(&came, &[]).unwrap_or_else(|why| panic!("{name}: {why}"));
        assert_eq!(found.len(), 1, "{name}: {found:#?}");
        let answer = &found[0];
        assert!(answer.status == 200 && answer.header("transfer-encoding").is_none(), "{name}: {answer:#?}");
        assert!(answer.whole && answer.text().contains(end), "{name}: {answer:#?}");
    }
}

#[tokio::test]
async fn a_request_in_single_bytes_is_one_request() {
    let (mock, router) = start().await;
    let request = chunked(&format!("1\r\n{{\r\n{:x};x\r\n{}\r\n0\r\nt: 1\r\n\r\n", GOOD.len() - 1, &GOOD[1..])) + LAST;
    let mut stream = tokio::net::TcpStream::connect(router.address()).await.expect("it listens");
    stream.set_nodelay(true).expect("the system allows it");
    for byte in request.as_bytes() {
        stream.write_all(&[*byte]).await.expect("it takes every byte");
        tokio::task::yield_now().await;
    }
    let mut came = Vec::new();
    stream.read_to_end(&mut came).await.expect("it answers and closes");
    let found = answers(&came, &["POST", "GET"]).unwrap_or_else(|why| panic!("{why}"));
    check(&found, &vec![("POST", 200, SAID), ("GET", 200, LIST)]).unwrap_or_else(|why| panic!("{why}: {found:#?}"));
    assert_eq!(mock.stats().requests, 1);
}
