//! Bytes in are bytes out: any JSON body, any answer, split anywhere, through real sockets.

use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex, MutexGuard},
    thread,
};

use llm_router_tests::{Provider, Router, models};
use proptest::{
    prelude::*,
    test_runner::{Config, TestRunner},
};
use serde_json::{Map, Value};

/// A provider that notes the body it got and answers with given frames, one chunk each.
struct Echo {
    address: SocketAddr,
    exchange: Arc<Mutex<Exchange>>,
}

#[derive(Default)]
struct Exchange {
    frames: Vec<Vec<u8>>,
    seen: Vec<u8>,
}

impl Echo {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let address = listener.local_addr().expect("it is bound");
        let exchange = Arc::new(Mutex::new(Exchange::default()));
        let shared = Arc::clone(&exchange);
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (Ok(stream), shared) = (stream, Arc::clone(&shared)) else { return };
                thread::spawn(move || serve(stream, &shared));
            }
        });
        Self { address, exchange }
    }

    fn exchange(&self) -> MutexGuard<'_, Exchange> {
        self.exchange.lock().expect("nobody panics with the lock")
    }
}

fn serve(mut stream: TcpStream, shared: &Mutex<Exchange>) {
    while let Some(body) = read_request(&mut stream) {
        let frames = {
            let mut exchange = shared.lock().expect("nobody panics with the lock");
            exchange.seen = body;
            exchange.frames.clone()
        };
        if write_answer(&mut stream, &frames).is_err() {
            return;
        }
    }
}

/// The body of the next request; `None` when the connection is over.
fn read_request(stream: &mut TcpStream) -> Option<Vec<u8>> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).ok()?;
        head.push(byte[0]);
    }
    let head = String::from_utf8_lossy(&head).to_ascii_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse().ok())?;
    let mut body = vec![0; length];
    stream.read_exact(&mut body).ok()?;
    Some(body)
}

fn write_answer(stream: &mut TcpStream, frames: &[Vec<u8>]) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n")?;
    for frame in frames.iter().filter(|frame| !frame.is_empty()) {
        write!(stream, "{:x}\r\n", frame.len())?;
        stream.write_all(frame)?;
        stream.write_all(b"\r\n")?;
        stream.flush()?;
    }
    stream.write_all(b"0\r\n\r\n")
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::btree_map(any::<String>(), inner, 0..5)
                .prop_map(|m| Value::Object(m.into_iter().collect())),
        ]
    })
}

/// A body that names the model `m`, with anything else around it.
fn any_body() -> impl Strategy<Value = Vec<u8>> {
    let around = || prop::collection::vec(("[a-ln-rt-z][a-z_]{0,6}", any_json()), 0..4);
    (around(), around(), any::<bool>()).prop_map(|(before, after, pretty)| {
        let mut map = Map::new();
        map.extend(before);
        map.insert("model".to_owned(), "m".into());
        map.extend(after);
        let value = Value::Object(map);
        if pretty { serde_json::to_vec_pretty(&value) } else { serde_json::to_vec(&value) }.expect("JSON is written")
    })
}

/// The frames of an answer that begins as JSON does: one that is empty, or begins as a web page does, is taken for
/// none.
fn any_frames() -> impl Strategy<Value = Vec<Vec<u8>>> {
    let frame = prop_oneof![
        prop::collection::vec(any::<u8>(), 1..3),
        prop::collection::vec(any::<u8>(), 1..300),
        prop::collection::vec(any::<u8>(), 8_000..20_000),
    ];
    prop::collection::vec(frame, 0..8).prop_map(|rest| [vec![b"{".to_vec()], rest].concat())
}

#[test]
fn bytes_in_are_bytes_out() {
    let echo = Echo::start();
    let url = format!("http://{}", echo.address);
    let router = Router::start(&models([("m", vec![Provider::new("p", "openai", &url)])]), &[]);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let config = Config { cases: 200, failure_persistence: None, ..Config::default() };
    let property = |(body, frames): (Vec<u8>, Vec<Vec<u8>>)| {
        let want = frames.concat();
        echo.exchange().frames = frames;
        let reply = runtime.block_on(router.client().post("/v1/chat/completions", body.clone()));
        prop_assert_eq!(reply.status, 200);
        prop_assert!(reply.whole);
        prop_assert_eq!(&echo.exchange().seen, &body);
        prop_assert_eq!(reply.body, want);
        Ok(())
    };
    let mut runner = TestRunner::new(config);
    runner.run(&(any_body(), any_frames()), property).unwrap_or_else(|failure| panic!("{failure}"));
}
