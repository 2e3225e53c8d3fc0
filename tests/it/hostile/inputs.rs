//! Inputs that are no good request, and what must come of each.

use super::{
    Input, POST,
    Want::{Refused, Status},
    chat, raw,
};

/// Every input that is no good request.
pub(super) fn all() -> Vec<Input> {
    [bodies(), sizes(), lengths(), chunks(), heads()].into_iter().flatten().collect()
}

/// Bodies that are not what the route takes.
fn bodies() -> Vec<Input> {
    let messages = r#""messages":[{"role":"user","content":"hi"}]"#;
    let deep = format!(r#"{{"model":"nope","x":{}{}}}"#, "[".repeat(90_000), "]".repeat(90_000));
    vec![
        ("no JSON", chat("{"), Status(400, "invalid_json")),
        ("nothing", chat(""), Status(400, "error")),
        ("a list", chat("[]"), Status(400, "error")),
        ("no model", chat(&format!("{{{messages}}}")), Status(400, "model")),
        ("a number for a model", chat(r#"{"model":5}"#), Status(400, "model")),
        ("a text for stream", chat(r#"{"model":"m","stream":"yes"}"#), Status(400, "stream")),
        ("an unknown model", chat(r#"{"model":"zzz"}"#), Status(404, "model_not_found")),
        ("a line break in a model", chat(r#"{"model":"m\r\nx-evil: 1"}"#), Status(404, "model_not_found")),
        ("NUL in a model", chat(r#"{"model":"m\u0000"}"#), Status(404, "model_not_found")),
        ("half a character", chat(r#"{"model":"\ud800"}"#), Refused),
        ("bytes that are no text", [chat(r#"{"model":""#), vec![0xff, 0xfe]].concat(), Refused),
        ("an absurd number", chat(r#"{"model":"zzz","n":1e999999}"#), Status(404, "")),
        ("90,000 brackets", chat(&deep), Refused),
        ("two models", chat(r#"{"model":"zzz","model":"yyy"}"#), Refused),
    ]
}

/// Too much, or not enough, or not HTTP.
fn sizes() -> Vec<Input> {
    let post = POST;
    let chunked = format!("{post}transfer-encoding: chunked\r\n");
    vec![
        (
            "too large, announced",
            raw(&format!("{post}content-length: 300000\r\n"), ""),
            Status(413, "request_too_large"),
        ),
        ("too large, sent", chat(&format!(r#"{{"x":"{}"}}"#, "a".repeat(210_000))), Status(413, "request_too_large")),
        (
            "too large, in chunks",
            raw(&chunked, &format!("40000\r\n{}\r\n0\r\n\r\n", "a".repeat(0x40000))),
            Status(413, "request_too_large"),
        ),
        (
            "a body that does not come",
            raw(&format!("{post}content-length: 10\r\n"), "{"),
            Status(408, "request_timeout"),
        ),
        ("headers too large", raw(&format!("{post}x: {}\r\n", "a".repeat(40_000)), ""), Status(431, "")),
        ("too many headers", raw(&format!("{post}{}", "x: 1\r\n".repeat(300)), ""), Status(431, "")),
        ("a long path", raw(&format!("GET /{} HTTP/1.1\r\nhost: r\r\n", "a".repeat(70_000)), ""), Refused),
        ("a head that does not end", b"GET /v1/models HTTP/1.1\r\nhost: r\r\nx".to_vec(), Refused),
        ("no HTTP", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".to_vec(), Refused),
        ("an endless chunk extension", raw(&chunked, &format!("1;{}", "a".repeat(300_000))), Refused),
        ("endless trailers", raw(&chunked, &format!("1\r\n{{\r\n0\r\n{}", "x: 1\r\n".repeat(50_000))), Refused),
        ("an endless chunk size", raw(&chunked, &"0".repeat(300_000)), Refused),
        (
            "another method",
            b"DELETE /v1/models HTTP/1.1\r\nhost: r\r\nconnection: close\r\n\r\n".to_vec(),
            Status(405, "method_not_allowed"),
        ),
        (
            "no such path",
            b"GET /v1/../../etc/passwd HTTP/1.1\r\nhost: r\r\nconnection: close\r\n\r\n".to_vec(),
            Status(404, "unknown_url"),
        ),
    ]
}

/// A request that hides in the body of another one.
const SMUGGLED: &str = "GET /v1/models HTTP/1.1\r\nhost: r\r\n\r\n";

/// Lengths in which two readers may see different requests (RFC 9112, section 11.2).
fn lengths() -> Vec<Input> {
    let with = |headers: &str| raw(&format!("{POST}{headers}\r\n"), SMUGGLED);
    vec![
        ("two lengths", with("content-length: 5\r\ncontent-length: 6"), Refused),
        ("a list of lengths", with("content-length: 5, 6"), Refused),
        ("a length and chunks", with("content-length: 4\r\ntransfer-encoding: chunked"), Refused),
        ("chunks and a length", with("transfer-encoding: chunked\r\ncontent-length: 4"), Refused),
        ("chunks not last", with("transfer-encoding: chunked, identity"), Refused),
        ("chunks in two headers", with("transfer-encoding: chunked\r\ntransfer-encoding: identity"), Refused),
        ("a strange coding", with("transfer-encoding: xchunked"), Refused),
        ("a coding behind a control character", with("transfer-encoding: \x0bchunked"), Refused),
        ("a coding behind a space", with("transfer-encoding : chunked"), Refused),
        ("a negative length", with("content-length: -1"), Refused),
        ("a signed length", with("content-length: +5"), Refused),
        ("a hexadecimal length", with("content-length: 0x5"), Refused),
        ("a length with a space in it", with("content-length: 1 1"), Refused),
        ("a length that overflows", with("content-length: 99999999999999999999"), Refused),
        ("an empty length", with("content-length:"), Refused),
        ("a space before the colon", with("content-length : 5"), Refused),
    ]
}

/// Chunks in which two readers may see different requests.
fn chunks() -> Vec<Input> {
    let with = |body: &str| raw(&format!("{POST}transfer-encoding: chunked\r\n"), &format!("{body}{SMUGGLED}"));
    vec![
        ("a chunk size that overflows", with("fffffffffffffffff\r\nx"), Refused),
        ("a chunk size that is none", with("5x\r\nhello\r\n0\r\n\r\n"), Refused),
        ("a negative chunk size", with("-5\r\nhello\r\n0\r\n\r\n"), Refused),
        ("a prefixed chunk size", with("0x5\r\nhello\r\n0\r\n\r\n"), Refused),
        ("no chunk size", with("\r\nhello\r\n0\r\n\r\n"), Refused),
        ("a chunk that is longer than it says", with("5\r\nhello!\r\n0\r\n\r\n"), Refused),
        ("chunks with bare line feeds", with("5\nhello\n0\n\n"), Refused),
        ("chunks with bare carriage returns", with("5\rhello\r0\r\r"), Refused),
        ("a line feed in a chunk extension", with("5;a\nhello\r\n0\r\n\r\n"), Refused),
        ("a trailer that is none", with("1\r\n{\r\n0\r\nx\r\n\r\n"), Refused),
    ]
}

/// Heads that are not what they should be.
fn heads() -> Vec<Input> {
    let get = |line: &str, headers: &str| raw(&format!("{line}\r\nconnection: close\r\n{headers}"), "");
    let line = "GET /v1/models HTTP/1.1";
    let host = "host: r\r\n";
    vec![
        ("no host", get(line, ""), Status(400, "")),
        ("two hosts", get(line, "host: a\r\nhost: b\r\n"), Status(400, "")),
        ("a folded header", get(line, "host: r\r\nx: 1\r\n 2\r\n"), Refused),
        ("a folded first header", raw(&format!("{line}\r\n x: 1\r\n{host}"), ""), Refused),
        ("NUL in a header", get(line, "host: r\r\nx: a\0b\r\n"), Refused),
        ("NUL in a header's name", get(line, "host: r\r\nx\0: b\r\n"), Refused),
        ("a bare carriage return in a header", get(line, "host: r\r\nx: a\rb: c\r\n"), Refused),
        ("a header without a colon", get(line, "host: r\r\nx\r\n"), Refused),
        ("a header without a name", get(line, "host: r\r\n: x\r\n"), Refused),
        ("NUL in the path", get("GET /v1/mod\0els HTTP/1.1", host), Refused),
        ("a space in the path", get("GET /v1/mod els HTTP/1.1", host), Refused),
        ("two spaces", get("GET  /v1/models HTTP/1.1", host), Refused),
        ("no path", get("GET HTTP/1.1", host), Refused),
        ("no version", get("GET /v1/models", host), Refused),
        ("a version in small letters", get("GET /v1/models http/1.1", host), Refused),
        ("another version", get("GET /v1/models HTTP/3.0", host), Refused),
        ("a method that is none", get("G\u{e9}T /v1/models HTTP/1.1", host), Refused),
        ("another host's path", get("CONNECT r:80 HTTP/1.1", host), Refused),
    ]
}
