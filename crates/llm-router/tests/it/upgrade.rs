//! Upgrade under load: no refused connection, no failed request, no cut stream.

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU32, Ordering::Relaxed},
    },
    time::Duration,
};

use bytes::Bytes;
use http::{Method, Request};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use llm_router_mock::{Mock, Script};
use llm_router_tests::{Provider, models, until};
use tokio::{net::TcpStream, time::sleep};

use crate::process::{Process, runs, signal};

/// Between two upgrades of the long form; the short one waits for some requests alone.
const BETWEEN: Duration = Duration::from_secs(10);

#[derive(Default)]
struct Load {
    over: AtomicBool,
    good: AtomicU32,
    /// Of these, long streams.
    long: AtomicU32,
    bad: Mutex<Vec<String>>,
}

/// What a client asks for, again and again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Whole,
    Stream,
    /// A stream that outlives several upgrades.
    LongStream,
}

use Kind::{LongStream, Stream, Whole};

fn chat(kind: Kind) -> Request<Full<Bytes>> {
    let text = if kind == LongStream { "[[mock tokens=150 token-delay=40ms]] hi" } else { "hi" };
    let stream = kind != Whole;
    let body = format!(r#"{{"model":"m","stream":{stream},"messages":[{{"role":"user","content":"{text}"}}]}}"#);
    let request = Request::builder().method(Method::POST).uri("/v1/chat/completions").header("host", "router.test");
    request.body(Full::new(Bytes::from(body))).expect("the request is well-formed")
}

async fn connect(address: SocketAddr) -> Result<SendRequest<Full<Bytes>>, String> {
    let stream = TcpStream::connect(address).await.map_err(|error| format!("connect: {error}"))?;
    let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(|error| error.to_string())?;
    tokio::spawn(async move { drop(connection.await) });
    Ok(sender)
}

/// One exchange; says whether the connection can serve again.
async fn exchange(sender: &mut SendRequest<Full<Bytes>>, kind: Kind) -> Result<bool, String> {
    let answer = sender.send_request(chat(kind)).await.map_err(|error| format!("request: {error:?}"))?;
    let (status, last) = (answer.status(), answer.headers().get("connection").is_some_and(|value| value == "close"));
    let body = answer.into_body().collect().await.map_err(|error| format!("body: {error:?}"))?.to_bytes();
    let whole = kind == Whole || body.ends_with(b"[DONE]\n\n");
    if status == 200 && whole { Ok(!last) } else { Err(format!("{status}: {body:?}")) }
}

/// Asks until the load is over: one connection for all, or one for each.
async fn ask(address: SocketAddr, load: Arc<Load>, keep: bool, kind: Kind) {
    let mut kept = None;
    while !load.over.load(Relaxed) {
        let mut sender = match kept.take() {
            Some(sender) => sender,
            None => match connect(address).await {
                Ok(sender) => sender,
                Err(why) => {
                    load.bad.lock().expect("nobody panics under it").push(why);
                    continue;
                }
            },
        };
        match exchange(&mut sender, kind).await {
            Ok(again) => {
                load.good.fetch_add(1, Relaxed);
                if kind == LongStream {
                    load.long.fetch_add(1, Relaxed);
                }
                if keep && again && sender.ready().await.is_ok() {
                    kept = Some(sender);
                }
            }
            Err(why) => load.bad.lock().expect("nobody panics under it").push(why),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upgrade_under_load_refuses_and_cuts_nothing() {
    let script = Script::parse("tokens=10 token-delay=20ms").expect("the script is well-formed");
    let mock = Mock::spawn(script).await.expect("a port is free");
    let models = models([("m", vec![Provider::new("a", "openai", &mock.url())])]);
    let mut process = Process::start(&models, &[]);
    let load = Arc::new(Load::default());
    let clients = [
        (true, Whole),
        (true, Whole),
        (false, Whole),
        (false, Stream),
        (true, Stream),
        (false, Stream),
        (false, LongStream),
        (true, LongStream),
    ];
    let asking: Vec<_> = clients
        .into_iter()
        .map(|(keep, kind)| tokio::spawn(ask(process.address, Arc::clone(&load), keep, kind)))
        .collect();
    let long = std::env::var("LLM_ROUTER_TESTS_LONG").is_ok_and(|long| !long.is_empty());
    let upgrades = if long { 30 } else { 3 };
    let mut before = vec![process.pid];
    for _ in 0..upgrades {
        if long {
            sleep(BETWEEN).await;
        }
        let served = load.good.load(Relaxed);
        until("the load goes on", async || load.good.load(Relaxed) >= served + 20).await;
        before.push(process.upgrade().await);
    }
    let served = load.good.load(Relaxed);
    until("the last one serves", async || load.good.load(Relaxed) >= served + 20).await;
    load.over.store(true, Relaxed);
    for asked in asking {
        asked.await.expect("the client is well");
    }
    let bad = load.bad.lock().expect("nobody panics under it").clone();
    let [good, long] = [&load.good, &load.long].map(|count| count.load(Relaxed));
    println!("{upgrades} upgrades, {good} requests, {long} of them long streams, {} failed", bad.len());
    assert!(bad.is_empty(), "{bad:?}\n{}", process.log());
    assert!(long >= 2, "a stream outlived upgrades");
    let last = before.pop().expect("there is one");
    until("the processes before have ended", async || !before.iter().any(|pid| runs(*pid))).await;
    assert!(runs(last));
    signal(last, "TERM");
    until("the last one ends on a signal", async || !runs(last)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upgrade_that_cannot_start_changes_nothing() {
    let mock = Mock::spawn(Script::default()).await.expect("a port is free");
    let models = models([("m", vec![Provider::new("a", "openai", &mock.url())])]);
    let process = Process::start(&models, &[]);
    let file = process.folder().join("models.json");
    std::fs::write(&file, "{").expect("the folder is writable");
    let reply = llm_router_tests::Client::new(process.operators).post("/admin/upgrade", "").await;
    assert_eq!(reply.status, 500, "{}", reply.text());
    assert!(reply.text().contains("ended before it served"), "{}", reply.text());
    let mut sender = connect(process.address).await.expect("it listens");
    assert_eq!(exchange(&mut sender, Stream).await, Ok(true));
    assert!(runs(process.pid));
}
