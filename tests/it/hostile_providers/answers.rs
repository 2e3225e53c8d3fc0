//! Answers of every shape, and what must come of each.

use super::raw::Then::{self, Close, Forever, Keep};

/// What a client must see.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Want {
    /// The answer, whole.
    Whole,
    /// An error status with an error body.
    Refused,
    /// No whole good answer: refused, or begun and visibly broken off.
    Bad,
    /// Either is right: the answer whole, or an honest failure.
    Either,
}

use Want::{Bad, Either, Refused, Whole};

/// One answer on the wire.
pub(super) struct Shape {
    pub(super) name: &'static str,
    pub(super) bytes: Vec<u8>,
    pub(super) then: Then,
    pub(super) want: Want,
}

/// The text of every good answer.
pub(super) const TEXT: &str = "all is well";
/// The text of an answer that nobody asked for.
pub(super) const EVIL: &str = "nobody asked";

/// A good chat completion with this text.
pub(super) fn completion(text: &str) -> String {
    format!(
        r#"{{"id":"c","object":"chat.completion","created":1,"model":"x","choices":[{{"index":0,"finish_reason":"stop","message":{{"role":"assistant","content":"{text}"}}}}],"usage":{{"prompt_tokens":1,"completion_tokens":2,"total_tokens":3}}}}"#
    )
}

/// A whole answer of a known length.
pub(super) fn good(text: &str) -> Vec<u8> {
    let body = completion(text);
    format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}", body.len())
        .into_bytes()
}

/// Every answer.
pub(super) fn all() -> Vec<Shape> {
    [right(), right_chunks(), lengths(), chunks(), heads(), endless()].into_iter().flatten().collect()
}

const OK: &str = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n";
const CHUNKED: &str = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n";

fn shape(name: &'static str, bytes: impl Into<Vec<u8>>, then: Then, want: Want) -> Shape {
    Shape { name, bytes: bytes.into(), then, want }
}

/// Unusual answers that are right.
fn right() -> Vec<Shape> {
    let body = completion(TEXT);
    let plain = String::from_utf8(good(TEXT)).expect("it is text");
    vec![
        shape("plain", plain.clone(), Keep, Whole),
        shape("100 before it", format!("HTTP/1.1 100 Continue\r\n\r\n{plain}"), Keep, Whole),
        shape(
            "hints before it",
            format!("HTTP/1.1 103 Early Hints\r\nlink: </x>\r\ncontent-length: 7\r\n\r\n{plain}"),
            Keep,
            Whole,
        ),
        shape(
            "two interim answers before it",
            format!("{}{plain}", "HTTP/1.1 102 Processing\r\n\r\n".repeat(2)),
            Keep,
            Whole,
        ),
        shape("until the connection ends", format!("{OK}\r\n{body}"), Close, Whole),
        shape("HTTP/1.0, until the connection ends", format!("{OK}\r\n{body}").replace("1.1", "1.0"), Close, Whole),
        shape("HTTP/1.0 with a length", plain.replace("1.1", "1.0"), Close, Whole),
        shape("HTTP/1.0 with a length, left open", plain.replace("1.1", "1.0"), Keep, Whole),
        shape("no reason", plain.replace("200 OK", "200 "), Keep, Whole),
        shape("not even a space for a reason", plain.replace("200 OK", "200"), Keep, Whole),
        shape("a reason that is no ASCII", plain.replace("200 OK", "200 G\u{fc}t"), Keep, Whole),
        shape("blanks around values", plain.replace(": ", ":\t  ").replace("json\r", "json \t\r"), Keep, Whole),
        shape("capitals", plain.replace("content-length", "CONTENT-LENGTH"), Keep, Whole),
        shape("goodbye", plain.replace("200 OK\r\n", "200 OK\r\nconnection: close\r\n"), Close, Whole),
        shape("goodbye, left open", plain.replace("200 OK\r\n", "200 OK\r\nConnection: Close\r\n"), Keep, Whole),
        shape(
            "a header of 8 KiB",
            plain.replace("200 OK\r\n", &format!("200 OK\r\nx: {}\r\n", "a".repeat(8192))),
            Keep,
            Whole,
        ),
        shape("bare line feeds in the head", plain.replace("\r\n", "\n"), Keep, Either),
        shape(
            "many headers",
            plain.replace("200 OK\r\n", &format!("200 OK\r\n{}", "x: 1\r\n".repeat(90))),
            Keep,
            Whole,
        ),
    ]
}

/// Unusual chunks that are right.
fn right_chunks() -> Vec<Shape> {
    let body = completion(TEXT);
    let size = body.len();
    let (first, second) = body.split_at(10);
    vec![
        shape(
            "chunks with capitals, zeros, extensions and trailers",
            format!(
                "{CHUNKED}0000A;x=\"y z\"\r\n{first}\r\n{:X};last\r\n{second}\r\n000\r\nx-evil: 1\r\n\r\n",
                size - 10
            ),
            Keep,
            Whole,
        ),
        shape(
            "chunks of one byte",
            format!("{CHUNKED}{}0\r\n\r\n", body.chars().map(|c| format!("1\r\n{c}\r\n")).collect::<String>()),
            Keep,
            Whole,
        ),
        shape(
            "a coding in capitals",
            format!("{CHUNKED}{size:x}\r\n{body}\r\n0\r\n\r\n").replace("chunked", "Chunked"),
            Keep,
            Whole,
        ),
    ]
}

/// Lengths that are not what they say.
fn lengths() -> Vec<Shape> {
    let body = completion(TEXT);
    let size = body.len();
    let with = |headers: &str| format!("{OK}{headers}\r\n\r\n{body}");
    vec![
        shape("a length that is too long", with(&format!("content-length: {}", size + 9)), Close, Bad),
        shape("a length that is too short", with(&format!("content-length: {}", size - 9)), Keep, Bad),
        shape("an answer of nothing", with("content-length: 0"), Keep, Bad),
        shape("two lengths", with(&format!("content-length: {size}\r\ncontent-length: 5")), Keep, Bad),
        shape("a list of lengths", with(&format!("content-length: {size}, 5")), Keep, Bad),
        shape(
            "the same length twice",
            with(&format!("content-length: {size}\r\ncontent-length: {size}")),
            Keep,
            Either,
        ),
        shape("a negative length", with("content-length: -1"), Keep, Bad),
        shape("a signed length", with(&format!("content-length: +{size}")), Keep, Bad),
        shape("a length that overflows", with("content-length: 99999999999999999999"), Keep, Bad),
        shape("a length that is none", with("content-length: many"), Keep, Bad),
    ]
}

/// Chunks that are not what they should be.
fn chunks() -> Vec<Shape> {
    let body = completion(TEXT);
    let size = body.len();
    let chunk = format!("{size:x}\r\n{body}\r\n");
    let with = |text: String| format!("{CHUNKED}{text}");
    let coded = |coding: &str| format!("{CHUNKED}{chunk}0\r\n\r\n").replace("chunked", coding);
    vec![
        shape("chunks without an end", with(chunk.clone()), Close, Bad),
        shape("chunks that end inside the last line", with(format!("{chunk}0\r\n")), Close, Bad),
        shape("a chunk that breaks off", with(format!("{:x}\r\n{body}", size + 50)), Close, Bad),
        shape("a chunk longer than its size", with(format!("{:x}\r\n{body}\r\n0\r\n\r\n", size - 3)), Keep, Bad),
        shape("a chunk size that is none", with(format!("zz\r\n{body}\r\n0\r\n\r\n")), Keep, Bad),
        shape("a negative chunk size", with(format!("-{chunk}0\r\n\r\n")), Keep, Bad),
        shape("a prefixed chunk size", with(format!("0x{chunk}0\r\n\r\n")), Keep, Bad),
        shape("a chunk size that overflows", with(format!("fffffffffffffffff{chunk}0\r\n\r\n")), Keep, Bad),
        shape("chunks with bare line feeds", with(format!("{chunk}0\r\n\r\n").replace("\r\n", "\n")), Close, Bad),
        shape("a length and chunks", coded(&format!("chunked\r\ncontent-length: {}", size / 2)), Keep, Either),
        shape("a strange coding", coded("xchunked"), Close, Bad),
        shape("chunks not last", coded("chunked, identity"), Close, Bad),
        shape("a coding of HTTP/1.0", coded("chunked").replace("HTTP/1.1", "HTTP/1.0"), Close, Either),
    ]
}

/// Heads that are not what they should be.
fn heads() -> Vec<Shape> {
    let plain = String::from_utf8(good(TEXT)).expect("it is text");
    let header = |line: &str| plain.replace("200 OK\r\n", &format!("200 OK\r\n{line}\r\n"));
    let status = |line: &str| plain.replace("HTTP/1.1 200 OK", line);
    vec![
        shape("silence and an end", "", Close, Refused),
        shape("no HTTP", "SSH-2.0-OpenSSH_9.9\r\n", Close, Refused),
        shape("TLS in place of HTTP", b"\x15\x03\x03\x00\x02\x02\x46".to_vec(), Close, Refused),
        shape("half a head", "HTTP/1.1 200 OK\r\ncontent-le", Close, Refused),
        shape("only interim answers", "HTTP/1.1 100 Continue\r\n\r\n", Close, Refused),
        shape(
            "another protocol",
            "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n",
            Keep,
            Refused,
        ),
        shape("no status", status("HTTP/1.1 OK"), Keep, Refused),
        shape("a status of two digits", status("HTTP/1.1 20 OK"), Keep, Refused),
        shape("a status of four digits", status("HTTP/1.1 2000 OK"), Keep, Refused),
        shape("another version", status("HTTP/2.0 200 OK"), Keep, Refused),
        shape("a version in small letters", status("http/1.1 200 OK"), Keep, Refused),
        shape("a folded header", header("x: 1\r\n 2"), Keep, Either),
        shape("a space before the colon", header("x : 1"), Keep, Either),
        shape("NUL in a header", header("x: a\0b"), Keep, Refused),
        shape("a bare carriage return in a header", header("x: a\rx-evil: 1"), Keep, Refused),
        shape("a header without a colon", header("x"), Keep, Refused),
        shape("a header without a name", header(": 1"), Keep, Refused),
        shape("too many headers", header(&"x: 1\r\n".repeat(5_000)), Keep, Refused),
        shape("another coding", header("content-encoding: gzip"), Keep, Either),
        shape("a redirect", status("HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/"), Keep, Refused),
    ]
}

/// Answers that do not end.
fn endless() -> Vec<Shape> {
    vec![
        shape("an endless status line", "HTTP/1.1 200 ", Forever("a"), Refused),
        shape("an endless header", "HTTP/1.1 200 OK\r\nx: ", Forever("a"), Refused),
        shape("endless headers", "HTTP/1.1 200 OK\r\n", Forever("x: 1\r\n"), Refused),
        shape("endless interim answers", "", Forever("HTTP/1.1 100 Continue\r\n\r\n"), Refused),
        shape("an endless chunk size", CHUNKED, Forever("0"), Bad),
        shape("an endless chunk extension", format!("{CHUNKED}1;"), Forever("a"), Bad),
        shape("endless trailers", format!("{CHUNKED}1\r\n{{\r\n0\r\n"), Forever("x: 1\r\n"), Bad),
        shape("endless empty lines", "", Forever("\r\n"), Refused),
    ]
}
