//! The benchmark against its own provider, and against providers that spoil what they send.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;

use clap::Parser;
use llm_router_bench::{Args, Provider};
use serde_json::Value;

#[derive(Parser)]
struct Cli {
    #[command(flatten)]
    bench: Args,
}

/// A provider that runs until the test process ends.
fn provider() -> SocketAddr {
    let (tell, told) = std::sync::mpsc::channel();
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let provider = Provider::bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
            tell.send(provider.address().unwrap()).unwrap();
            provider.serve().await;
        });
    });
    told.recv().unwrap()
}

/// A gateway that changes what it passes on: `spoil` gets every piece of an answer.
fn spoiling(upstream: SocketAddr, spoil: fn(Vec<u8>) -> Vec<u8>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for client in listener.incoming() {
            let (mut client, mut server) = (client.unwrap(), TcpStream::connect(upstream).unwrap());
            let (mut from_client, mut to_server) = (client.try_clone().unwrap(), server.try_clone().unwrap());
            thread::spawn(move || std::io::copy(&mut from_client, &mut to_server));
            thread::spawn(move || {
                let mut piece = vec![0; 1 << 16];
                while let Ok(count @ 1..) = server.read(&mut piece) {
                    if client.write_all(&spoil(piece[..count].to_vec())).is_err() {
                        return;
                    }
                }
                let _ = client.shutdown(std::net::Shutdown::Both);
            });
        }
    });
    address
}

/// What the benchmark reports as JSON, and how it ended.
fn bench(line: &str) -> (Value, Result<(), String>) {
    let words = ["bench"].into_iter().chain(line.split(' ')).chain(["--json"]);
    let args = Cli::try_parse_from(words).unwrap().bench;
    let mut out = Vec::new();
    let end = llm_router_bench::run(&args, &mut out).map_err(|error| error.to_string());
    (serde_json::from_slice(&out).unwrap_or_default(), end)
}

fn wrong(report: &Value, target: usize) -> &Value {
    &report["rows"][0]["targets"][target]["wrong"]
}

fn figure(report: &Value, measure: &str) -> Option<f64> {
    let figures = report["rows"][0]["targets"][0]["figures"].as_array()?;
    figures.iter().find(|figure| figure["measure"] == measure)?["median"].as_f64()
}

#[test]
fn every_load_gets_right_answers_from_the_provider() {
    let address = provider();
    let pid = std::process::id();
    let target = format!("http://{address}={pid} --direct direct=http://{address} --rounds 2");
    for line in [
        format!("closed {target} --connections 4 --requests 200"),
        format!("closed {target} --connections 2 --requests 20 --body 200000 --answer 5000"),
        format!("open {target} --connections 4 --requests 100 --rate 1000"),
        format!("streams {target} --streams 4 --chunks 50 --pause 0 --requests 8"),
        format!("streams {target} --streams 4 --chunks 5 --pause 2 --requests 8"),
        format!("idle {target} --streams 20"),
    ] {
        let (report, end) = bench(&line);
        assert_eq!(end, Ok(()), "{line}: {report}");
        assert!(report["rows"][0]["targets"][0]["right"].as_u64().unwrap() >= 8, "{line}: {report}");
        let measure = match line.split(' ').next().unwrap() {
            "streams" => "cpu_per_chunk",
            "idle" => "left_open",
            "open" => "added_p99",
            _ => "cpu_per_request",
        };
        assert!(figure(&report, measure).is_some(), "{line}: no {measure}: {report}");
    }
}

#[test]
fn the_provider_speaks_every_dialect() {
    let address = provider();
    for path in ["api/chat", "v1/messages"] {
        for load in ["closed", "streams --streams 4 --chunks 20 --pause 1", "streams --chunks 200 --pause 0"] {
            let (kind, options) = load.split_once(' ').unwrap_or((load, "--connections 4"));
            let line = format!("{kind} http://{address}/{path} {options} --requests 8 --rounds 1");
            let (report, end) = bench(&line);
            assert_eq!(end, Ok(()), "{line}: {report}");
            assert_eq!(report["rows"][0]["targets"][0]["right"], 8, "{line}: {report}");
        }
    }
}

#[test]
fn two_targets_are_compared_by_name() {
    let address = provider();
    let line = format!("closed one=http://{address} --against two=http://{address} --requests 8 --rounds 1 --compare");
    let (report, end) = bench(&format!("{line} two/one"));
    assert_eq!(end, Ok(()), "{report}");
    let column = &report["rows"][0]["targets"][2];
    assert_eq!(column["name"], "two/one");
    assert!(column["figures"].as_array().unwrap().iter().any(|figure| figure["measure"] == "rate"), "{column}");
    let (_, end) = bench(&format!("{line} two/three"));
    assert_eq!(end.unwrap_err(), "no target is named \"three\"; there are one, two");
}

#[tokio::test]
async fn a_provider_listens_on_as_many_hosts_as_it_is_told() {
    let provider = Provider::bind_many("127.0.0.1:0".parse().unwrap(), 3).await.unwrap();
    let port = provider.address().unwrap().port();
    tokio::spawn(provider.serve());
    for host in 1..=3 {
        let target = format!("http://127.0.0.{host}:{port}");
        let line = format!("closed {target} --connections 1 --requests 2 --rounds 1");
        let (report, end) = tokio::task::spawn_blocking(move || bench(&line)).await.unwrap();
        assert_eq!(end, Ok(()), "{report}");
    }
    assert!(Provider::bind_many("[::1]:0".parse().unwrap(), 2).await.is_err());
}

#[test]
fn idle_streams_are_all_closed_when_the_client_leaves() {
    let address = provider();
    let (report, _) =
        bench(&format!("idle http://{address}={0} --streams 30 --direct http://{address}", std::process::id()));
    assert_eq!(figure(&report, "left_open"), Some(0.0), "{report}");
}

#[test]
fn a_refusing_address_and_a_bad_status_are_counted() {
    let unused = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let (report, end) = bench(&format!("closed http://{unused} --connections 1 --requests 5 --rounds 1"));
    assert!(end.unwrap_err().contains("wrong answers"));
    assert!(wrong(&report, 0)["cannot connect"].as_u64().unwrap() >= 5, "{report}");

    let spoilt = spoiling(provider(), |bytes| {
        String::from_utf8(bytes).unwrap().replace("HTTP/1.1 200 OK", "HTTP/1.1 503 Busy").into_bytes()
    });
    let (report, _) = bench(&format!("closed http://{spoilt} --connections 1 --requests 5 --rounds 1"));
    assert!(wrong(&report, 0)["status 503"].as_u64().unwrap() >= 5, "{report}");
    assert_eq!(report["rows"][0]["targets"][0]["right"], 0);
}

#[test]
fn a_changed_answer_and_a_lost_frame_are_counted() {
    let address = provider();
    let changed =
        spoiling(address, |bytes| String::from_utf8(bytes).unwrap().replace("that-is-all", "that-was-it").into_bytes());
    let (report, _) =
        bench(&format!("closed http://{address} --against http://{changed} --connections 1 --requests 5 --rounds 1"));
    assert_eq!(wrong(&report, 0), &serde_json::json!({}));
    assert!(wrong(&report, 1)["wrong body"].as_u64().unwrap() >= 5, "{report}");

    let renumbered =
        spoiling(address, |bytes| String::from_utf8(bytes).unwrap().replace("t000003", "t000004").into_bytes());
    let (report, _) =
        bench(&format!("streams http://{renumbered} --streams 1 --chunks 8 --pause 1 --requests 1 --rounds 1"));
    assert_eq!(wrong(&report, 0)["frames lost"], 1, "{report}");
}

#[test]
fn only_this_machine_is_loaded() {
    let (_, end) = bench("closed http://192.0.2.1:80 --requests 1");
    assert!(end.unwrap_err().contains("not a loopback address"));
    let (_, end) = bench("closed http://127.0.0.1:9=4194305 --requests 1");
    assert!(end.unwrap_err().contains("no process 4194305"));
}
