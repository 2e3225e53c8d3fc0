//! Clients that speak HTTP/1.0, such as nginx unless it is told otherwise: without chunks, only the connection's end
//! tells where a stream ends. One that breaks off ends with a reset, or whoever stands between would pass it on as
//! whole.

use std::io::ErrorKind;

use llm_router_mock::{Mock, Script};
use llm_router_tests::{Provider, Router, models};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

/// What came, and how the connection ended.
async fn ask(router: &Router, script: &str) -> (String, Result<(), ErrorKind>) {
    let body = format!(
        r#"{{"model":"m","stream":true,"messages":[{{"role":"user","content":"one two three [[mock {script}]]"}}]}}"#
    );
    let head = format!("POST /v1/chat/completions HTTP/1.0\r\nhost: r\r\ncontent-length: {}\r\n\r\n", body.len());
    let mut stream = TcpStream::connect(router.address()).await.expect("the router listens");
    stream.write_all((head + &body).as_bytes()).await.expect("it reads");
    let mut came = Vec::new();
    let ended = stream.read_to_end(&mut came).await.map(drop).map_err(|error| error.kind());
    (String::from_utf8(came).expect("text"), ended)
}

#[tokio::test]
async fn a_stream_that_breaks_off_does_not_end_like_a_whole_one() {
    let mock = Mock::spawn(Script::default()).await.expect("a mock");
    let router = Router::start(&models([("m", vec![Provider::new("a", "openai", &mock.url())])]), &[]);
    let (whole, ended) = ask(&router, "tokens=5").await;
    assert!(whole.starts_with("HTTP/1.0 200 ") && whole.contains("data: [DONE]"), "{whole}");
    assert_eq!(ended, Ok(()));
    let (broken, ended) = ask(&router, "tokens=5 cut=event:3").await;
    assert!(broken.starts_with("HTTP/1.0 200 ") && broken.contains("stream_truncated"), "{broken}");
    assert_eq!(ended, Err(ErrorKind::ConnectionReset), "{broken}");
}
