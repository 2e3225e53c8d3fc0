//! Bad and hostile providers: whatever is on the wire, a client sees a whole answer or an honest failure, an endless
//! answer is bounded, and no byte of one answer ever reaches the next request.

mod answers;
pub(crate) mod raw;
mod reuse;

use bytes::Bytes;
use llm_router_tests::{Provider, Reply, Router, models, until};
use tokio::task::JoinSet;

use answers::{EVIL, Shape, TEXT, Want, all, good};
use raw::{Play, RawProvider, Then};

/// How long the router waits for a provider that is to answer.
const LONG: &str = "10";
/// How many shapes are tried at once.
const AT_ONCE: usize = 8;

/// A way to ask: the same dialect, or a translated one.
const PATHS: [&str; 2] = ["/v1/chat/completions", "/v1/messages"];

fn question() -> Bytes {
    Bytes::from_static(br#"{"model":"m","max_tokens":9,"messages":[{"role":"user","content":"hi"}]}"#)
}

fn router(provider: &RawProvider, patience: &'static str) -> Router {
    let settings = [
        ("probe_interval", "0"),
        ("server_workers_count", "1"),
        ("response_header_timeout", patience),
        ("first_token_timeout", patience),
        ("idle_timeout", patience),
    ];
    Router::start(&models([("m", vec![Provider::new("a", "openai", provider.url())])]), &settings)
}

/// Says what is wrong with an answer, if anything.
fn judge(reply: &Reply, want: Want) -> Result<(), &'static str> {
    let text = reply.text();
    if text.contains("127.0.0.1") || reply.headers.contains_key("x-evil") {
        return Err("an address or a header slipped through");
    }
    let refused = reply.status.as_u16() >= 400;
    if refused && (!reply.whole || !text.contains("error")) {
        return Err("an error without an error body");
    }
    let good = reply.status == 200 && reply.whole && text.contains(TEXT) && text.ends_with('}');
    let failed = refused || !reply.whole;
    // A length that is too short or nothing at all is what it is: where nobody reads it, nobody can tell.
    let short = reply.whole && !good && serde_json::from_slice::<serde_json::Value>(&reply.body).is_err();
    match want {
        Want::Whole if good => Ok(()),
        Want::Whole => Err("not the whole answer"),
        Want::Refused if refused => Ok(()),
        Want::Refused => Err("not refused"),
        Want::Bad if failed || short => Ok(()),
        Want::Bad => Err("passes for a good answer"),
        Want::Either if good || failed => Ok(()),
        Want::Either => Err("neither whole nor a failure"),
    }
}

/// Asks twice: for the shape, and whether all is well behind it.
async fn try_out(shape: Shape, path: &'static str) -> Result<(), String> {
    let patience = if matches!(shape.then, Then::Forever(_)) { "1" } else { LONG };
    let plays = vec![Play(shape.bytes, shape.then), Play(good("the second"), Then::Keep)];
    let provider = RawProvider::start(plays).await;
    let router = router(&provider, patience);
    let first = router.client().post(path, question()).await;
    let name = shape.name;
    judge(&first, shape.want).map_err(|why| format!("{name} {path}: {why}: {first:?}"))?;
    let next = router.client().post(path, question()).await;
    if next.status != 200 || !next.whole || !next.text().contains("the second") {
        return Err(format!("{name} {path}: the next request: {next:?}"));
    }
    until("the lease is settled", async || router.in_flight() == 0).await;
    Ok(())
}

#[tokio::test]
async fn whatever_is_on_the_wire_the_client_is_told_the_truth() {
    let mut wrong = Vec::new();
    let mut tries = JoinSet::<Result<(), String>>::new();
    for path in PATHS {
        for shape in all() {
            if tries.len() >= AT_ONCE {
                wrong.extend(tries.join_next().await.and_then(|tried| tried.expect("a try is well").err()));
            }
            tries.spawn(try_out(shape, path));
        }
    }
    wrong.extend(tries.join_all().await.into_iter().filter_map(Result::err));
    assert!(wrong.is_empty(), "{} of them:\n{}", wrong.len(), wrong.join("\n"));
}
