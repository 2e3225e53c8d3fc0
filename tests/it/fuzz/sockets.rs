//! Both legs of HTTP, byte by byte over real sockets: whatever a client or a provider sends, the router stays well and
//! answers nothing that is not HTTP.

use std::{net::SocketAddr, time::Duration};

use llm_router_mock::{Mock, Script};
use llm_router_tests::{Provider, Router, answers, models};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    runtime::Runtime,
    time::timeout,
};

use super::{fuzz, inputs};

const ASK: &str = r#"{"model":"m","max_tokens":9,"messages":[{"role":"user","content":"hi"}]}"#;
const PATIENCE: Duration = Duration::from_secs(20);

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime")
}

/// `waits`: how long it waits for a client.
fn router(url: &str, waits: &'static str) -> Router {
    let settings = [
        ("probe_interval", "0"),
        ("server_workers_count", "1"),
        ("header_read_timeout", waits),
        ("body_read_timeout", waits),
        ("keep_alive_timeout", waits),
        ("response_header_timeout", "100ms"),
        ("idle_timeout", "100ms"),
    ];
    Router::start(&models([("m", vec![Provider::new("a", "openai", url)])]), &settings)
}

/// Sends bytes and the end of them; everything that comes back.
async fn talk(address: SocketAddr, bytes: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(address).await.expect("the router accepts connections");
    drop(stream.write_all(bytes).await);
    let mut answer = Vec::new();
    let read = timeout(PATIENCE, stream.read_to_end(&mut answer)).await;
    assert!(read.is_ok(), "the router ends a connection that nothing comes over");
    answer
}

#[test]
fn whatever_a_client_sends_the_answers_are_http() {
    let runtime = runtime();
    let mock = runtime.block_on(Mock::spawn(Script::default())).expect("a port is free");
    let router = router(&mock.url(), "20ms");
    let good = format!("POST /v1/chat/completions HTTP/1.1\r\nhost: r\r\ncontent-length: {}\r\n\r\n{ASK}", ASK.len());
    let chunks = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: r\r\ntransfer-encoding: chunked\r\n\r\n{:x};a=b\r\n{ASK}\r\n0\r\nt: \
         1\r\n\r\n",
        ASK.len()
    );
    let more = [
        good.clone(),
        chunks,
        format!("GET /v1/models HTTP/1.1\r\nhost: r\r\nexpect: 100-continue\r\nx-request-id: a\r\n\r\n{good}"),
        "GET http://r/readyz?a=%20 HTTP/1.0\r\nconnection: keep-alive\r\nx-llm-router-timeout: 5s\r\n\r\n".to_owned(),
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0".to_owned(),
    ];
    println!(
        "{}",
        fuzz("client", more.map(String::into_bytes).into(), |_, input| {
            let came = runtime.block_on(talk(router.address(), input));
            // Over h2 the answers are frames; to a HEAD there is no body, whichever of the requests it was.
            let asked = String::from_utf8_lossy(input);
            if !asked.starts_with("PRI") && !asked.contains("HEAD") {
                answers(&came, &[]).unwrap_or_else(|why| panic!("{why}: {}", String::from_utf8_lossy(&came)));
            }
        })
    );
    let reply = runtime.block_on(router.client().post("/v1/chat/completions", ASK));
    assert_eq!(reply.status, 200, "{}", reply.text());
}

#[test]
fn whatever_a_provider_sends_the_answer_is_http() {
    let runtime = runtime();
    let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).expect("a port is free");
    let router = router(&format!("http://{}", listener.local_addr().expect("it is bound")), "10s");
    let bodies = inputs("crates/core/tests/golden/replies/chat").into_iter();
    let streams = inputs("crates/core/tests/golden/streams/chat").into_iter();
    let seeds = bodies.map(|body| (body, "application/json")).chain(streams.map(|body| (body, "text/event-stream")));
    let seeds = seeds.enumerate().map(|(number, (body, kind))| {
        let size = body.len();
        let head = match number % 3 {
            0 => format!("HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\ncontent-length: {size}\r\n\r\n"),
            1 => format!("HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\ntransfer-encoding: chunked\r\n\r\n{size:x}\r\n"),
            _ => format!("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.0 200 OK\r\ncontent-type: {kind}\r\n\r\n"),
        };
        let tail = if number % 3 == 1 { &b"\r\n0\r\n\r\n"[..] } else { b"" };
        [head.as_bytes(), &body, tail].concat()
    });
    println!(
        "{}",
        fuzz("provider", seeds.collect(), |random, input| {
            let path = ["/v1/chat/completions", "/v1/messages"][random.usize(..2)];
            let body = if random.bool() { ASK.replacen('{', r#"{"stream":true,"#, 1) } else { ASK.to_owned() };
            let length = body.len();
            let request = format!(
                "POST {path} HTTP/1.1\r\nhost: r\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}"
            );
            let came = runtime.block_on(async {
                let serve = async {
                    loop {
                        let Ok((mut stream, _)) = listener.accept().await else { return };
                        // Not all of it need be taken.
                        drop(stream.read(&mut [0; 4096]).await);
                        drop(stream.write_all(input).await);
                    }
                };
                tokio::select! {
                    () = serve => Vec::new(),
                    came = talk(router.address(), request.as_bytes()) => came,
                }
            });
            let found =
                answers(&came, &["POST"]).unwrap_or_else(|why| panic!("{why}: {}", String::from_utf8_lossy(&came)));
            assert_eq!(found.len(), 1, "{found:?}");
            assert!((200..600).contains(&found[0].status), "{found:?}");
        })
    );
}
