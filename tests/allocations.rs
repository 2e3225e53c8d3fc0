//! Allocations of one request through routing, lease, forwarding and record, and of each frame of a stream.
//! The limits here are what the code needs today: they may fall, not rise.

use std::{
    convert::Infallible,
    future::poll_fn,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{Method, Request, Response};
use http_body::{Body as HttpBody, Frame};
use llm_router_core::settings::Sources;
use llm_router_endpoints::{
    Body, BoxFuture, Call, Facts, Held, Life, Observer, Record, State, Target, Upstream, UpstreamError, route::Match,
};
use llm_router_server::{Models, load};

const MODELS: &str = r#"{"active_models": {"tests": ["m"]}, "tests": {"m": {"providers":
    [{"id": "m-1", "api_type": "openai", "api_host": "http://127.0.0.1:1"}]}}}"#;
const PATH: &str = "/v1/chat/completions";
const ANSWER: &[u8] = br#"{"id":"1","object":"chat.completion","choices":[{"index":0,"message":{"role":"assistant","content":"yes"},"finish_reason":"stop"}]}"#;
const EVENT: &[u8] = b"data: {\"id\":\"1\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"yes \"}}]}\n\n";

const LAST: &[u8] = b"data: [DONE]\n\n";

/// A request may allocate this often, with everything but the sockets and hyper. Two of them let it go on inside an
/// answer that has begun with comments, and one holds the answer, so that eight hands pass a pointer on and not half a
/// kilobyte each.
const REQUEST: u64 = 26;

/// A provider that answers from memory.
struct Provider {
    /// Frames of a stream, its last event included; none for a whole answer.
    frames: Option<u32>,
}

/// Frames that cost nothing to make.
struct Events(u32);

struct Nobody;

impl Observer for Nobody {
    fn finished(&self, facts: &Arc<Facts>) {
        assert_eq!(facts.status, 200);
    }
}

impl HttpBody for Events {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if self.0 == 0 {
            return Poll::Ready(None);
        }
        self.0 -= 1;
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(if self.0 == 0 { LAST } else { EVENT })))))
    }
}

impl Upstream for Provider {
    fn send<'a>(&'a self, _: &'a Target, _: Request<Body>) -> BoxFuture<'a, Result<Response<Body>, UpstreamError>> {
        let (body, kind) = match self.frames {
            None => (Bytes::from_static(ANSWER).into(), "application/json"),
            Some(frames) => (Body::frames(Events(frames)), "text/event-stream"),
        };
        let answer = Response::builder().header("content-type", kind).header("transfer-encoding", "chunked").body(body);
        Box::pin(async move { Ok(answer.expect("a head like this is right")) })
    }
}

fn state() -> Arc<State> {
    let flags = [("log_filename", "")].map(|(name, value)| (name.to_owned(), value.to_owned()));
    let loaded = load::settings(Sources { flags: flags.into(), ..Sources::default() });
    let loaded = loaded.unwrap_or_else(|problems| panic!("{problems}"));
    let models = Models { origin: "models".to_owned(), text: MODELS.to_owned() };
    let (state, _) = load::state(loaded.settings, &models).unwrap_or_else(|problems| panic!("{problems}"));
    Arc::new(state)
}

/// Sends one request and reads its answer; how long that is.
async fn answer(state: Arc<State>, upstream: Arc<Provider>) -> usize {
    let body = format!(r#"{{"model":"m","stream":{},"messages":[]}}"#, upstream.frames.is_some());
    let (head, ()) = Request::builder().method(Method::POST).uri(PATH).body(()).expect("a head").into_parts();
    let Match::Found { placed, .. } = state.route(&head.method, PATH) else { panic!("no route") };
    let record = Record::new("1".to_owned(), Method::POST, Arc::clone(&placed.pattern), Arc::new(Nobody));
    let mut call = Call {
        head,
        body: body.into(),
        rest: String::new(),
        surface: placed.route.surface,
        state: Arc::clone(&state),
        upstream,
        record: Some(record),
        deadline: None,
        held: Held::default(),
        life: Life::default(),
    };
    let mut answer = state.endpoint(placed).call(&mut call).await.expect("an answer");
    let mut length = 0;
    while let Some(frame) = poll_fn(|cx| Pin::new(answer.body_mut()).poll_frame(cx)).await {
        length += frame.expect("a whole answer").data_ref().map_or(0, Bytes::len);
    }
    length
}

/// Allocations of a request like one that has gone before.
fn count(frames: Option<u32>, expected: usize) -> u64 {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let (state, upstream) = (state(), Arc::new(Provider { frames }));
    let request = || assert_eq!(runtime.block_on(answer(Arc::clone(&state), Arc::clone(&upstream))), expected);
    request();
    allocation_counter::measure(request).count_total
}

#[test]
fn a_request_allocates_no_more_than_it_did() {
    let seen = count(None, ANSWER.len());
    assert!(seen <= REQUEST, "{seen} allocations");
}

#[test]
fn passing_a_frame_allocates_nothing() {
    let few = count(Some(10), 9 * EVENT.len() + LAST.len());
    let many = count(Some(1010), 1009 * EVENT.len() + LAST.len());
    assert_eq!(many, few, "allocations of 1000 more frames: {}", many - few);
}
