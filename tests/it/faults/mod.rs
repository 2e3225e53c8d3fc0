//! The fault matrix: each fault at each moment, over several dialects, streaming or not. Whatever a provider does, the
//! client is never given a cut answer as a whole one, and the router holds nothing afterwards.

mod cancel;
mod case;
mod verdict;

use std::fmt::Write as _;

use bytes::Bytes;
use http::{Method, Request};
use llm_router_mock::{Mock, MockServer, Script};
use llm_router_tests::{Provider, Router, models, until};

use case::{Case, SURFACES, all};
use verdict::judge;

/// How many cases are under way at once.
const AT_ONCE: usize = 64;

async fn mock(script: &str) -> MockServer {
    Mock::spawn(Script::parse(script).expect("the script is well-formed")).await.expect("a port is free")
}

#[tokio::test]
async fn no_fault_at_any_moment_passes_for_a_whole_answer() {
    let plain = mock("").await;
    let refuses = "http://127.0.0.1:1".to_owned();
    let (resets, silent) = (mock("accept=reset").await, mock("accept=silent").await);
    let cases = all();
    let names: Vec<String> = (0..cases.len()).map(|number| format!("case-{number}")).collect();
    let served = cases.iter().zip(&names).map(|(case, name)| {
        let url = match case.door {
            "refuse" => refuses.clone(),
            "reset" => resets.url(),
            "silent" => silent.url(),
            _ => plain.url(),
        };
        (name.as_str(), vec![Provider::new("only", SURFACES[case.surface].provider, &url)])
    });
    let limits = [("response_header_timeout", "900ms"), ("idle_timeout", "900ms"), ("connect_timeout", "900ms")];
    let router = Router::start(&models(served), &limits);
    let mut wrong = String::new();
    let mut table = Table::default();
    for (cases, names) in cases.chunks(AT_ONCE).zip(names.chunks(AT_ONCE)) {
        let mut asked = Vec::new();
        for (case, name) in cases.iter().zip(names) {
            let surface = &SURFACES[case.surface];
            let request = Request::builder().method(Method::POST).uri(surface.path).header("anthropic-version", "1");
            let request = request.body(Bytes::from(case.body(name))).expect("the request is well-formed");
            let client = router.client();
            asked.push(tokio::spawn(async move { client.send(request).await }));
        }
        for (case, asked) in cases.iter().zip(asked) {
            let reply = asked.await.expect("every request is answered");
            let verdict = judge(case, &reply);
            table.count(case, verdict.is_ok());
            if let Err(why) = verdict {
                let (status, whole) = (reply.status, reply.whole);
                let _ = writeln!(wrong, "{case}: {why}; status {status}, whole {whole}: {:.600}", reply.text());
            }
        }
    }
    println!("{table}");
    assert!(wrong.is_empty(), "{wrong}");
    nothing_is_left(&router, &plain, cases.len()).await;
}

/// Every lease settled once, every request reported once, no connection held.
async fn nothing_is_left(router: &Router, plain: &MockServer, cases: usize) {
    until("all leases are settled", async || router.in_flight() == 0).await;
    until("every request is reported", async || router.finished().len() == cases).await;
    until("the clients' connections are closed", async || router.running().shared().connections() == 0).await;
    until("the provider has nothing under way", async || plain.stats().in_flight == 0).await;
    let state = router.running().shared().state().clone();
    for status in state.pools().flat_map(|pool| pool.balancer.status()) {
        let settled = status.succeeded + status.failed + status.cancelled;
        assert_eq!(status.picked, settled, "{status:?}");
    }
}

/// The size and the result of the matrix, a line for each surface.
#[derive(Default)]
struct Table(std::collections::BTreeMap<(usize, bool), (u32, u32)>);

impl Table {
    fn count(&mut self, case: &Case, good: bool) {
        let cell = self.0.entry((case.surface, case.stream)).or_default();
        cell.0 += 1;
        cell.1 += u32::from(good);
    }
}

impl std::fmt::Display for Table {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "{:24} {:8} {:>6} {:>6}", "surface", "mode", "cases", "honest")?;
        let mut sum = (0, 0);
        for ((surface, stream), (cases, good)) in &self.0 {
            let mode = if *stream { "stream" } else { "whole" };
            writeln!(f, "{:24} {mode:8} {cases:>6} {good:>6}", SURFACES[*surface].name)?;
            sum = (sum.0 + cases, sum.1 + good);
        }
        write!(f, "{:24} {:8} {:>6} {:>6}", "all", "", sum.0, sum.1)
    }
}
